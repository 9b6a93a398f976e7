"""A training by the damped Gauss-Newton method against its equation and the theory of its learning rates."""

import numpy as np
import pytest

from freqbias import nn, pde
from freqbias.compare import compare, theory_rate
from freqbias.compare.kappa import comparison_rates, legend_handles
from freqbias.numerics import Grid
from freqbias.problem import Gaussian, Network, Pde, Problem, Samples, Training

DAMPING = 0.02


@pytest.fixture(scope="module")
def rates():
    """The measured rates, and those of the theory of gradient descent."""
    grid = Grid((64,), (1.0,))
    values = np.exp(-(grid.positions()[:, 0] ** 2) / (2 * 0.02**2))  # a narrow peak contains all frequencies
    network = Network(width=8192, sigma_a=0.3, sampling="sobol", symmetric=True)
    problem = Problem(
        Gaussian(5.0), Samples(grid, 0.1 * values[None]), network, np.linspace(0, 2, 6), gauss_newton=DAMPING
    )
    spectrum = pde.solve(problem, Pde(tolerance=1e-4))
    settings = Training(integrator="gauss-newton", damping=DAMPING, step=0.05, precision="double")
    comparison = compare(spectrum, nn.train(problem, settings), problem)
    return comparison_rates(comparison, problem), comparison, problem


def test_network_and_equation_agree(rates):
    kappa, comparison, problem = rates
    assert comparison.metrics["error_over_initial"].max() < 0.02
    shift = comparison.attributes["shift"]
    assert shift == pytest.approx(nn.gauss_newton_shift(problem), rel=1e-4)
    np.testing.assert_array_equal(kappa.theory, theory_rate(problem, kappa.frequency, shift=shift))


def test_rates(rates):
    """Near kappa / (kappa + eps), which is nearly flat where the rates of gradient descent differ by a factor of 10."""
    kappa, comparison, _ = rates
    shown = np.abs(kappa.frequency[:, 0]) < 11
    measured, theory = kappa.measured["nn"].best[shown], kappa.theory[shown]
    assert np.abs(measured / theory - 1).max() < 0.05
    assert measured.max() / measured.min() < 1.4
    plain = theory * comparison.attributes["shift"] / (1 - theory)
    assert plain.max() / plain.min() > 9


def test_the_legend_names_the_theory(rates):
    assert "varepsilon" in legend_handles(rates[0])[0].get_label()
