"""Read mesh files with meshio, and .msh files with Gmsh.

Gmsh runs in a separate process, because a damaged file can crash the process that reads it.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

from freqbias.errors import InputError

MESH_HEADER = b"$MeshFormat"
GMSH_SECONDS = 300  # time limit of the process
MPI_VARIABLES = ("PMI", "PMIX", "MPI", "HYDRA", "OMPI")


def read_mesh(path: Path):  # type: ignore[no-untyped-def]  # meshio has no types
    """Return the meshio.Mesh of a file. Raises InputError if the file cannot be read."""
    return _through_gmsh(path) if path.suffix == ".msh" else _through_meshio(path)


def _through_meshio(path: Path):  # type: ignore[no-untyped-def]
    import meshio

    try:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()) as printed, _wide_terminal():
            return meshio.read(path)
    except (Exception, SystemExit) as failure:  # without a reader, meshio prints a message and raises SystemExit
        reason = " ".join(printed.getvalue().split()) if isinstance(failure, SystemExit) else str(failure)
        raise InputError(
            f"meshio cannot read the file ({reason or type(failure).__name__}); write the mesh again as .vtu, .msh or "
            ".xdmf"
        ) from None


@contextmanager
def _wide_terminal() -> Iterator[None]:
    """Keep meshio's messages on one line. meshio prints with rich, which breaks lines at COLUMNS, even in a path."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(2**16)
    try:
        yield
    finally:
        os.environ.pop("COLUMNS")
        os.environ.update({} if before is None else {"COLUMNS": before})


def _through_gmsh(path: Path):  # type: ignore[no-untyped-def]
    """Convert the .msh file to .vtk with Gmsh, in a process without the variables of MPI, and read the .vtk file.

    Gmsh takes a file that does not begin as a mesh for a script, and runs its commands. So such a file is refused, and
    Gmsh sees only a copy of the file, in a folder without other files.
    """
    try:
        with path.open("rb") as file:
            first_line = file.readline(32).rstrip(b"\r\n")
    except OSError as failure:
        raise InputError(f"the file cannot be opened: {failure.strerror}; give a file that you may read") from None
    if first_line != MESH_HEADER:
        raise InputError(
            f"the first line is not {MESH_HEADER.decode()}, so this is not a mesh of Gmsh; write the mesh again with "
            "Gmsh, or give a .vtu file"
        )
    environment = {k: v for k, v in os.environ.items() if not k.startswith(MPI_VARIABLES)}
    with tempfile.TemporaryDirectory() as folder:
        source, converted = Path(folder) / "source.msh", Path(folder) / "mesh.vtk"
        shutil.copyfile(path, source)
        script = Path(__file__).with_name("gmsh_process.py")
        command = [sys.executable, "-P", str(script), str(source), str(converted)]
        try:
            done = subprocess.run(  # noqa: S603  # our own module
                command, capture_output=True, text=True, timeout=GMSH_SECONDS, env=environment, check=False
            )
        except subprocess.TimeoutExpired:
            raise InputError(
                f"Gmsh did not read the file within {GMSH_SECONDS} s; write the mesh again, or give a .vtu file"
            ) from None
        if done.returncode == -signal.SIGTERM:
            raise KeyboardInterrupt  # the same signal was sent to this process
        if done.returncode or not converted.is_file():
            reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise InputError(
                f"Gmsh cannot read the file ({reason}); write the mesh again with Gmsh, or give a .vtu file"
            )
        return _through_meshio(converted)
