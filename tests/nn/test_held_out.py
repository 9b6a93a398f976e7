"""Held-out samples, and noise on the training samples."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from freqbias.errors import InputError
from freqbias.nn import InfiniteWidthKernel, train
from freqbias.nn.network_choice import make_network
from freqbias.numerics import Grid, GridSubset, Scattered
from freqbias.problem import ErrorHistory, Gaussian, Network, Problem, Samples, Training, build, parse
from freqbias.problem.held_out import SPLIT_STREAM
from tests import oracle
from tests.problem.run_files import table

GRID = {"points": 200, "frequencies": [[3.0], [10.0]]}


def of(seed=3, **data):
    network = {"width": 20_000, "sampling": "sobol"}
    return build(parse(table(data=GRID | data, seed=seed, network=network, time={"end": 20.0, "outputs": 2})))


def test_seed_determines_the_split():
    whole, parted = of(), of(held_out=0.2)
    assert all(isinstance(each.sites, GridSubset) for each in (parted.samples, parted.held_out))
    assert (parted.sites.size, parted.held_out.sites.size) == (160, 40)
    parts = (parted.samples, parted.held_out)
    positions = np.concatenate([each.sites.positions()[:, 0] for each in parts])
    values = np.concatenate([each.values[0] for each in parts])
    order = np.argsort(positions)
    np.testing.assert_array_equal(positions[order], whole.sites.positions()[:, 0])
    np.testing.assert_array_equal(values[order], whole.samples.values[0])
    np.testing.assert_array_equal(of(held_out=0.2).sites.positions(), parted.sites.positions())
    assert not np.array_equal(of(held_out=0.2, seed=4).sites.positions(), parted.sites.positions())


def test_noise_on_training_samples_only():
    clean, noisy = of(held_out=0.2), of(held_out=0.2, noise=0.5)
    np.testing.assert_array_equal(noisy.held_out.values, clean.held_out.values)
    noise = noisy.samples.values - clean.samples.values
    assert noise.std() == pytest.approx(0.5, rel=0.2)  # of 160
    assert abs(noise.mean()) < 3 * 0.5 / np.sqrt(160)
    np.testing.assert_array_equal(of(held_out=0.2, noise=0.5).samples.values, noisy.samples.values)
    for taken in (3, [3, SPLIT_STREAM]):  # by the network's draw, and by the split
        assert not np.allclose(noise, 0.5 * np.random.default_rng(taken).standard_normal(noise.shape))
    other = of(noise=0.5, seed=4).samples.values - of(seed=4).samples.values
    assert np.abs(other - (of(noise=0.5).samples.values - of().samples.values)).max() > 0.5


def test_held_out_standardization():
    plain, standard = of(held_out=0.2), of(held_out=0.2, standardize=True)
    mean, deviation = plain.samples.values.mean(), plain.samples.values.std()
    assert abs(mean) > 1e-3
    for before, after in ((plain.samples, standard.samples), (plain.held_out, standard.held_out)):
        np.testing.assert_allclose(after.values, (before.values - mean) / deviation, rtol=0, atol=1e-13)


def test_only_held_out_values_may_be_0():
    values = np.zeros((1, 50))
    _, out = Samples(Grid((50,), (1.0,)), values + 1).split(0.2, seed=3)
    there = np.isin(Grid((50,), (1.0,)).positions()[:, 0], out.sites.positions()[:, 0])
    left, out = Samples(Grid((50,), (1.0,)), np.where(there, 0.0, [np.arange(50.0)])).split(0.2, seed=3)
    assert not out.values.any() and left.values.any()
    with pytest.raises(InputError, match="every value is 0"):
        Samples(Grid((50,), (1.0,)), np.where(there, [np.arange(50.0) + 1], 0.0)).split(0.2, seed=3)


def test_both_errors_follow_the_exact_ntk(tmp_path):
    """At held-out samples z, du/dt(z) = -mean_j K(z, x_j) u(x_j): the kernel on all samples, with weight 0 on z."""
    problem = of(held_out=0.2, noise=0.05)
    history = train(problem)
    x, z = problem.sites.positions(), problem.held_out.sites.positions()
    n, both = len(x), np.concatenate([x, z])
    kernel = oracle.dense_kernel(both, oracle.gaussian(4.0), 1.0) * len(both) / n
    start = -np.concatenate([problem.samples.values, problem.held_out.values], axis=1)[0]
    values, vectors = np.linalg.eigh(kernel[:n, :n])
    for t, error, held_out in zip(history.time, history.error, history.held_out_error, strict=True):
        decay, area = np.exp(-values * t), np.where(values > 1e-12, -np.expm1(-values * t) / values, t)
        coefficients = vectors.T @ start[:n]
        expected = np.concatenate(
            [vectors @ (decay * coefficients), start[n:] - kernel[n:, :n] @ vectors @ (area * coefficients)]
        )
        found = np.concatenate([error[0], held_out[0]])
        assert np.linalg.norm(found - expected) < 0.01 * np.linalg.norm(start)
    np.testing.assert_allclose(history.held_out_loss, 0.5 * (history.held_out_error[:, 0] ** 2).mean(axis=1))
    assert history.held_out_loss[-1] < 0.5 * history.held_out_loss[0]
    history.save(tmp_path / "error.nc")
    again = ErrorHistory.load(tmp_path / "error.nc")
    for name in ("position", "error", "loss", "held_out_position", "held_out_error", "held_out_loss"):
        np.testing.assert_array_equal(getattr(again, name), getattr(history, name))


@pytest.mark.parametrize("diagonal", [False, True])
def test_values_on_held_out_samples(diagonal):
    """Away from its start, against a network whose training and held-out samples are exchanged."""
    problem = of(held_out=0.2)
    problem = replace(
        problem, network=problem.network.model_copy(update={"width": 100, "diagonal": diagonal}), laws=None
    )
    mirrored = replace(problem, samples=problem.held_out, held_out=problem.samples)
    networks = [make_network(each, "dense", precision="double") for each in (problem, mirrored)]
    state = networks[0].start
    state += 0.1 * torch.randn(state.shape, generator=torch.Generator().manual_seed(0), dtype=state.dtype)
    expected = networks[1].values(state)
    found = networks[0].values_at(state, problem.held_out.sites)
    np.testing.assert_allclose(found, expected.numpy(), rtol=0, atol=1e-10)


def half_of_an_image(**network):
    """Half of 10 x 7 pixels in two channels, as a part of the grid and as scattered samples."""
    values = np.random.default_rng(5).normal(size=(2, 70))
    samples, held_out = Samples(Grid((10, 7), (1.0, 0.8)), values).split(0.5, seed=1)
    network = Network(width=300, sigma_a=1.0, **network)
    on_grid = Problem(Gaussian(3.0), samples, network, np.array([0.0, 1.0, 3.0]), held_out=held_out)
    scattered = replace(samples, sites=Scattered(samples.sites.positions()))
    return on_grid, replace(on_grid, samples=scattered, held_out=None)


@pytest.mark.parametrize("backend", ["nufft", "separable"])
def test_backends_of_the_grid_train_a_part_of_it(backend):
    on_grid, scattered = half_of_an_image()
    settings = Training(integrator="rk4", step=0.5, precision="double")
    with_grid = train(on_grid, settings.model_copy(update={"backend": backend}))
    dense = train(scattered, settings.model_copy(update={"backend": "dense"}))
    np.testing.assert_array_equal(with_grid.position, dense.position)
    np.testing.assert_allclose(with_grid.error, dense.error, rtol=0, atol=1e-10)
    assert with_grid.loss[-1] < 0.9 * with_grid.loss[0]
    assert with_grid.attributes["backend"] == backend


def test_kernel_at_infinite_width_of_a_part_of_a_grid():
    """By the Toeplitz product of the whole grid."""
    problem, _ = half_of_an_image()
    values = problem.samples.values
    expected = values @ oracle.dense_kernel(problem.sites.positions(), oracle.gaussian(3.0), 1.0)
    np.testing.assert_allclose(InfiniteWidthKernel(problem).apply(values), expected, rtol=0, atol=1e-13)
