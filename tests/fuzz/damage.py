"""Damaged result folders under every command: each damage is named, or harmless. None is silent, none hangs."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
import xarray as xr

import freqbias
from freqbias.errors import InputError, UsageError
from tests.batch import attempt
from tests.fuzz.harm import damage
from tests.fuzz.result_folders import PDES, ResultFolders, differences, undrawn
from tests.fuzz.verdicts import Verdict, at_most, fault, judge_all
from tests.launch import Answer

LONGEST = 20.0  # seconds
PARTS = ["pde --resume", "nn --resume", "run --resume"]
WHOLE = [
    "open", "open", "compare --overwrite", "compare --resume", "kappa --overwrite", "kappa --resume",
    "view --overwrite", "view --resume", "mesh --resume", "ntk --resume", "pde --overwrite", *PARTS,
]  # fmt: skip
STAGES_OF_RUN = ["pde", "nn", "ntk", "compare"]
READS = {
    "open": ["pde", "nn", "ntk", "compare", "kappa"], "run": STAGES_OF_RUN, "compare": STAGES_OF_RUN,
    "view": ["pde", "compare", "view"],
    "kappa": ["pde", "nn", "ntk", "kappa"], "mesh": ["mesh"], "ntk": ["nn", "ntk"], "pde": ["pde"], "nn": ["nn"],
}  # fmt: skip


class Bench:
    def __init__(self, folder: Path, names: Sequence[str] = tuple(PDES)) -> None:
        self.folder, self.results = folder, ResultFolders(folder, names)
        self.outside = folder / "outside.txt"
        self.trees = {name: freqbias.open(self.results.reference(name)).load() for name in names}

    def judge(self, number: int) -> Verdict:
        random = Random(number)
        name, whole = random.choice(self.results.names), random.random() < 0.7
        command = random.choice(WHOLE if whole else PARTS)
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(self.results.reference(name) if whole else self.results.unfinished(name), out)
        self.outside.write_text("all my work")
        what, words = damage(out, random, self.outside, READS[command.split()[0]])
        if command == "open":
            answer, wrong = self._open(name, out)
        else:
            answer, wrong = self._run(name, out, command)
        failure = fault(answer)
        outcome = {0: "harmless", 2: "named"}.get(answer.returncode, f"exit code {answer.returncode}")
        if what.endswith("whole folder: deleted") and what.partition("/")[0] != command.split()[0]:
            wrong = []  # a stage that was never computed may be left out
        if not failure and answer.returncode == 0 and wrong:
            outcome, failure = "silent", f"wrong or missing: {', '.join(wrong)}"
        if not failure and answer.returncode == 2 and not any(word in answer.stderr for word in words):
            failure = f"names none of {words}: {answer.stderr}"
        if self.outside.read_text() != "all my work":
            failure = "writes through a link"
        return Verdict(outcome, f"{command} ({name}), {what}: {failure}" if failure else "")

    def _run(self, name: str, out: Path, command: str) -> tuple[Answer, list[str]]:
        stage, flag = command.split()
        arguments = [out] if stage == "view" else [self.results.run_file(name), "--out", out]
        with at_most(LONGEST), undrawn():
            answer = attempt(stage, *arguments, flag, "-q")
        stages = STAGES_OF_RUN if stage == "run" else [stage]
        return answer, differences(out, self.results.reference(name), stages) if answer.returncode == 0 else []

    def _open(self, name: str, out: Path) -> tuple[Answer, list[str]]:
        try:
            with at_most(LONGEST):
                tree = freqbias.open(out).load()
        except (InputError, UsageError) as error:
            return Answer(2, "", f"error: {error}\n"), []
        except BaseException as error:
            return Answer(1, "", f"{type(error).__name__}: {error}"), []
        return Answer(0, "", ""), _changed(tree, self.trees[name])


def _changed(tree: xr.DataTree, expected: xr.DataTree) -> list[str]:
    """The nodes of the tree that hold other values than expected. A node whose stage is gone cannot mislead."""
    nodes = {node.path: node for node in expected.subtree}
    return [
        node.path
        for node in tree.subtree
        if node.path not in nodes
        or any(not _equal(node, name, values) for name, values in nodes[node.path].variables.items())
    ]  # fmt: skip


def _equal(node: xr.DataTree, name: str, values: xr.Variable) -> bool:
    return name in node.variables and np.array_equal(node[name], values, equal_nan=values.dtype.kind in "fc")


def run(first: int, count: int) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        return judge_all("damaged result folders", Bench(Path(folder)).judge, first, count)
