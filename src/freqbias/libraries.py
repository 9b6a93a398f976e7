"""What to say where a library, or the C compiler, is missing: what it is, and how to install it here."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from freqbias.errors import MissingLibraryError

FENICSX = ("mpi4py", "petsc4py", "dolfinx", "basix", "ufl", "ffcx")  # by import name
NO_LIBMPI = "cannot load MPI library"  # mpi4py's RuntimeError begins so
NO_COMPILER = ("Failed JIT compilation", "JIT compilation failed")  # DOLFINx's begin so under MPI, of rank 0 and others
COMPILER = "install a C compiler (Debian: apt install gcc; conda: conda install c-compiler) and see that CC names it"
ELSEWHERE = "or take DOLFINx 0.11 from conda-forge, Debian, Docker or Spack"
ROOT = Path(__file__).resolve().parents[2]  # of a checkout


@contextmanager
def explained() -> Iterator[None]:
    """Raises MissingLibraryError in place of what a missing library raises when imported."""
    try:
        yield
    except Exception as error:
        if missing := explanation(error):
            raise missing from error
        raise


def explanation(error: BaseException) -> MissingLibraryError | None:
    """The same error as the user needs it, or None where no missing library raised it."""
    what = str(error).strip()
    if isinstance(error, RuntimeError) and what.startswith(NO_LIBMPI):
        what = "DOLFINx is not installed" if find_spec("dolfinx") is None else "mpi4py finds no MPI library (libmpi)"
        return MissingLibraryError(f"{what}: {remedy('fenicsx')}")
    alone = type(error).__name__ == "VerificationError"  # cffi's
    if alone or (isinstance(error, RuntimeError) and what.startswith(NO_COMPILER)):
        reason = f" ({what.splitlines()[0]})" if alone and what else ""  # with several ranks, which say the same
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
        return None  # ours to mend
    return MissingLibraryError(f"{what}: {remedy('fenicsx' if fenicsx else '')}")


def remedy(extra: str = "") -> str:
    """How to install what an extra of freqbias brings, or, without one, what it always needs."""
    named = f"[{extra}]" if extra else ""
    if of_uv():
        how = f"run `uv sync` in {ROOT}"
    elif (ROOT / "pyproject.toml").exists():
        how = f"run `pip install -e '.{named}'` in {ROOT}"
    else:
        how = f"run `pip install {f"'freqbias{named}'" if extra else '--force-reinstall freqbias'}`"
    return f"{how}, {ELSEWHERE}" if extra == "fenicsx" else how


def mpirun() -> str:
    """How to start the mpirun of this environment."""
    return "uv run mpirun" if of_uv() else "mpirun"


def of_uv() -> bool:
    """Whether this is the environment that uv keeps in a checkout, or one laid over it by `uv run --with`."""
    return any(Path(entry).is_relative_to(ROOT / ".venv") for entry in sys.path)
