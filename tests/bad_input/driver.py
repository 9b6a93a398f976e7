"""Run every row of the table of bad input through the commands, on all ranks, and write what each rank saw as JSON.

mpirun -n 2 python -m tests.bad_input.driver FOLDER REPORT.json
"""

import contextlib
import gc
import io
import json
import os
import sys
from functools import cache
from pathlib import Path

import typer

from compare.cli import build_app
from runtime import run_guarded, world
from runtime.commandline import invoke
from tests.bad_input.table import COMMANDS, cases

APP = build_app()
typer.main.get_command = cache(typer.main.get_command)  # it takes longer than all else together, some 500 times


def attempt(index: int) -> dict[str, object]:
    """Row `index` in the folder of the run files: exit code, and what was printed."""
    case = cases()[index]
    command = case.command or COMMANDS[index % len(COMMANDS)]
    arguments = [command, f"{index}.toml", *case.options]
    gc.freeze()  # every command ends with a collection, which would walk through all that is imported: 0.1 s
    with contextlib.redirect_stderr(io.StringIO()) as err, contextlib.redirect_stdout(io.StringIO()) as out:
        code = run_guarded(lambda: invoke(APP, "freqbias", arguments))
    return {"code": code, "err": err.getvalue(), "out": out.getvalue()}


def main() -> None:
    folder, report = Path(sys.argv[1]), Path(sys.argv[2]).resolve()
    os.chdir(folder)
    mine = [attempt(index) for index in range(len(cases()))]
    ranks = world().gather(mine)
    if ranks is not None:
        report.write_text(json.dumps(ranks))


if __name__ == "__main__":
    main()
