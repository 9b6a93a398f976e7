"""The colour scale of `freqbias view`."""

import numpy as np
import pytest

from freqbias.compare.view import View
from freqbias.compare.view.view_figure import magnitude_range
from tests.compare.build import fabricated, problem_1d


@pytest.mark.parametrize(("decay", "end"), [(0.1, 1e-3), (2.0, 0.03 * np.exp(-14.0)), (0.0, 1e-3)])
def test_scale_of_a_view_reaches_its_last_time(decay, end):
    """The scale covers three decades, and more for a spectrum that falls to exp(-14), but at most six."""
    problem = problem_1d()  # until t = 7
    spectrum, _ = fabricated(problem, decay=decay)
    view = View(
        spectrum.time, spectrum.frequency, spectrum.cells, spectrum.cell_type, spectrum.degree,
        {"pde": spectrum.error, "difference": 1e-9 * spectrum.error}, {}, problem.sites.nyquist, 1.0, "", "", 0.0, 0.0,
    )  # fmt: skip
    low, high = magnitude_range(view)
    assert high == np.abs(spectrum.error).max()
    assert low / high == pytest.approx(max(end, 1e-6), rel=1e-9)
