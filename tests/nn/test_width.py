"""The network against the exact NTK in the setting of runs/figure4.toml: sampling error, O(1/sqrt(m)) for iid draws."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from freqbias import problem as statement
from freqbias.nn import train
from freqbias.problem import Network, Training
from tests import oracle

RUN = statement.load(Path(__file__).parents[2] / "runs" / "figure4.toml")
PROBLEM = statement.build(RUN)
SEEDS = range(10)
KERNEL = oracle.dense_kernel(oracle.grid((512,), (1.0,)), oracle.gaussian(10.0), 1.0)


@cache
def exact_flow(times: tuple[float, ...]) -> np.ndarray:
    """u (T, C, N) of the exact NTK."""
    return oracle.flow(KERNEL, -PROBLEM.samples.values, times)


def error_over_start(width: int, seed: int, *, sampling: str, times: np.ndarray = PROBLEM.times) -> float:
    """max over the output times of |u_nn - u_exact| / |u(0)|."""
    network = Network(width=width, sigma_a=1.0, sampling=sampling)
    problem = statement.Problem(PROBLEM.density, PROBLEM.samples, network, times, seed=seed)
    exact = exact_flow(tuple(times))
    history = train(problem, Training(tolerance=1e-3))
    return float(np.linalg.norm(history.error - exact, axis=(1, 2)).max() / np.linalg.norm(exact[0]))


def median_error(width: int, *, sampling: str, seeds: range = SEEDS) -> float:
    """Over the first fifth of the run, where narrow networks are farthest from the flow."""
    times = np.linspace(0.0, 40.0, 5)
    return float(np.median([error_over_start(width, seed, sampling=sampling, times=times) for seed in seeds]))


def test_loss_falls_tenfold():
    exact = exact_flow(tuple(PROBLEM.times[[0, -1]]))
    losses = 0.5 * (exact**2).mean(axis=2).sum(axis=1)
    assert losses[0] >= 10 * losses[1]


def test_error_falls_with_the_width():
    widths = [300, 3000]
    errors = [median_error(width, sampling="iid") for width in widths]
    assert np.polyfit(np.log(widths), np.log(errors), 1)[0] == pytest.approx(-0.5, abs=0.1)
    assert median_error(3000, sampling="sobol", seeds=range(5)) <= errors[-1] / 3


def test_run_file_is_within_4_percent():
    """`benchmarks/width.py` prints the median of ten seeds."""
    assert RUN.network.width == 100_000
    assert error_over_start(100_000, RUN.seed, sampling="iid") <= 0.04
