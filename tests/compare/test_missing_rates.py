"""Learning rates that cannot be measured are named."""

import numpy as np

from freqbias import pde
from freqbias.compare.kappa import measure
from freqbias.numerics import Grid
from freqbias.problem import Gaussian, Network, Pde, Problem, waves


def rates(times):
    samples = waves(Grid((64,), (1.0,)), [[3.0]], window=0.1)
    problem = Problem(Gaussian(6.0), samples, Network(width=2, sigma_a=0.3), np.array([0.0, *times]))
    spectrum = pde.solve(problem, Pde(tolerance=1e-3))
    return measure(spectrum, spectrum.time, {"pde": spectrum.error}, problem, noise=1e-3)


def test_error_that_is_gone_at_the_first_output_time():
    late = rates([1e5, 2e5])
    assert late.unmeasured == ["pde"] and "use output times before t = 1e+05" in late.warning
    early = rates([5.0, 10.0])
    assert early.unmeasured == [] and not early.warning
