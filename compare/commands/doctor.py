"""`freqbias doctor`: test every library and tool, name those that are missing, and say how to install them."""

import importlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from freqbias import libraries
from freqbias.compare.style import aligned
from freqbias.runtime import StopRequest, rank, size, threads, threads_alone, world

MORE_RANKS = "`{} -n 4 freqbias pde RUN.toml` starts four ranks"
# Import names. mpi4py.MPI comes first, because it loads the MPI library that the other packages use.
FENICSX = ("mpi4py.MPI", "petsc4py", "dolfinx", "basix", "ufl")
ALWAYS = (
    "numpy",
    "scipy",
    "torch",
    "finufft",
    "xarray",
    "h5netcdf",
    "h5py",
    "pydantic",
    "tomli_w",
    "matplotlib",
    "PIL",
    "tifffile",
    "imagecodecs",
    "soundfile",
    "nibabel",
    "nrrd",
    "meshio",
    "pyvista",
    "rich",
    "typer",
)
DISTRIBUTIONS = {"PIL": "pillow", "nrrd": "pynrrd", "tomli_w": "tomli-w", "ufl": "fenics-ufl", "basix": "fenics-basix"}


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    state: "ok", "missing" (`freqbias run` cannot work) or "note" (`freqbias run` works, but not with every option).
    """

    state: Literal["ok", "missing", "note"]
    name: str
    what: str
    remedy: str = ""


def diagnose(stop: StopRequest | None = None) -> int:
    """Print the report on rank 0. Return 0 if `freqbias run` can work, otherwise 2. Collective."""
    findings = []
    for finding in _examine():  # on every rank, because PETSc must start on all ranks together
        findings.append(finding)
        if stop is not None:
            stop.check()
    usable = all(finding.state != "missing" for finding in findings)
    if rank() == 0:
        print(aligned([(f.state, f.name, f"{f.what}{f'; {f.remedy}' if f.remedy else ''}") for f in findings]))
        print()
        print(
            "`freqbias run` can work here."
            if usable
            else "`freqbias run` cannot work here: repair every line marked missing."
        )
    return 0 if usable else 2


def _examine() -> Iterator[Finding]:
    yield Finding("ok", "freqbias", f"{_version('freqbias')} in {Path(__file__).resolve().parents[2]}")
    yield Finding("ok", "python", f"{sys.version.split()[0]}, {sys.executable}")
    yield from (package(name, libraries.remedy("fenicsx")) for name in FENICSX)
    yield from (package(name, libraries.remedy()) for name in ALWAYS)
    yield attempt("MPI library", _mpi_library, libraries.remedy("fenicsx"))
    yield attempt("PETSc", _petsc, libraries.remedy("fenicsx"))
    yield after("dolfinx", "C compiler", _compile, libraries.COMPILER)
    yield attempt("NUFFT", _transform, "reinstall finufft")
    yield attempt("MUMPS", _mumps, "only the local operator needs a PETSc with MUMPS", needed=False)
    yield attempt("GPU", _gpu, "the network trains on the CPU", needed=False)
    yield attempt("CuPy", _cupy, "the equation is solved on the CPU", needed=False)
    yield Finding("ok", "ranks", "1; " + MORE_RANKS.format(libraries.mpirun()) if size() == 1 else str(size()))
    yield Finding("ok", "threads", f"{threads()} per rank, {threads_alone()} while one rank works alone")
    yield attempt("memory", _memory, "", needed=False)
    yield _reduction()


def after(library: str, name: str, work: Callable[[], str], remedy: str) -> Finding:
    """Run `attempt` if `library` can be imported. Otherwise return a note.

    The note has no remedy, because another line of the report already says that the library is missing.
    """
    try:
        importlib.import_module("mpi4py.MPI")
        importlib.import_module(library)
    except Exception as failure:
        return Finding("note", name, f"not tried, because {library} cannot be imported: {_reason(failure)}")
    return attempt(name, work, remedy)


def package(name: str, remedy: str) -> Finding:
    """Import a package and return a line with its version."""
    return attempt(name, lambda: _imported(name), remedy)


def attempt(name: str, work: Callable[[], str], remedy: str, *, needed: bool = True) -> Finding:
    """Return a line with the text that `work` returns.

    If `work` raises, the line has the error and the remedy. Its state is then "missing", or "note" unless `needed`.
    """
    try:
        return Finding("ok", name, work())
    except Exception as failure:  # a broken installation may raise anything
        return Finding("missing" if needed else "note", name, _reason(failure), remedy)


def _reason(failure: Exception) -> str:
    """Return the first line of an error message. Further lines of mpi4py list the paths that were searched."""
    return (str(failure).strip() or type(failure).__name__).splitlines()[0][:200]


def _imported(name: str) -> str:
    importlib.import_module(name)
    package = name.partition(".")[0]
    return str(getattr(sys.modules[package], "__version__", None) or _version(DISTRIBUTIONS.get(package, package)))


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown version"


def _reduction() -> Finding:
    """Test a sum over all ranks. Collective."""

    def work() -> str:
        world()  # raises if launcher and library disagree
        from mpi4py import MPI

        total = MPI.COMM_WORLD.allreduce(1)
        if total != size():
            raise RuntimeError(f"a sum over {size()} ranks gave {total}")
        return f"a sum over {total} rank{'s' if total > 1 else ''} is right"

    return after("mpi4py.MPI", "MPI", work, f"start with `{libraries.mpirun()}`, not with another MPI's mpirun")


def _mpi_library() -> str:
    from mpi4py import MPI

    return MPI.Get_library_version().splitlines()[0].strip().rstrip("\0")


def _petsc() -> str:
    import numpy as np
    from mpi4py import MPI  # noqa: F401  (before PETSc)
    from petsc4py import PETSc

    if np.issubdtype(PETSc.ScalarType, np.complexfloating):
        raise RuntimeError("PETSc has complex scalars, but freqbias needs real scalars")
    return f"{'.'.join(map(str, PETSc.Sys.getVersion()))}, real scalars"


def _mumps() -> str:
    from petsc4py import PETSc

    if not PETSc.Sys.hasExternalPackage("mumps"):
        raise RuntimeError("PETSc was built without MUMPS")
    return "available"


def _compile() -> str:
    """Compile a form, with an empty cache, and compute its integral."""
    from mpi4py import MPI  # isort: skip
    import dolfinx
    import ufl

    mesh = dolfinx.mesh.create_unit_interval(MPI.COMM_SELF, 2)
    with tempfile.TemporaryDirectory() as folder:
        x = ufl.SpatialCoordinate(mesh)
        form = dolfinx.fem.form(2 * x[0] * ufl.dx, jit_options={"cache_dir": Path(folder)})
        area = dolfinx.fem.assemble_scalar(form)
    if abs(area - 1) > 1e-12:
        raise RuntimeError(f"a compiled form gave {area}, not 1")
    return f"{os.environ.get('CC', 'cc')} compiles forms"


def _transform() -> str:
    import numpy as np

    from freqbias.numerics import Grid, GridTransform, transform

    grid, rng = Grid((9,), (1.0,)), np.random.default_rng(0)
    values, frequencies = rng.normal(size=9), rng.normal(size=(5, 1))
    found = GridTransform(grid, frequencies).to_frequencies(values) / grid.size
    if not np.allclose(found, transform(values, grid.positions(), frequencies), atol=1e-12):
        raise RuntimeError("a small transform is wrong")
    return "a small transform is right"


def _gpu() -> str:
    import torch

    if not torch.cuda.is_available():
        raise RuntimeError(f"torch {torch.__version__} finds no usable GPU")
    total = torch.ones(8, device="cuda").sum().item()
    if total != 8:
        raise RuntimeError(f"a sum on the GPU gave {total}, not 8")
    names = ", ".join(torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count()))
    return f"{names}, CUDA {torch.version.cuda}"


def _cupy() -> str:
    from freqbias.numerics import cupy_on_gpu

    cupy = cupy_on_gpu(0)
    total = float(cupy.ones(8).sum())
    if total != 8:
        raise RuntimeError(f"a sum on the GPU gave {total:g}, not 8")
    return f"{cupy.__version__}, a sum on the GPU is right"


def _memory() -> str:
    page = os.sysconf("SC_PAGE_SIZE") / 2**30
    return f"{page * os.sysconf('SC_AVPHYS_PAGES'):.1f} of {page * os.sysconf('SC_PHYS_PAGES'):.1f} GiB free"
