"""Activations and their dual functions, compared with Hermite series and quadrature."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ndtr

from freqbias.problem import ACTIVATIONS
from freqbias.problem.activations import hermite_coefficients

C = np.array([-1.0, -0.9, -0.4, 0.0, 1e-3, 0.5, 0.99, 1 - 1e-9, 1.0])
SMOOTH = [name for name in ACTIVATIONS if name != "relu"]


def gauss_hermite(values, c):
    """E[phi(y) phi(z)] for unit normals with correlation c, by a product rule with z = c y + sqrt(1 - c^2) w."""
    t, weight = np.polynomial.hermite_e.hermegauss(120)
    weight = weight / weight.sum()
    z = c[:, None, None] * t[:, None] + np.sqrt(1 - c[:, None, None] ** 2) * t
    return np.einsum("i,j,cij,i->c", weight, weight, values(z), values(t))


@pytest.mark.parametrize("name", SMOOTH)
def test_dual_functions_against_quadrature(name):
    """Gauss-Hermite in two variables; because tanh has poles, its error is 1e-9."""
    phi, within = ACTIVATIONS[name], 2e-9 if name == "tanh" else 1e-12
    np.testing.assert_allclose(phi.product(C), gauss_hermite(phi.value, C), rtol=0, atol=within)
    np.testing.assert_allclose(phi.derivative_product(C), gauss_hermite(phi.derivative, C), rtol=0, atol=10 * within)


@pytest.mark.parametrize("name", SMOOTH)
def test_dual_functions_against_hermite_series(name):
    squares = hermite_coefficients(ACTIVATIONS[name], 180) ** 2
    series = np.polynomial.Polynomial(squares)
    np.testing.assert_allclose(ACTIVATIONS[name].product(C), series(C), rtol=0, atol=1e-13)
    np.testing.assert_allclose(ACTIVATIONS[name].derivative_product(C), series.deriv()(C), rtol=0, atol=3e-12)


def test_relu_against_quadrature():
    """E[phi(z) | y] is known in closed form, which leaves one integral."""

    def product(c):
        s = np.sqrt(1 - c**2)

        def given(y):
            return c * y * ndtr(c * y / s) + s * np.exp(-((c * y / s) ** 2) / 2) / np.sqrt(2 * np.pi)

        return quad(lambda y: y * given(y) * np.exp(-(y**2) / 2) / np.sqrt(2 * np.pi), 0, np.inf, epsabs=1e-13)[0]

    def derivative_product(c):
        normal = lambda y: np.exp(-(y**2) / 2) / np.sqrt(2 * np.pi)  # noqa: E731
        return quad(lambda y: ndtr(c * y / np.sqrt(1 - c**2)) * normal(y), 0, np.inf, epsabs=1e-13)[0]

    relu, c = ACTIVATIONS["relu"], np.array([-0.9, -0.4, 0.0, 0.5, 0.99])
    np.testing.assert_allclose(relu.product(c), [product(x) for x in c], rtol=0, atol=1e-11)
    np.testing.assert_allclose(relu.derivative_product(c), [derivative_product(x) for x in c], rtol=0, atol=1e-11)


@pytest.mark.parametrize("phi", ACTIVATIONS.values(), ids=list(ACTIVATIONS))
def test_derivatives(phi):
    y, h = np.linspace(-3, 3, 20), 1e-5
    np.testing.assert_allclose(phi.derivative(y), (phi.value(y + h) - phi.value(y - h)) / (2 * h), rtol=0, atol=1e-9)
    c = np.linspace(-0.9, 0.9, 20)
    np.testing.assert_allclose(phi.dual_derivative(c), (phi.dual(c + h) - phi.dual(c - h)) / (2 * h), rtol=0, atol=1e-9)


@pytest.mark.parametrize("phi", ACTIVATIONS.values(), ids=list(ACTIVATIONS))
def test_duals_map_correlations(phi):
    c = np.linspace(-1, 1, 1001)
    assert phi.dual(np.ones(3)) == pytest.approx(1, rel=1e-15)
    assert np.abs(phi.dual(c)).max() <= 1 + 1e-15
    assert phi.odd == (abs(phi.dual(np.zeros(1))[0]) < 1e-15) == np.allclose(phi.value(c), -phi.value(-c))
    assert phi.second_moment * phi.dual(c[7]) == pytest.approx(phi.product(c[7]))


@pytest.mark.parametrize("phi", ACTIVATIONS.values(), ids=list(ACTIVATIONS))
def test_only_rounding_is_corrected(phi):
    """Next to 1, arccos would amplify a rounding error to 1e-8."""
    assert (
        phi.dual_derivative(np.array([1 + 1e-15]))
        == phi.dual_derivative(np.array([1 - 2e-16]))
        == phi.dual_derivative(np.ones(1))
    )
    for c in (1 + 1e-9, -1.1, np.nan):
        with pytest.raises(ValueError, match="use values in"):
            phi.dual(np.array([0.0, c]))
