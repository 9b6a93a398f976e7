"""Frequency learning rates: the mean of kappa over a run."""

from dataclasses import replace
from itertools import combinations

import matplotlib.style
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from compare import compare, draw_kappa, mean_rate
from compare.figures import STYLE
from compare.kappa import FLOOR, mean_rates, save_rates
from tests.compare.build import fabricated, predicted, problem_1d, problem_2d
from tests.compare.test_figures import texts


def test_the_rate_of_an_exponential_is_its_rate_and_channels_count_together():
    """Two channels of one frequency that decay alike, in other phases; another frequency with other weights."""
    time = np.array([0.5, 1.0, 3.0])
    kappa = np.array([0.2, 1.5])
    start = np.array([[3.0, 0.01j], [4.0j, 0.0]])  # (channel, node)
    error = start * np.exp(-kappa * time[:, None])[:, None, :] * np.exp(0.3j * time)[:, None, None]
    np.testing.assert_allclose(mean_rate(time, error, floor=1e-4), kappa, rtol=1e-13)


def test_it_is_undefined_below_the_floor_and_where_nothing_is_left():
    error = np.array([[[1.0, 0.009, 0.5, 0.0]], [[0.5, 0.001, 0.0, 0.0]]])
    rate = mean_rate(np.array([0.0, 2.0]), error, floor=0.01)
    assert rate[0] == pytest.approx(np.log(2) / 2) and np.isnan(rate[1:]).all()
    with pytest.raises(ValueError, match="two times"):
        mean_rate(np.array([0.0]), error[:1], floor=0.01)


@pytest.mark.parametrize("problem", [problem_1d(), problem_2d(channels=2)], ids=["1d", "2d, two channels"])
def test_the_table_has_every_frequency_with_something_to_learn(problem, tmp_path):
    spectrum, history = fabricated(problem, decay=0.3)
    slower = replace(history, error=-problem.samples.values * np.exp(-0.1 * problem.times)[:, None, None])
    record = compare(spectrum, slower, problem, predictions=predicted(history, 1.0, 1.0, 1.0))
    save_rates(record, tmp_path / "kappa.csv")
    table = np.genfromtxt(tmp_path / "kappa.csv", delimiter=",", names=True, deletechars="")
    start = np.linalg.norm(record.pde[0], axis=0)
    inside = (np.abs(record.frequency) <= record.limit).all(axis=1)
    assert len(table) == np.count_nonzero(inside & (start >= FLOOR * start[inside].max()))
    np.testing.assert_allclose(table["kappa_pde"], 0.3, rtol=1e-6)
    np.testing.assert_allclose(table["kappa_nn"], 0.1, rtol=1e-6)
    assert table.dtype.names[: problem.dimension] == ("xi_1", "xi_2")[: problem.dimension]
    assert {f"kappa_{name}" for name in record.predictions} < set(table.dtype.names)


def test_nothing_beyond_the_limit_of_the_data_counts():
    problem = problem_1d()
    spectrum, history = fabricated(problem, half_width=2 * float(problem.grid.nyquist[0]), cells=(192,))
    record = compare(spectrum, history, problem)
    beyond = np.abs(record.frequency[:, 0]) > record.limit[0] * (1 + 1e-9)
    assert np.abs(record.pde[0, 0, beyond]).max() > 0.5 * np.abs(record.pde[0]).max()  # its aliases
    assert all(np.isnan(rate[beyond]).all() for rate in mean_rates(record).values())


def test_the_picture_shows_the_rates_of_all(tmp_path):
    problem = problem_1d()
    spectrum, history = fabricated(problem, decay=0.3)
    record = compare(spectrum, history, problem, predictions=predicted(history, 1.0, 1.0, 1.0))
    figure = draw_kappa(record, tmp_path / "kappa.png")
    with matplotlib.style.context(STYLE):
        FigureCanvasAgg(figure).draw()
    (panel,) = figure.axes
    assert len(panel.lines) == 4
    for line in panel.lines:
        rate = line.get_ydata()
        assert np.isfinite(rate).sum() > 20
        np.testing.assert_allclose(rate[np.isfinite(rate)], 0.3, rtol=1e-6)
    assert "cycles" in panel.get_xlabel() and "1/time" in panel.get_ylabel()
    found = texts(figure)
    for text, box in found:
        assert box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, text
    for (one, a), (two, b) in combinations(found, 2):
        assert not a.overlaps(b), (one, two)
    with pytest.raises(ValueError, match=r"kappa\.csv"):
        draw_kappa(compare(*fabricated(problem_2d()), problem_2d()))
