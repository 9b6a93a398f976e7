"""Programs under test, started as users start them: several ranks by the mpirun beside this Python."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[2]
MPIRUN = Path(sys.executable).parent / "mpirun"


def program(code: str, *, ranks: int | None = None) -> list[str]:
    """The command line that runs `code`, under mpirun where `ranks` is given."""
    started = [sys.executable, "-c", textwrap.dedent(code)]
    return started if ranks is None else [str(MPIRUN), "-n", str(ranks), *started]


def environment(**extra: str) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)} | extra


def launch(
    code: str, *, ranks: int | None = None, timeout: float = 60, **extra: str
) -> subprocess.CompletedProcess[str]:
    """Runs `code` to its end; `extra` are environment variables."""
    return subprocess.run(
        program(code, ranks=ranks),
        env=environment(**extra),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def start(code: str, *, ranks: int | None = None) -> subprocess.Popen[str]:
    """Starts `code` and returns once it has printed its first line."""
    process = subprocess.Popen(
        program(code, ranks=ranks), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process
