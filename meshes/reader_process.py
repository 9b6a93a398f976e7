"""Read a mesh file with meshio: python -P -m freqbias.meshes.reader_process FILE, which writes .npz to stdout.

A mesh file may be damaged, so that its reader crashes, does not end, or fills the memory. A mesh file may also name
other files, as *INCLUDE of Abaqus, XDMF and links of HDF5 do. So this process has limits of memory and time, starts no
programs, writes no files, and opens only the mesh file and its companions (`meshes/companions.py`). The option -P keeps
Python from importing modules in the user's current folder.
"""

import io
import os
import resource
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import meshio
import numpy as np

from freqbias.errors import InputError
from freqbias.meshes.companions import find_companions
from freqbias.meshes.msh_sections import mesh_sections
from freqbias.problem import check_hdf5

REFUSED = 2  # exit code
MEMORY, MEMORY_PER_BYTE = 2**30, 64  # [bytes]; meshio needs about 10 bytes for each byte of a text file
SECONDS, SECONDS_PER_BYTE = 5, 2e-6  # meshio's slowest readers need 2e-7 s for each byte, measured
NOT_HDF5 = {".msh", ".vtk", ".vtu"}
PROGRAMS = {"os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "subprocess.Popen", "pty.spawn"}


def main(name: str) -> None:
    path = Path(name)
    try:
        limit(path)
        companions = find_companions(path)
        limit(path, *companions)
        for file in (path, *companions):
            if file.suffix.lower() in NOT_HDF5:
                continue
            import h5py  # here, because its import takes long, and starts `uname`

            if h5py.is_hdf5(file):
                check_hdf5(file)
        source, kind = path, None
        if path.suffix.lower() == ".msh":
            source, kind = in_memory(mesh_sections(path.read_bytes())), "gmsh"
        open_only({path, path.resolve(), source, *companions})
        send(read(path, source, kind))
    except InputError as failure:
        refusal = str(failure)
    except MemoryError:
        refusal = (
            f"the file declares data of more than {MEMORY_PER_BYTE} times its size, or is damaged; write the mesh "
            "again without compression"
        )
    else:
        return
    print(refusal, file=sys.stderr)
    sys.exit(REFUSED)


def limit(*files: Path) -> None:
    """Limit the memory and the computing time to what files of this size need."""
    size = sum(min(info.st_size, 512 * info.st_blocks) for info in map(os.stat, files))  # a file may have holes
    taken = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    for kind, amount in {
        resource.RLIMIT_AS: taken + MEMORY + MEMORY_PER_BYTE * size,
        resource.RLIMIT_CPU: SECONDS + int(SECONDS_PER_BYTE * size),
    }.items():
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (amount if hard == resource.RLIM_INFINITY else min(amount, hard), hard))


def in_memory(data: bytes) -> Path:
    """Return the path of a file that exists only in the memory of this process."""
    path = Path(f"/proc/self/fd/{os.memfd_create('mesh')}")
    path.write_bytes(data)
    return path


def open_only(allowed: set[Path]) -> None:
    """From now on start no program, write no file, and open no files but the allowed ones and Python's own."""
    sys.dont_write_bytecode = True
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    names = {str(path) for path in allowed}
    python = tuple(str(Path(folder).absolute()) + "/" for folder in sys.path if folder)

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event in PROGRAMS:
            raise InputError(f"the reader of the file would start a program ({event}); give a .vtu file")
        if event != "open" or isinstance(arguments[0], int):
            return
        name, _, flags = arguments
        name = os.path.abspath(os.fsdecode(name))  # noqa: PTH100  # resolves no links
        if name not in names and not name.startswith(python):
            raise InputError(f"the file names another file, {name}; write the whole mesh into one file")
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise InputError(f"the reader of the file would write {name}; give a .vtu file")

    sys.addaudithook(refuse)


def read(path: Path, source: Path, kind: str | None) -> meshio.Mesh:
    """Return the mesh of the file at `source`. Messages name it `path`."""
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()) as printed:
            return meshio.read(source, file_format=kind)
    except (InputError, MemoryError):
        raise
    except (Exception, SystemExit) as failure:  # without a reader, meshio prints a message and raises SystemExit
        reason = " ".join(printed.getvalue().split()) if isinstance(failure, SystemExit) else str(failure)
        reason = (reason or type(failure).__name__).replace(str(source), str(path))
        raise InputError(
            f"meshio cannot read the file ({reason}); write the mesh again as .vtu, .msh or .xdmf"
        ) from None


def send(mesh: meshio.Mesh) -> None:
    """Write the points and the cells to stdout."""
    blocks = [block for block in mesh.cells if len(block.data)]
    arrays: dict[str, Any] = {
        f"cells{i}": np.empty((0, 0), int) if block.type.startswith("polyhedron") else np.asarray(block.data, np.int64)
        for i, block in enumerate(blocks)
    }  # freqbias refuses polyhedra, which are lists of faces, by their name
    kinds = np.array([block.type for block in blocks], dtype=str)
    np.savez(sys.stdout.buffer, points=np.asarray(mesh.points, dtype=float), kinds=kinds, **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
