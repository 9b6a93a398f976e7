"""Start programs as a user does: real processes, alone or under the mpirun beside this Python."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
MPIRUN = Path(sys.executable).parent / "mpirun"


class Said(NamedTuple):
    """Exit code, and what all ranks printed, of one of several commands."""

    returncode: int
    stdout: str
    stderr: str


def command(*arguments: object, ranks: int = 1) -> list[str]:
    """The command line of `python ...`, under mpirun where more ranks than one are asked for."""
    launcher = [str(MPIRUN), "-n", str(ranks)] if ranks > 1 else []
    return [*launcher, sys.executable, *map(str, arguments)]


def environment(**extra: str) -> dict[str, str]:
    """One thread a rank, and a rank of MPICH that waits sleeps: the tests share the machine. extra: more variables."""
    mpich = {"MPIR_CVAR_ENABLE_HEAVY_YIELD": "1", "MPIR_CVAR_POLLS_BEFORE_YIELD": "100"}
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **mpich, **extra}


def run(*arguments: object, ranks: int = 1, timeout: float = 120, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run `python ...` to its end."""
    return subprocess.run(
        command(*arguments, ranks=ranks),
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environment(**extra),
        check=False,
    )


def run_all(commands: list[list[object]], folder: Path, *, ranks: int, timeout: float = 300) -> list[Said]:
    """Run commands of freqbias one after another in the same processes, and return what each came to; folder: for the
    files of this."""
    asked, report = folder / f"commands-{ranks}.json", folder / f"report-{ranks}.json"
    asked.write_text(json.dumps([[*map(str, each)] for each in commands]))
    done = run("-m", "tests.batch", asked, report, ranks=ranks, timeout=timeout)
    assert done.returncode == 0, done.stderr
    by_rank = json.loads(report.read_text())
    return [
        Said(each[0][0], "".join(out for _, out, _ in each), "".join(err for _, _, err in each))
        for each in zip(*by_rank, strict=True)
    ]


def start(*arguments: object, ranks: int = 1) -> subprocess.Popen[str]:
    """Start `python ...`."""
    return subprocess.Popen(
        command(*arguments, ranks=ranks), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    )


def code(text: str) -> tuple[str, str]:
    """The arguments that run an indented program."""
    return "-c", textwrap.dedent(text)


def run_code(
    text: str, *arguments: object, ranks: int = 1, timeout: float = 60, **extra: str
) -> subprocess.CompletedProcess[str]:
    """Run an indented program to its end."""
    return run(*code(text), *arguments, ranks=ranks, timeout=timeout, **extra)


def start_code(text: str, *arguments: object, ranks: int = 1) -> subprocess.Popen[str]:
    """Start an indented program, and return once it has printed its first line."""
    process = start(*code(text), *arguments, ranks=ranks)
    assert process.stdout is not None
    process.stdout.readline()
    return process
