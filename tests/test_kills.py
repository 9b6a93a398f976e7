"""Some trials of `tests.fuzz.kills`: a run that is killed at a random instant and resumed gives the same result."""

import signal
from random import Random

import pytest

from tests.fuzz.jobs import Job
from tests.fuzz.kills import Bench

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
    outcome = Bench(tmp_path, warm=True).trial(job, ranks, signal.SIGKILL, Random(0))
    assert outcome.passed and outcome.phase != "start-up", outcome
