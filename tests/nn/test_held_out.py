"""Samples that are held out, and noise on those that are not."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from freqbias.errors import InputError
from freqbias.nn import train
from freqbias.nn.network_choice import make_network
from freqbias.numerics import Grid, Scattered
from freqbias.problem import ErrorHistory, Samples, build, parse
from freqbias.problem.samples import SPLIT_STREAM
from tests import oracle
from tests.problem.run_files import table

GRID = {"points": 200, "frequencies": [[3.0], [10.0]]}


def of(seed=3, **data):
    network = {"width": 20_000, "sampling": "sobol"}
    return build(parse(table(data=GRID | data, seed=seed, network=network, time={"end": 20.0, "outputs": 2})))


def test_the_samples_are_parted_by_the_seed():
    whole, parted = of(), of(held_out=0.2)
    assert isinstance(parted.sites, Scattered)
    assert (parted.sites.size, parted.held_out.sites.size) == (160, 40)
    parts = (parted.samples, parted.held_out)
    positions = np.concatenate([each.sites.positions()[:, 0] for each in parts])
    values = np.concatenate([each.values[0] for each in parts])
    order = np.argsort(positions)
    np.testing.assert_array_equal(positions[order], whole.sites.positions()[:, 0])
    np.testing.assert_array_equal(values[order], whole.samples.values[0])
    np.testing.assert_array_equal(of(held_out=0.2).sites.positions(), parted.sites.positions())
    assert not np.array_equal(of(held_out=0.2, seed=4).sites.positions(), parted.sites.positions())


def test_noise_falls_on_the_training_samples_alone():
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


def test_what_is_held_out_is_standardized_as_what_is_learnt():
    plain, standard = of(held_out=0.2), of(held_out=0.2, standardize=True)
    mean, deviation = plain.samples.values.mean(), plain.samples.values.std()
    assert abs(mean) > 1e-3
    for before, after in ((plain.samples, standard.samples), (plain.held_out, standard.held_out)):
        np.testing.assert_allclose(after.values, (before.values - mean) / deviation, rtol=0, atol=1e-13)


def test_only_what_is_held_out_may_be_0():
    values = np.zeros((1, 50))
    _, out = Samples(Grid((50,), (1.0,)), values + 1).split(0.2, seed=3)
    there = np.isin(Grid((50,), (1.0,)).positions()[:, 0], out.sites.positions()[:, 0])
    left, out = Samples(Grid((50,), (1.0,)), np.where(there, 0.0, [np.arange(50.0)])).split(0.2, seed=3)
    assert not out.values.any() and left.values.any()
    with pytest.raises(InputError, match="every value is 0"):
        Samples(Grid((50,), (1.0,)), np.where(there, [np.arange(50.0) + 1], 0.0)).split(0.2, seed=3)


def test_the_error_on_both_follows_the_exact_ntk(tmp_path):
    """At samples z that are held out, du/dt(z) = -mean_j K(z, x_j) u(x_j): the kernel on all samples, with no weight on
    z."""
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
def test_the_error_held_out_is_that_of_the_network_itself(diagonal):
    """Away from its start: with the samples that were held out for those it is trained on."""
    problem = of(held_out=0.2)
    problem = replace(
        problem, network=problem.network.model_copy(update={"width": 100, "diagonal": diagonal}), laws=None
    )
    mirrored = replace(problem, samples=problem.held_out, held_out=problem.samples)
    networks = [make_network(each, "dense", precision="double") for each in (problem, mirrored)]
    state = networks[0].start
    state += 0.1 * torch.randn(state.shape, generator=torch.Generator().manual_seed(0), dtype=state.dtype)
    expected, _ = networks[1].flow(state)
    np.testing.assert_allclose(networks[0].held_out_error(state), expected.numpy(), rtol=0, atol=1e-10)
