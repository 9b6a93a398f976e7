"""Read the points and the cells of a mesh file, in a separate process that meshes/reader_process.py describes."""

import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from freqbias.errors import InputError
from freqbias.problem import why_no_file

MPI_VARIABLES = ("PMI", "PMIX", "MPI", "HYDRA", "OMPI")
WIDE_TERMINAL = {"COLUMNS": str(2**16)}  # meshio prints its messages with rich, which breaks lines, even in a path
REFUSED = 2  # exit code of the process


class MeshFile(NamedTuple):
    """points: (n, k). cells: for each block meshio's name of the cell type, and the nodes of the cells, (c, j)."""

    points: np.ndarray
    cells: list[tuple[str, np.ndarray]]


def read_mesh(path: Path) -> MeshFile:
    """Return the points and the cells of a mesh file. Raises InputError if the file cannot be read."""
    if not path.is_file():  # to open a pipe would wait for ever
        raise InputError(f"{why_no_file(path)}; give the path of a mesh file")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(MPI_VARIABLES)} | WIDE_TERMINAL
    path = path.absolute()
    done = subprocess.run(  # noqa: S603  # our own module
        [sys.executable, "-P", "-m", "freqbias.meshes.reader_process", str(path)],
        stdin=subprocess.DEVNULL, capture_output=True, cwd=path.resolve().parent, env=environment, check=False,
    )  # fmt: skip
    if done.returncode == -signal.SIGTERM:
        raise KeyboardInterrupt  # the same signal was sent to this process
    message = (done.stderr.decode(errors="replace").strip().splitlines() or [""])[-1]
    if done.returncode == REFUSED:
        raise InputError(message)
    if done.returncode == -signal.SIGXCPU:
        message = "it did not end in the time that is enough for a file of this size"
    if done.returncode:
        raise InputError(
            f"the process that reads the file failed ({message or f'exit code {done.returncode}'}); write the mesh "
            "again, as .vtu, .msh or .xdmf"
        )
    arrays = np.load(io.BytesIO(done.stdout), allow_pickle=False)
    return MeshFile(arrays["points"], [(str(kind), arrays[f"cells{i}"]) for i, kind in enumerate(arrays["kinds"])])
