"""Run the rows `shared` of the table of bad input on all ranks, and write the outcome on each rank as JSON.

mpirun -n 2 python -m tests.bad_input.driver FOLDER REPORT.json
"""

import json
import os
import sys
from pathlib import Path
from unittest.mock import patch

from freqbias.runtime import world
from tests import batch
from tests.bad_input.table import cases, command_of, shared


def attempt(index: int) -> dict[str, object]:
    """The exit code and the printed text of row `index`; the current folder holds the run files."""
    case = cases()[index]
    with patch("freqbias.runtime.progress.FIRST_LINE", 60.0):  # where imports are slow, a line says what takes long
        code, out, err = batch.attempt(command_of(index), f"{index}.toml", *case.options)
    return {"code": code, "err": err, "out": out}


def main() -> None:
    folder, report = Path(sys.argv[1]), Path(sys.argv[2]).resolve()
    os.chdir(folder)
    mine = [attempt(index) for index in shared()]
    ranks = world().gather(mine)
    if ranks is not None:
        report.write_text(json.dumps(ranks))


if __name__ == "__main__":
    main()
