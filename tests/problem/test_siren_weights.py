"""The initial weights of SIREN: shapes, distributions, seeds, and its density."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from freqbias.errors import InputError
from freqbias.meshes import plan_mesh
from freqbias.nn import SirenNetwork
from freqbias.numerics import Grid, Scattered
from freqbias.pde.memory import memory_needed
from freqbias.problem import (
    Gaussian,
    Network,
    Pde,
    Problem,
    Samples,
    draw_siren,
    drawing_memory,
    initial_values,
    siren_density,
    siren_laws,
)
from tests.peak_memory import memory_taken

OMEGA_0 = 30.0


def drawn(*, density=None, seed=0, width=600, depth=4, **network):
    network = Network(width=width, depth=depth, omega_0=OMEGA_0, **network)
    return draw_siren(density or siren_density(OMEGA_0, 2), network, dimension=2, channels=300, seed=seed)


def arrays(weights):
    return [weights.first, *weights.hidden, weights.output, weights.biases, weights.output_bias]


@pytest.mark.parametrize("sampling", ["iid", "sobol"])
def test_layers_are_uniform_as_the_authors_say(sampling):
    n, weights = 600, drawn(sampling=sampling)
    assert [each.shape for each in arrays(weights)] == [(n, 2), (n, n), (n, n), (300, n), (3, n), (300,)]
    hidden = np.sqrt(6 / n) / OMEGA_0
    parts = [*arrays(weights)[:4], weights.biases[0], weights.biases[1:], weights.output_bias]
    bounds = [1 / 2, hidden, hidden, hidden, 1 / np.sqrt(2), 1 / np.sqrt(n), 1 / np.sqrt(n)]
    for each, bound in zip(parts, bounds, strict=True):
        assert stats.kstest(each.ravel(), stats.uniform(-bound, 2 * bound).cdf).pvalue > 1e-3
        assert np.abs(each).max() < bound


def test_other_densities_and_output_weights():
    weights = drawn(density=Gaussian(3.0), sigma_a=2.0)
    assert (OMEGA_0 * weights.first / (2 * np.pi)).std() == pytest.approx(3.0, rel=0.1)
    assert weights.output.std() == pytest.approx(2.0 * np.sqrt(2 / 600), rel=0.02)


def test_symmetric_network_has_half_the_width():
    for half, whole in zip(arrays(drawn(symmetric=True)), arrays(drawn(width=300)), strict=True):
        np.testing.assert_array_equal(half, whole)


def test_seeds():
    for one, same, other in zip(arrays(drawn(seed=1)), arrays(drawn(seed=1)), arrays(drawn(seed=2)), strict=True):
        np.testing.assert_array_equal(one, same)
        assert not (one == other).any()


@pytest.mark.parametrize("symmetric", [False, True])
def test_values(monkeypatch, symmetric):
    """The equation starts from these values, and so does the network of torch. A chunk holds few positions here."""
    monkeypatch.setattr("freqbias.problem.siren_weights.CHUNK", 50)
    monkeypatch.setattr("freqbias.nn.unsharded.CHUNK", 50)
    rng = np.random.default_rng(0)
    x, network = rng.uniform(-1, 1, (11, 2)), Network(width=20, depth=3, omega_0=OMEGA_0, symmetric=symmetric)
    problem = Problem(
        siren_density(OMEGA_0, 2), Samples(Scattered(x), rng.normal(size=(2, 11))), network, np.array([0.0, 1.0])
    )
    weights = draw_siren(problem.density, network, dimension=2, channels=2)
    first = np.sin(OMEGA_0 * (x @ weights.first.T + weights.biases[0]))
    second = np.sin(OMEGA_0 * (first @ weights.hidden[0].T + weights.biases[1]))
    expected = 0 if symmetric else (second @ weights.output.T + weights.output_bias).T
    np.testing.assert_allclose(initial_values(problem), expected, rtol=0, atol=1e-12)
    for precision, rounding in (("double", 1e-12), ("single", 1e-6)):
        trained = SirenNetwork(problem, precision=precision)
        np.testing.assert_allclose(trained.values(trained.start).numpy(), expected, rtol=0, atol=rounding)
        np.testing.assert_allclose(trained.values_at(trained.start, problem.sites), expected, rtol=0, atol=1e-12)


def test_weights_that_are_not_finite_are_refused():
    samples = Samples(Scattered(np.array([[0.0], [0.5]])), np.ones((1, 2)))
    problem = Problem(siren_density(3.0, 1), samples, Network(width=4, omega_0=3.0), np.array([0.0, 1.0]))
    trained = SirenNetwork(problem)
    state = trained.start.clone()
    state[0] = torch.nan
    with pytest.raises(FloatingPointError, match="NaN"):
        trained.values(state)


@pytest.mark.parametrize("omega_0", [30, 30.0, np.float32(30), np.int64(30)])
def test_any_number_as_omega_0(omega_0):
    assert Network(width=4, omega_0=omega_0).sigma_a == pytest.approx(1 / 30)


@pytest.mark.parametrize(
    "dimension, omega_0, warned", [(1, 9.9, True), (1, 10.0, False), (2, 14.0, True), (2, 14.2, False)]
)
def test_warning_of_phases_that_are_not_uniform(dimension, omega_0, warned):
    x = np.random.default_rng(0).uniform(-1, 1, (5, dimension))
    network, density = Network(width=4, omega_0=omega_0), siren_density(omega_0, dimension)
    problem = Problem(density, Samples(Scattered(x), np.ones((1, 5))), network, np.array([0.0, 1.0]))
    assert any("phases omega_0 b" in warning for warning in problem.warnings) == warned


@pytest.mark.parametrize(
    "sites, density, remedy",
    [
        (Scattered(np.array([[0.0], [1.9]])), siren_density(30.0, 1), None),
        (Scattered(np.array([[0.0], [2.1]])), siren_density(30.0, 1), r"reach 2.1; scale your positions to \[-1, 1\]"),
        (Grid((100,), (2.0,)), siren_density(30.0, 1), None),
        (Grid((100,), (0.8,)), siren_density(30.0, 1), r"reach 0.396; use \[data\] extent = 2.0"),
        (Grid((9, 9), (2.0, 0.02)), siren_density(30.0, 2), "reach 0.889 x 0.00889"),
        (Grid((100,), (0.9,)), Gaussian(30.0), None),
    ],
)
def test_warning_of_positions_of_another_scale(sites, density, remedy):
    samples = Samples(sites, np.ones((1, sites.size)))
    warnings = Problem(density, samples, Network(width=4, omega_0=30.0), np.array([0.0, 1.0])).warnings
    found = [warning for warning in warnings if "of SIREN's authors" in warning]
    assert found == [] if remedy is None else re.search(remedy, found[0])


def test_laws_of_other_networks_are_refused():
    with pytest.raises(InputError, match="omega_0"):
        siren_laws(Gaussian(1.0), Network(width=4, sigma_a=1.0), 1)
    with pytest.raises(InputError, match="dimension = 4"):
        siren_laws(Gaussian(1.0), Network(width=4, omega_0=30.0), 4)


@pytest.mark.parametrize(
    "network",
    [{"width": 1000, "depth": 4, "omega_0": 30.0}, {"width": 700, "depth": 3}, {"width": 400_000}],
    ids=["SIREN", "hidden layer", "two layers"],
)
def test_memory_of_the_drawn_start(network):
    """The equation checks this memory before it draws."""
    network = Network(**{"sigma_a": 1.0} | network, symmetric=False)
    samples = Samples(Scattered(np.array([[0.0], [0.5]])), np.ones((1, 2)))
    problem = Problem(Gaussian(3.0), samples, network, np.array([0.0, 1.0]))
    initial_values(replace(problem, network=network.model_copy(update={"width": 4})))  # loads the libraries first
    # Twice, because the system may take pages of libraries away meanwhile, and then the growth is not seen.
    taken = max(memory_taken(lambda: initial_values(problem)) for _ in range(2))
    assert 0.2 < taken / drawing_memory(network, channels=1, dimension=1) < 1.05
    assert drawing_memory(network.model_copy(update={"symmetric": True}), channels=1, dimension=1) == 0


def test_the_equation_counts_the_memory_of_the_drawn_start():
    network = Network(width=100_000, depth=3, omega_0=30.0)
    problem = Problem(
        siren_density(30.0, 1), Samples(Grid((20,), (2.0,)), np.ones((1, 20))), network, np.array([0.0, 1e-6])
    )
    plan = plan_mesh(problem, Pde())
    assert memory_needed(problem, Pde(), plan) > 80e9
    assert memory_needed(problem, Pde(initial="target"), plan) < 1e9
