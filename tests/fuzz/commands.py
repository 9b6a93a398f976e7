"""Changed run files under `freqbias check` as a program of its own: exit code 0, 2 or 3, and one short message."""

import os
import subprocess
import tempfile
from pathlib import Path
from random import Random

from tests import launch
from tests.fuzz.mutations import run_file
from tests.fuzz.runfiles import TOO_LONG, is_large, judge
from tests.fuzz.valid_run_files import write_data
from tests.fuzz.verdicts import Verdict, judge_all
from tests.launch import Answer

LONGEST = 60.0  # seconds, with the start, on a machine that does other work too
PROGRAM = "from freqbias.compare.commands.app import main; main()"


def judge_case(number: int) -> Verdict:
    content, changed = run_file(Random(number))
    path = Path("run.toml")
    path.write_bytes(content)
    try:
        done = launch.run("-c", PROGRAM, "check", path, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        return Verdict("accepted as large") if is_large(path) else Verdict("slow", TOO_LONG)
    return judge(Answer(done.returncode, done.stdout, done.stderr), changed)


def run(first: int, count: int) -> bool:
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        write_data(Path(folder))
        os.chdir(folder)
        try:
            return judge_all("run files by the command", judge_case, first, count)
        finally:
            os.chdir(here)
