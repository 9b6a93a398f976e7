"""Run commands and programs in this process. Under mpirun, these are the resident ranks (`tests.launch.Resident`).

Each line of the standard input is a request: {"commands": [[word, ...], ...]} or {"program": text, "arguments": [...]}.
The answer is one line. It contains, for each rank, the exit code, output and errors of each command. The ranks sleep
between requests.
"""

import contextlib
import gc
import io
import json
import logging
import os
import signal
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import typer

from freqbias.compare.commands import build_app
from freqbias.compare.program import FEW_COLLECTIONS
from freqbias.runtime import exit_code_of, on_root, world
from freqbias.runtime.commandline import invoke
from tests.launch import ANSWER, Answer, quick_disk

APP = build_app()
typer.main.get_command = cache(typer.main.get_command)  # building it some 500 times would take most of the time


@contextlib.contextmanager
def logger_as_it_was() -> Iterator[None]:
    """Undo all changes to the program's logger at the end."""
    log = logging.getLogger("freqbias")
    handlers, level, propagate = log.handlers[:], log.level, log.propagate
    try:
        yield
    finally:
        log.handlers[:], log.propagate = handlers, propagate
        log.setLevel(level)


_modules_frozen = 0


def _freeze_imported_modules() -> None:
    """Exclude the imported modules from garbage collection, which saves 0.1 s at the end of every command."""
    global _modules_frozen  # noqa: PLW0603
    if len(sys.modules) > _modules_frozen:
        gc.collect()
        gc.freeze()
        _modules_frozen = len(sys.modules)


def attempt(*arguments: object) -> Answer:
    """Run one command line of freqbias in this process."""
    _freeze_imported_modules()
    with (
        logger_as_it_was(),
        contextlib.redirect_stderr(io.StringIO()) as err,
        contextlib.redirect_stdout(io.StringIO()) as out,
    ):
        code = exit_code_of(lambda: invoke(APP, "freqbias", [*map(str, arguments)]))
    return Answer(code, out.getvalue(), err.getvalue())


class Fork:
    """A copy of this process that runs one command line of freqbias, for tests of SIGKILL: it starts without imports.

    Of `subprocess.Popen`, it has what such tests use.
    """

    def __init__(self, *arguments: object) -> None:
        self.returncode: int | None = None
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # threads, which hold no lock here
            self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                answer = attempt(*arguments)
                code = answer.returncode
                os.write(2, answer.stderr.encode())  # pytest shows it if the test fails
            finally:
                os._exit(code)

    def poll(self) -> int | None:
        if self.returncode is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if ended else None
        return self.returncode

    def communicate(self, timeout: float = 60.0) -> tuple[str, str]:
        end = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired("fork", timeout)
            time.sleep(0.005)
        return "", ""


def run_program(text: str, arguments: list[str]) -> Answer:
    """Run a program in this process."""
    with (
        patch.object(sys, "argv", ["-c", *arguments]),
        logger_as_it_was(),
        contextlib.redirect_stderr(io.StringIO()) as err,
        contextlib.redirect_stdout(io.StringIO()) as out,
    ):
        code = 0
        try:
            exec(compile(text, "program", "exec"), {"__name__": "__main__"})  # noqa: S102  (our own)
        except SystemExit as ending:
            code = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
        except Exception:
            traceback.print_exc()
            code = 1
    return Answer(code, out.getvalue(), err.getvalue())


def perform(request: dict[str, Any]) -> list[Answer]:
    here = Path.cwd()
    try:
        if "program" in request:
            return [run_program(request["program"], request["arguments"])]
        return [attempt(*arguments) for arguments in request["commands"]]
    finally:
        os.chdir(here)
        signal.alarm(0)  # set after a failure on one rank (runtime/exit_codes.py); it would end this process


def main() -> None:
    gc.set_threshold(*FEW_COLLECTIONS)
    while request := on_root(sys.stdin.readline):
        answers = world().gather(perform(json.loads(request)))
        if answers is not None:
            print(ANSWER + json.dumps(answers), flush=True)


if __name__ == "__main__":
    with quick_disk():
        main()
