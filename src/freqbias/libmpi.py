"""Help mpi4py find the MPI library (libmpi) under `uv run --with jupyter ...`.

mpi4py looks for libmpi in sys.prefix. `uv run --with` runs Python in a second environment with another sys.prefix. That
environment sees the packages of the project, but mpi4py does not find their libmpi. freqbias/__init__.py calls
`point_to_libmpi` first, so that no module of freqbias imports mpi4py.MPI earlier. Child processes inherit the variable.
"""

import os
import sys
from pathlib import Path

VARIABLE = "MPI4PY_LIBMPI"  # read by mpi4py, like MPI4PY_MPIABI; a value that the user has set is kept
NAMES = ("libmpi.so.12", "libmpi.so.40")  # the first of MPICH and compatible libraries, the second of Open MPI


def point_to_libmpi() -> None:
    """Tell mpi4py the path of the libmpi in the package mpich, if mpi4py would not find that file itself."""
    if VARIABLE in os.environ or "MPI4PY_MPIABI" in os.environ:
        return
    if any(Path(sys.exec_prefix, "lib", name).exists() for name in NAMES):
        return
    from importlib import metadata  # takes 10 ms, and is needed only here

    try:
        files = metadata.files("mpich") or []
    except metadata.PackageNotFoundError:
        return  # MPI is installed in another way, or not at all
    for file in files:
        if file.name in NAMES and (library := Path(str(file.locate())).resolve()).exists():
            os.environ[VARIABLE] = str(library)
            return
