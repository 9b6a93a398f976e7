"""Some trials of `tests.fuzz.kills`: a run that is killed at a random instant and resumed gives the same result."""

import signal
from importlib import import_module
from random import Random

import pytest

from tests.fuzz.jobs import Job
from tests.fuzz.kills import Bench

import_module("freqbias.nn.stage")  # the forks would import it again
import_module("freqbias.pde.stage")
pytestmark = pytest.mark.xdist_group("ranks")


@pytest.mark.parametrize(
    ("job", "ranks"),
    [
        (Job("pde", "local", "backward-euler"), 2),
        (Job("pde", "data", "lanczos"), 1),
        (Job("nn", "", "rk4"), 1),
    ],
    ids=str,
)
def test_resume_after_random_kill(job, ranks, tmp_path):
    bench = Bench(tmp_path, warm=True)
    for number in (3, 7, 9, 10):  # signals after the start; on a busy machine the job may have ended before one
        outcome = bench.trial(job, ranks, signal.SIGKILL, Random(number))
        assert outcome.passed and outcome.phase != "start-up", outcome
        if outcome.phase != "end":
            return
    pytest.fail("no signal came while the job worked")
