"""Error messages for a missing library or C compiler: what is missing, and how to install it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from freqbias.errors import MissingLibraryError

FENICSX = ("mpi4py", "petsc4py", "dolfinx", "basix", "ufl", "ffcx")  # by import name
NO_LIBMPI = "cannot load MPI library"  # beginning of mpi4py's RuntimeError
NO_COMPILER = ("Failed JIT compilation", "JIT compilation failed")  # DOLFINx's, on rank 0 and others
COMPILER = "install a C compiler (Debian: apt install gcc; conda: conda install c-compiler) and set CC to its command"
ELSEWHERE = "or install DOLFINx 0.11 from conda-forge, Debian, Docker or Spack"
ROOT = Path(__file__).resolve().parents[2]  # of a checkout


@contextmanager
def explained() -> Iterator[None]:
    """Raise MissingLibraryError in place of the exception that the import of a missing library raises."""
    try:
        yield
    except Exception as error:
        if missing := explanation(error):
            raise missing from error
        raise


def explanation(error: BaseException) -> MissingLibraryError | None:
    """Return a MissingLibraryError that explains this error, or None if no library is missing."""
    what = str(error).strip()
    if isinstance(error, RuntimeError) and what.startswith(NO_LIBMPI):
        what = "DOLFINx is not installed" if find_spec("dolfinx") is None else "mpi4py finds no MPI library (libmpi)"
        return MissingLibraryError(f"{what}: {remedy('fenicsx')}")
    alone = type(error).__name__ == "VerificationError"  # raised by cffi, with one process
    if alone or (isinstance(error, RuntimeError) and what.startswith(NO_COMPILER)):
        reason = f" ({what.splitlines()[0]})" if alone and what else ""  # several ranks would repeat the reason
        return MissingLibraryError(f"DOLFINx cannot compile its forms{reason}: {COMPILER}")
    if not isinstance(error, ImportError) or isinstance(error, MissingLibraryError):
        return None
    library = (error.name or "").partition(".")[0]
    fenicsx = library in FENICSX
    if isinstance(error, ModuleNotFoundError) and library not in ("", "freqbias"):
        what = f"DOLFINx is not installed ({what})" if fenicsx else f"{library} is not installed"
    elif fenicsx:
        what = f"DOLFINx 0.11 cannot be loaded ({what})"
    else:
        return None  # a bug in freqbias
    return MissingLibraryError(f"{what}: {remedy('fenicsx' if fenicsx else '')}")


def remedy(extra: str = "") -> str:
    """Say how to install the libraries of this extra of freqbias. Without `extra`, those that freqbias always needs."""
    named = f"[{extra}]" if extra else ""
    if of_uv():
        how = f"run `uv sync` in {ROOT}"
    elif (ROOT / "pyproject.toml").exists():
        how = f"run `pip install -e '.{named}'` in {ROOT}"
    else:
        how = f"run `pip install {f"'freqbias{named}'" if extra else '--force-reinstall freqbias'}`"
    return f"{how}, {ELSEWHERE}" if extra == "fenicsx" else how


def mpirun() -> str:
    """The command that starts the mpirun of this environment."""
    return "uv run mpirun" if of_uv() else "mpirun"


def of_uv() -> bool:
    """Whether uv made the environment in which Python runs, in a checkout or on top of it with `uv run --with`."""
    return any(Path(entry).is_relative_to(ROOT / ".venv") for entry in sys.path)
