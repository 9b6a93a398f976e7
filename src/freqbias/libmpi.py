"""Where mpi4py finds the MPI library: it looks beside sys.prefix, and `uv run --with jupyter ...` has another one.

There Python runs in an environment laid over that of the project, whose packages it sees, but not their libmpi. It is
called by freqbias/__init__.py, so before anything of ours can import mpi4py.MPI; programs started from here inherit it.
"""

import os
import sys
from pathlib import Path

VARIABLE = "MPI4PY_LIBMPI"  # mpi4py's own, as is MPI4PY_MPIABI: what the user sets counts
NAMES = ("libmpi.so.12", "libmpi.so.40")  # MPICH's and those like it, Open MPI's


def point_to_libmpi() -> None:
    """Names the libmpi of the distribution mpich to mpi4py, where that would not look for it."""
    if VARIABLE in os.environ or "MPI4PY_MPIABI" in os.environ:
        return
    if any(Path(sys.exec_prefix, "lib", name).exists() for name in NAMES):
        return
    from importlib import metadata  # 10 ms, which the usual environment is spared

    try:
        files = metadata.files("mpich") or []
    except metadata.PackageNotFoundError:
        return  # an MPI from elsewhere, or none
    for file in files:
        if file.name in NAMES and (library := Path(str(file.locate())).resolve()).exists():
            os.environ[VARIABLE] = str(library)
            return
