"""Start programs as a user does: real processes, alone or under the mpirun beside this Python.

A start costs seconds. `run_all` and `run_together` send work to resident processes, which start only once. Use them
unless a test is about the start, a signal, an abort or a launcher.
"""

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

ROOT = Path(__file__).parents[1]
MPIRUN = Path(sys.executable).parent / "mpirun"
ANSWER = "answer: "


class Answer(NamedTuple):
    """The exit code of a command, and the output of all ranks."""

    returncode: int
    stdout: str
    stderr: str


def command(*arguments: object, ranks: int = 1) -> list[str]:
    """The command line of `python ...`, under mpirun where more ranks than one are asked for."""
    launcher = [str(MPIRUN), "-n", str(ranks)] if ranks > 1 else []
    return [*launcher, sys.executable, *map(str, arguments)]


def environment(**extra: str) -> dict[str, str]:
    """Return the variables of a process: one thread, and MPICH ranks that sleep while they wait.

    extra: more variables.
    """
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


class Resident:
    """An mpirun whose ranks stay up and run the requests that they receive (`tests.batch`)."""

    def __init__(self, ranks: int) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  (as long as the processes)
        self._process = subprocess.Popen(
            command("-m", "tests.batch", ranks=ranks),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=environment(),
        )

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, request: dict[str, Any], timeout: float) -> list[list[Any]]:
        """Send a request and return the answer of each rank.

        If no answer comes in time, end all processes and raise AssertionError.
        """
        timer = threading.Timer(timeout, kill, (self._process.pid,))
        timer.start()
        try:
            assert self._process.stdin is not None and self._process.stdout is not None
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            for line in self._process.stdout:  # a library may print lines of its own
                if line.startswith(ANSWER):
                    return json.loads(line.removeprefix(ANSWER))
        finally:
            timer.cancel()
        kill(self._process.pid)
        self._errors.seek(0)
        raise AssertionError(f"no answer within {timeout:g} s: {self._errors.read()}")

    def end(self) -> None:
        """Close the input of the processes, which ends them."""
        with suppress(OSError, subprocess.TimeoutExpired):
            self._process.communicate(timeout=10)
        if self.alive:
            kill(self._process.pid)


_residents: dict[int, Resident] = {}


def resident(ranks: int) -> Resident:
    """Return the resident processes. Start them at first use, and again if an earlier test has ended them."""
    if ranks not in _residents or not _residents[ranks].alive:
        _residents[ranks] = Resident(ranks)
        atexit.register(_residents[ranks].end)
    return _residents[ranks]


def run_all(commands: list[list[object]], *, ranks: int, timeout: float = 300) -> list[Answer]:
    """Run commands of freqbias one after another in the resident processes, or in this process if `ranks` is 1."""
    from tests.batch import attempt

    if ranks == 1:
        return [attempt(*each) for each in commands]
    by_rank = resident(ranks).ask({"commands": [[*map(str, each)] for each in commands]}, timeout)
    return [_joined(each) for each in zip(*by_rank, strict=True)]


def run_together(text: str, *arguments: object, ranks: int, timeout: float = 60) -> Answer:
    """Run an indented program in the resident processes, or in this process if `ranks` is 1.

    The program must undo every change that it makes to a library.
    """
    from tests.batch import run_program

    if ranks == 1:
        return run_program(textwrap.dedent(text), [*map(str, arguments)])
    program = {"program": textwrap.dedent(text), "arguments": [*map(str, arguments)]}
    return _joined([each for (each,) in resident(ranks).ask(program, timeout)])


def _joined(ranks: Any) -> Answer:
    codes, outs, errs = zip(*ranks, strict=True)
    return Answer(max(codes), "".join(outs), "".join(errs))


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
    """Start an indented program, and return once each rank has printed its first line."""
    process = start(*code(text), *arguments, ranks=ranks)
    assert process.stdout is not None
    for _ in range(ranks):
        process.stdout.readline()
    return process


def write_placeholder(_figure: object, path: Path, **_settings: object) -> None:
    path.write_bytes(b"figure")


@contextmanager
def quick_disk() -> Iterator[None]:
    """Wait for no disk: only a power cut, not the death of a process, loses data that the kernel holds."""
    with patch("os.fsync", lambda descriptor: None):
        yield


@contextmanager
def undrawn() -> Iterator[None]:
    """Save figures as placeholder files, without layout and drawing, which take a second for each figure."""
    with (
        patch("matplotlib.backends.backend_agg.FigureCanvasAgg.print_png", write_placeholder),
        patch("matplotlib.backends.backend_pdf.FigureCanvasPdf.print_pdf", write_placeholder),
        patch("matplotlib.layout_engine.ConstrainedLayoutEngine.execute"),
        patch("matplotlib.backends.backend_agg.FigureCanvasAgg.draw", lambda canvas: canvas.get_renderer()),
    ):
        yield


def kill(pid: int) -> None:
    """Send SIGKILL to a process and all its descendants. Under mpirun these have their own process groups."""
    family = {member: _start_time(member) for member in (pid, *descendants(pid))}
    for member in family:
        with suppress(ProcessLookupError):
            os.kill(member, signal.SIGKILL)
    # The system may soon give the number of a dead process to another process, which starts later.
    while any(started and _start_time(member) == started for member, started in family.items()):
        time.sleep(0.005)


def descendants(pid: int) -> Iterator[int]:
    with suppress(OSError):
        for child in map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()):
            yield child
            yield from descendants(child)


def _start_time(pid: int) -> str:
    """Return when a process started, in the words of the system; empty if it has ended.

    A zombie with other threads has not ended: they still hold its locks.
    """
    with suppress(OSError):
        state, *fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
        threads = len([*Path(f"/proc/{pid}/task").iterdir()])
        return "" if state == "Z" and threads == 1 else fields[18]
    return ""
