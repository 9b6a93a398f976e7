"""A few of the trials of `tests.kills`: killed at a random instant, gone on with, the same in the end."""

from random import Random

import pytest

from tests.kills import Bench, Job


@pytest.mark.parametrize(
    ("job", "ranks"),
    [
        (Job("pde", "local", "backward-euler"), 2),
        (Job("pde", "data", "lanczos"), 1),
        (Job("nn", "", "rk4"), 1),
    ],
    ids=str,
)
def test_a_run_killed_at_a_random_instant_ends_right(job, ranks, tmp_path):
    outcome = Bench(tmp_path, Random(0)).trial(job, ranks)
    assert outcome.right, outcome
