"""The equation with a weight decay towards the start, dv/dt = -A v - decay (v - v(0))."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.linalg

from freqbias import nn, pde
from freqbias.errors import InputError
from freqbias.numerics import Grid, Scattered, Schedule
from freqbias.problem import Gaussian, Network, Pde, Problem, Samples, WeightDecay, waves
from tests.pde.test_training_loss import LOSSES, problem_of

SHARES = [0.1, 3.0]  # decay times the last output time


def decaying(name, share, **keys):
    problem, matrix, start = problem_of(*LOSSES[name], **keys)
    return replace(problem, decay=WeightDecay(share / problem.times[-1])), matrix, start


@pytest.mark.parametrize("name", ["H^1, 2-D", "weighted"])
@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("tolerance", [1e-3, 1e-5])
def test_flow(name, share, tolerance):
    problem, matrix, start = decaying(name, share)
    n, decay = len(start), problem.decay.rate
    block = np.block([[-matrix - decay * np.eye(n), decay * np.eye(n)], [np.zeros((n, 2 * n))]])
    exact = np.array([(scipy.linalg.expm(t * block) @ np.tile(start, 2))[:n] for t in problem.times])
    found = pde.solve(problem, Pde(tolerance=tolerance)).sample_error[:, 0]
    assert np.linalg.norm(found - exact, axis=1).max() <= tolerance * np.linalg.norm(start)
    undecayed = scipy.linalg.expm(-problem.times[-1] * matrix) @ start
    assert np.linalg.norm(undecayed - exact[-1]) > 0.01 * share * np.linalg.norm(start)


def test_steps():
    problem, matrix, start = decaying("H^1, 2-D", 3.0, times=(0.0, 10.0, 40.0))
    step, u = problem.times[1] / 20, start
    spectrum = pde.solve(problem, Pde(tolerance=1e-5, dynamics="gradient-descent", step=step))
    for _ in range(Schedule(problem.times, step).steps):
        u = u - step * (matrix @ u + problem.decay.rate * (u - start))
    assert np.linalg.norm(spectrum.sample_error[-1, 0] - u) <= 1e-5 * np.linalg.norm(start)


def test_values_at_new_points():
    new = Scattered(np.random.default_rng(2).uniform(-0.3, 0.3, (15, 1)))
    problem, _, _ = decaying("weighted", 3.0, predict_at=new)
    spectrum, kernel = pde.solve(problem, Pde(tolerance=1e-4)), nn.InfiniteWidthKernel(problem)
    training = nn.LinearisedTraining(
        kernel, -problem.samples.values, metric=problem.loss.metric, decay=problem.decay.rate
    )
    expected = training.follow_flow(problem.times).at(kernel.at(new))
    missed = np.abs(spectrum.prediction - expected.values).max(axis=(1, 2))
    assert (missed <= spectrum.prediction_bound + expected.bound + 1e-12).all()


@pytest.mark.parametrize("share", SHARES)
def test_local_operator(share):
    """By Duhamel's formula from the flow S, v = exp(-decay t) S(t) v(0) + decay int exp(-decay s) S(s) v(0).

    Its mesh is that of the flow without decay, so the difference is that of the time integration and the quadrature.
    """
    samples = waves(Grid((96,), (1.0,)), [[3.0], [9.0]], window=0.1)
    end = 60.0
    problem = Problem(Gaussian(8.0), samples, Network(width=2, sigma_a=0.3), np.array([0.0, end]))
    decay, settings = share / end, Pde(operator="local", tolerance=1e-4)
    found = pde.solve(replace(problem, decay=WeightDecay(decay)), settings).error[-1]
    nodes, weights = np.polynomial.legendre.leggauss(12)
    s = end * (nodes + 1) / 2
    plain = pde.solve(replace(problem, times=np.array([0.0, *s, end])), settings).error
    expected = np.exp(-decay * end) * plain[-1] + decay * end / 2 * np.einsum(
        "k,kcn->cn", weights * np.exp(-decay * s), plain[1:-1]
    )
    assert np.abs(found - expected).max() < 3e-4 * np.abs(plain[0]).max()
    assert np.abs(plain[-1] - expected).max() > 0.02 * share * np.abs(plain[0]).max()


def test_other_integrators_are_refused():
    samples = Samples(Grid((8,), (1.0,)), np.ones((1, 8)))
    problem = Problem(
        Gaussian(2.0), samples, Network(width=2, sigma_a=0.5), np.array([0.0, 1.0]), decay=WeightDecay(0.1)
    )
    with pytest.raises(InputError, match=r'"adaptive" does not follow the weight decay .* use integrator = "lanczos"'):
        pde.solve(problem, Pde(integrator="adaptive"))
