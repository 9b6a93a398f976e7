"""The laws of networks with hidden layers."""

import pickle

import numpy as np
import pytest

from freqbias.numerics import Grid
from freqbias.problem import ACTIVATIONS, Gaussian, Network, Problem, deep_laws, ntk_recursion, two_layer_laws, waves

K = np.linspace(-1, 1, 41)


def network(activation, depth=3, sigma_a=1.5):
    return Network(width=64, sigma_a=sigma_a, depth=depth, activation=activation)


@pytest.mark.parametrize("phi", ACTIVATIONS.values(), ids=list(ACTIVATIONS))
def test_no_hidden_layer_is_two_layers(phi):
    g, h = ntk_recursion(K, phi, 1.5, 0)
    np.testing.assert_array_equal(g, K)
    np.testing.assert_array_equal(h, 2.25 * K)


@pytest.mark.parametrize("phi", ACTIVATIONS.values(), ids=list(ACTIVATIONS))
def test_explicit_formulas(phi):
    p, q = phi.dual, phi.dual_derivative
    g, h = ntk_recursion(K, phi, 1.5, 1)
    np.testing.assert_allclose(g, p(K) + 2.25 * K * q(K), rtol=0, atol=1e-14)
    np.testing.assert_allclose(h, 2.25 * K * q(K), rtol=0, atol=1e-14)
    g, h = ntk_recursion(K, phi, 1.5, 2)
    np.testing.assert_allclose(g, p(p(K)) + 2.25 * (K * q(K) * q(p(K)) + p(K) * q(p(K))), rtol=0, atol=1e-14)
    np.testing.assert_allclose(h, 2.25 * K * q(K) * q(p(K)), rtol=0, atol=1e-14)


@pytest.mark.parametrize("depth", [3, 4, 8])
@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_atom_and_transforms(name, depth):
    density, z = Gaussian(2.0), np.random.default_rng(0).normal(size=(3, 7, 2)) / 5
    laws = deep_laws(density, network(name, depth), 2)
    g, h = ntk_recursion(density.transform(z), ACTIVATIONS[name], 1.5, depth - 2)
    np.testing.assert_allclose(laws.damping.transform(z) + laws.atom, g, rtol=0, atol=1e-14)
    np.testing.assert_allclose(laws.diffusion.transform(z), h, rtol=0, atol=1e-14)
    assert laws.damping.transform(np.array([[1e3, 0.0]])) == laws.diffusion.transform(np.array([[1e3, 0.0]])) == 0
    assert (laws.atom == 0) == ACTIVATIONS[name].odd  # exactly: the local operator refuses an atom
    for law in (laws.damping, laws.diffusion):
        assert law.integral == pytest.approx(law.transform(np.zeros(2)), rel=1e-15)


@pytest.mark.parametrize("given", [{}, {"hidden_width": None, "activation": None}])
def test_defaults_of_hidden_layers(given):
    found = Network(width=64, sigma_a=1.0, depth=3, **given)
    assert (found.hidden_width, found.activation) == (64, "relu")


def test_the_atom_of_relu():
    assert deep_laws(Gaussian(1.0), network("relu"), 1).atom == pytest.approx(1 / np.pi, rel=1e-15)


def test_no_diffusion_without_output_weights():
    laws = deep_laws(Gaussian(2.0), network("relu", sigma_a=0.0), 1)
    g, _ = ntk_recursion(laws.diffusion.transform(np.zeros((1, 1))) + 1, ACTIVATIONS["relu"], 0.0, 1)
    assert laws.diffusion.maximum == laws.diffusion.tail_radius(1.0) == 0
    assert laws.damping.integral + laws.atom == pytest.approx(g[0], rel=1e-15)
    assert laws.tail_radius(1e-3, 1.0) == laws.damping.tail_radius(1e-3)


def test_laws_of_a_problem():
    samples, times, z = waves(Grid((8,), (1.0,)), [[1.0]]), np.array([0.0, 1.0]), np.array([[0.03]])
    for settings in (network("relu", 4), Network(width=64, sigma_a=1.5)):
        expected = (
            deep_laws(Gaussian(2.0), settings, 1) if settings.depth > 2 else two_layer_laws(Gaussian(2.0), 1.5, 1)
        )
        laws = Problem(Gaussian(2.0), samples, settings, times).laws
        assert laws.atom == expected.atom
        assert laws.damping.transform(z) == expected.damping.transform(z)
        assert laws.diffusion.transform(z) == expected.diffusion.transform(z)


def test_pickling():
    law, xi = deep_laws(Gaussian(2.0), network("tanh", 4), 1).damping, np.array([[0.0], [3.0]])
    value = law.value(xi)  # fills the caches, which are not pickled
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(law)).value(xi), value)  # noqa: S301
