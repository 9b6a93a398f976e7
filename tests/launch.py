"""Start the commands as a user does: real processes, alone or under mpirun."""

import os
import subprocess
import sys
from pathlib import Path

MPIRUN = Path(sys.executable).parent / "mpirun"


def command(*arguments: object, ranks: int = 1) -> list[str]:
    """The command line of `python ...`, under mpirun where more ranks than one are asked for."""
    launcher = [str(MPIRUN), "-n", str(ranks)] if ranks > 1 else []
    return [*launcher, sys.executable, *map(str, arguments)]


def environment() -> dict[str, str]:
    """One thread a rank: the tests share the machine."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[1])}


def run(*arguments: object, ranks: int = 1, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments, ranks=ranks),
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environment(),
        check=False,
    )


def start(*arguments: object, ranks: int = 1) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(*arguments, ranks=ranks), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    )
