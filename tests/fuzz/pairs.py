"""Two commands at once in one folder: each succeeds, or is refused by name, and the results are whole at the end."""

import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from random import Random

import freqbias
from freqbias.runtime import Store
from tests import launch
from tests.batch import attempt
from tests.fuzz.kills import COMMAND
from tests.fuzz.result_folders import ResultFolders, differences, undrawn
from tests.fuzz.verdicts import Verdict, fault, judge_all
from tests.launch import Answer

LONGEST = 120.0  # seconds, on a machine that does other work
COMMANDS = [
    "run", "run --resume", "run --overwrite", "pde --overwrite", "pde --resume", "nn --overwrite", "nn --resume",
    "ntk --overwrite", "compare --overwrite", "compare --resume", "kappa --overwrite", "mesh --overwrite",
    "view --overwrite", "check", "open",
]  # fmt: skip
FOLDERS = ["empty", "finished", "unfinished"]
OPEN = "import sys, freqbias; freqbias.open(sys.argv[1]).load()"
REFUSALS = (
    "is working on", "holds a finished result", "holds an unfinished result", "there is no", "is unfinished",
    "no finished stage", "no such folder", "was made from", "from another", "does not exist",
)  # fmt: skip
CHANGING = ("is missing", "is damaged", "cannot read")  # as it looks to a reader beside a writer
STAGES = ["pde", "nn", "ntk", "compare"]


class Bench:
    def __init__(self, folder: Path) -> None:
        self.folder, self.results = folder, ResultFolders(folder, ["data"])

    def judge(self, number: int) -> Verdict:
        random = Random(number)
        start, pair = random.choice(FOLDERS), random.choices(COMMANDS, k=2)
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        if start != "empty":
            shutil.copytree(
                self.results.reference("data") if start == "finished" else self.results.unfinished("data"), out
            )
        first = self._start(pair[0], out)
        time.sleep(random.choice([0.0, 0.0, random.uniform(0, 5)]))
        second = self._start(pair[1], out)
        answers = [self._end(process) for process in (first, second)]
        outcome = " and ".join(sorted({0: "done", 2: "refused"}.get(answer.returncode, "other") for answer in answers))
        failure = next(filter(None, map(self._fault, answers, pair, reversed(pair))), "") or self._whole(
            out, pair, start
        )
        return Verdict(outcome, f"{' | '.join(pair)} in a folder that is {start}: {failure}" if failure else "")

    def _start(self, command: str, out: Path) -> subprocess.Popen[str]:
        stage, *flags = command.split()
        if stage == "open":
            return launch.start("-c", OPEN, out)
        what = {"view": [out]}.get(
            stage, [self.results.run_file("data"), *([] if stage == "check" else ["--out", out])]
        )
        return launch.start("-c", COMMAND, stage, *what, *flags, *([] if stage == "check" else ["-q"]))

    def _end(self, process: subprocess.Popen[str]) -> Answer:
        try:
            out, err = process.communicate(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            launch.kill(process.pid)
            return Answer(-1, "", "waits for ever")
        return Answer(process.returncode, out, err)

    def _fault(self, answer: Answer, command: str, other: str) -> str:
        """Return what is wrong with the answer of one command beside the other."""
        if command == "open":  # raises the exception that a command would print
            error = answer.stderr.strip().splitlines()[-1:] or [""]
            answer = Answer(2 * (answer.returncode != 0), "", error[0].replace("freqbias.errors.UsageError", "error"))
        allowed = REFUSALS if other in ("open", "check") else REFUSALS + CHANGING
        wrong = fault(answer)
        if not wrong and answer.returncode == 2 and not any(words in answer.stderr for words in allowed):
            wrong = answer.stderr
        return f"{command}: {wrong}" if wrong else ""

    def _whole(self, out: Path, pair: list[str], start: str) -> str:
        """Finish the run as a user would, and return what is then wrong with the results."""
        if start == "empty" and not out.exists():
            return ""
        for command in ("run --resume", "kappa --overwrite"):  # kappa may be made from results that were replaced
            stage, flag = command.split()
            with undrawn():
                answer = attempt(stage, self.results.run_file("data"), "--out", out, flag, "-q")
            if answer.returncode != 0:
                return f"{command} afterwards: {answer.stderr}"
        for stage in STAGES:
            Store(out).verify(stage)
        freqbias.open(out)
        left = [path.name for path in out.iterdir() if path.name.startswith(".")]
        numbers = [
            name for name in differences(out, self.results.reference("data"), STAGES) if name.endswith((".nc", ".csv"))
        ]
        return f"other results: {numbers}" if numbers else f"left {left}" if left else ""


def run(first: int, count: int) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        return judge_all("pairs of commands", Bench(Path(folder)).judge, first, count, long=True)
