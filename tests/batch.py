"""Several commands one after another in the same processes, since a start costs seconds: what `tests.launch.run_all`
starts.

mpirun -n 2 python -m tests.batch COMMANDS.json REPORT.json
"""

import contextlib
import gc
import io
import json
import logging
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import typer

from freqbias.compare.commands import build_app
from freqbias.runtime import exit_code_of, world
from freqbias.runtime.commandline import invoke
from tests.launch import Said

APP = build_app()
typer.main.get_command = cache(typer.main.get_command)  # it takes longer than all else together, some 500 times


@contextlib.contextmanager
def logger_as_it_was() -> Iterator[None]:
    """What is told to the logger of the program meanwhile is forgotten."""
    log = logging.getLogger("freqbias")
    handlers, level, propagate = log.handlers[:], log.level, log.propagate
    try:
        yield
    finally:
        log.handlers[:], log.propagate = handlers, propagate
        log.setLevel(level)


def attempt(*arguments: object) -> Said:
    """One command line of freqbias in this process: exit code, and what was printed."""
    gc.freeze()  # every command ends with a collection, which would walk through all that is imported: 0.1 s
    with (
        logger_as_it_was(),
        contextlib.redirect_stderr(io.StringIO()) as err,
        contextlib.redirect_stdout(io.StringIO()) as out,
    ):
        code = exit_code_of(lambda: invoke(APP, "freqbias", [*map(str, arguments)]))
    return Said(code, out.getvalue(), err.getvalue())


def main() -> None:
    commands, report = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    ranks = world().gather([attempt(*arguments) for arguments in commands])
    if ranks is not None:
        report.write_text(json.dumps(ranks))


if __name__ == "__main__":
    main()
