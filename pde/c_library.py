"""Functions in C: the files *.c beside this module are compiled at their first use on a machine.

DOLFINx compiles its forms in the same way, with the same compiler, and the results lie in the same folder.
"""

from mpi4py import MPI  # noqa: F401  # isort: skip
import hashlib
import importlib.machinery
import importlib.util
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType

import cffi
import numpy as np
from dolfinx.jit import get_options

from freqbias.errors import ComputationError
from freqbias.pde.form_compiler import JIT_OPTIONS, vector_flags


def call(file: str, declarations: str, function: str, *arguments: int | float | np.ndarray) -> None:
    """Call a function of the file file.c. Arrays are passed as pointers, and must be contiguous.

    declarations: those of the functions of this file. Python's global lock is not held during the call. Raises
    ComputationError if the file cannot be compiled.
    """
    module = _module(file, declarations)
    pointers = [_pointer(module, each) if isinstance(each, np.ndarray) else each for each in arguments]
    getattr(module.lib, function)(*pointers)


def _pointer(module: ModuleType, array: np.ndarray) -> object:
    kind = {np.dtype(np.float64): "double", np.dtype(np.int32): "int32_t"}[array.dtype]
    return module.ffi.from_buffer(f"{kind} []", array)


@cache
def _module(file: str, declarations: str) -> ModuleType:
    """Return the compiled module. Its name has a hash of all that determines its machine code."""
    source = Path(__file__).with_name(f"{file}.c").read_text(encoding="utf-8")
    flags = ["-std=c17", *JIT_OPTIONS["cffi_extra_compile_args"], *vector_flags()]
    key = hashlib.sha256("\n".join([declarations, source, *flags]).encode()).hexdigest()[:16]
    module_name = f"libfreqbias_{file}_{key}"
    folder = Path(get_options()["cache_dir"])
    path = folder / f"{module_name}{importlib.machinery.EXTENSION_SUFFIXES[0]}"
    if not path.exists():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _compile(path, module_name, declarations, source, flags)
        except OSError as failure:
            raise ComputationError(
                f"cannot write compiled functions to {folder}: {failure}; set XDG_CACHE_HOME to a folder that you can "
                "write to"
            ) from failure
    specification = importlib.util.spec_from_file_location(module_name, path)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def _compile(path: Path, module_name: str, declarations: str, source: str, flags: list[str]) -> None:
    """Compile in a folder of its own. The result gets its name at the end, so that other processes find it complete."""
    builder = cffi.FFI()
    builder.cdef(declarations)
    builder.set_source(module_name, source, extra_compile_args=flags)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        try:
            Path(builder.compile(tmpdir=folder)).replace(path)
        except cffi.VerificationError as failure:
            raise ComputationError(
                f"the C compiler could not compile {module_name}: {failure}; `freqbias doctor` tests the compiler"
            ) from failure
