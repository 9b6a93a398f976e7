"""Changed run files, all in one process: each is accepted or refused within 5 s by a short message with the key."""

import os
import re
import tempfile
import warnings
from pathlib import Path
from random import Random

import tomli_w

from freqbias.errors import InputError
from freqbias.meshes import plan_mesh
from freqbias.problem import build, load
from tests.batch import attempt
from tests.fuzz.mutations import NAMES, run_file
from tests.fuzz.valid_run_files import write_data
from tests.fuzz.verdicts import TOO_LONG, Verdict, at_most, fault, judge_all, names
from tests.launch import Answer
from tests.problem.run_files import table

LONGEST = 5.0  # seconds
LARGE_NETWORK, LARGE_MESH = 10**7, 10**6  # samples times neurons; unknowns
SECTIONS = ("density", "data", "network", "time", "mesh", "pde", "training", "compare")
UNREADABLE = re.compile(
    r"line \d+|end of document|not valid TOML|cannot be read|the file has|unknown key|nested too deeply"
)


def judge(answer: Answer, changed: str = "") -> Verdict:
    """changed: the key that has changed; empty if it is unknown."""
    outcome = {0: "accepted", 2: "refused", 3: "divergent"}.get(answer.returncode, f"exit code {answer.returncode}")
    failure = fault(answer, codes=(0, 2, 3))
    if not failure and answer.returncode == 2:
        words = [changed, *SECTIONS] if changed else [*NAMES, *SECTIONS]
        if not names(answer.stderr, *words) and not UNREADABLE.search(answer.stderr):
            failure = f"does not name {changed or 'a key'}: {answer.stderr}"
    return Verdict(outcome, failure)


def check(path: Path) -> Answer:
    """Run `freqbias check` in this process, where warnings of libraries count every time."""
    with at_most(LONGEST), warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", DeprecationWarning)
        return attempt("check", path)


def is_large(path: Path) -> bool:
    """Whether the valid run file states a large problem, for which `check` measures steps that take seconds."""
    run = load(path)
    problem = build(run)
    try:
        dofs = plan_mesh(problem, run.pde, run.mesh).dofs
    except InputError:
        return False
    return problem.sites.size * problem.network.width > LARGE_NETWORK or dofs > LARGE_MESH


def judge_case(number: int) -> Verdict:
    content, changed = run_file(Random(number))
    path = Path("run.toml")
    path.write_bytes(content)
    verdict = judge(check(path), changed)
    if verdict.failure == TOO_LONG and is_large(path):
        return Verdict("accepted as large")
    return verdict


def run(first: int, count: int) -> bool:
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        write_data(Path(folder))
        os.chdir(folder)
        try:
            Path("run.toml").write_text(tomli_w.dumps(table()))
            assert attempt("check", "run.toml").returncode == 0  # imports the libraries
            return judge_all("run files", judge_case, first, count)
        finally:
            os.chdir(here)
