"""The learning rates of a result: tables and figure."""

import re
from dataclasses import replace
from itertools import combinations

import matplotlib.style
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from freqbias.compare import compare, draw_kappa
from freqbias.compare.kappa import FLOOR, comparison_rates, legend_handles, measure, rate_range
from freqbias.compare.spectra import leakage, signal_floor, signal_reach
from freqbias.compare.style import STYLE
from freqbias.compare.view.record import View, with_rates
from freqbias.numerics import Scattered, transform
from freqbias.problem import ErrorHistory, Samples
from tests.compare.build import fabricated, predicted, problem_1d, problem_2d
from tests.compare.legibility import texts


def decaying(problem, history, rate):
    """The history with its errors decaying at another rate."""
    return replace(history, error=-problem.samples.values * np.exp(-rate * history.time)[:, None, None])


@pytest.mark.parametrize("problem", [problem_1d(), problem_2d(channels=2)], ids=["1d", "2d, two channels"])
def test_table_rows_have_signal(problem, tmp_path):
    spectrum, history = fabricated(problem, decay=0.3)
    slower = decaying(problem, history, 0.1)
    record = compare(spectrum, slower, problem, predictions=predicted(history, 1.0, 1.0, 1.0))
    comparison_rates(record, problem).save_table(tmp_path / "kappa.csv")
    table = np.genfromtxt(tmp_path / "kappa.csv", delimiter=",", names=True, deletechars="")
    start = np.linalg.norm(record.pde[0], axis=0)
    inside = (np.abs(record.frequency) <= record.limit).all(axis=1)
    assert len(table) == np.count_nonzero(inside & (start >= FLOOR * start[inside].max()))
    for name, rate in {"pde": 0.3, "nn": 0.1}.items():
        for kind in ("mean", "fit"):
            np.testing.assert_allclose(table[f"{name}_{kind}"], rate, rtol=1e-6)
    np.testing.assert_allclose(table["theory"], problem.density.density(rows(table, problem)), rtol=1e-6)
    assert table.dtype.names[: problem.dimension] == ("xi_1", "xi_2")[: problem.dimension]
    assert {f"{name}_fit" for name in record.predictions} < set(table.dtype.names)


def rows(table, problem):
    return np.stack([table[f"xi_{axis + 1}"] for axis in range(problem.dimension)], axis=1)


def test_no_rates_beyond_nyquist():
    problem = problem_1d()
    spectrum, history = fabricated(problem, half_width=2 * float(problem.grid.nyquist[0]), cells=(192,))
    record = compare(spectrum, history, problem)
    beyond = np.abs(record.frequency[:, 0]) > record.limit[0] * (1 + 1e-9)
    assert np.abs(record.pde[0, 0, beyond]).max() > 0.5 * np.abs(record.pde[0]).max()  # its aliases
    for rates in comparison_rates(record, problem).measured.values():
        for kind in (rates.mean, rates.fit, rates.standard_error, rates.instant):
            assert np.isnan(kind[..., beyond]).all() and np.isfinite(kind[..., ~beyond]).any()


def test_window_and_theory_in_bands():
    """Rates that change at t = 1; then a spectrum that decays by theory and so has its rates in every region."""
    problem = problem_2d()
    spectrum, _ = fabricated(problem)
    time = np.array([0.0, 0.5, 1.0, 2.0, 4.0])
    error = spectrum.error[:1] * np.exp(-np.where(time < 1, 0.9 * time, 0.5 + 0.4 * time))[:, None, None]
    late = measure(spectrum, time, {"pde": error}, problem, start=1.0)
    np.testing.assert_array_equal(late.time, time[2:])
    for kind in ("mean", "fit"):
        rates = getattr(late.measured["pde"], kind)
        np.testing.assert_allclose(rates[np.isfinite(rates)], 0.4, rtol=1e-9)
    early = measure(spectrum, time, {"pde": error}, problem, end=1.0)
    np.testing.assert_allclose(early.regions[1].measured["pde"].mean, 0.9, rtol=1e-9)

    ideal = spectrum.error[:1] * np.exp(-late.theory * 100 * time[:, None, None])
    ideal[0] /= 1 + np.linalg.norm(spectrum.frequency, axis=1)  # before the window
    found = measure(spectrum, 100 * time, {"pde": ideal}, problem, bands=5, directions=3, start=50.0)
    assert [len(each.low) for each in found.regions] == [5, 3]
    np.testing.assert_allclose([found.regions[1].low, found.regions[1].high], [[-30, 30, 90], [30, 90, 150]])
    for each in found.regions:
        for kind in ("mean", "fit", "standard_error"):
            np.testing.assert_allclose(getattr(each.measured["pde"], kind), getattr(each.theory, kind), rtol=1e-9)
        assert np.ptp(each.theory.fit) > 0.01 * each.theory.fit.max()


def test_rates_lost_in_the_noise(tmp_path):
    """The largest |v(0)| is 1 and the noise 1e-3; |v| falls to three times the noise at t = 5.8."""
    problem = problem_1d()
    spectrum, _ = fabricated(problem)
    time = np.arange(8.0)
    error = np.maximum(np.exp(-time), 1e-3)[:, None, None] * np.ones((1, 1, len(spectrum.frequency)))
    found = measure(spectrum, time, {"pde": error}, problem, noise=1e-3)
    for rates in (found.measured["pde"], found.regions[0].measured["pde"]):
        assert np.isnan(rates.mean).all() and np.isnan(rates.instant[5:]).all()
        np.testing.assert_allclose(rates.instant[:5], 1.0, rtol=1e-9)
        np.testing.assert_allclose(rates.fit, 1.0, rtol=1e-9)
    assert found.attributes["noise"] == 1e-3
    found.save_table(tmp_path / "kappa.csv")
    table = np.genfromtxt(tmp_path / "kappa.csv", delimiter=",", names=True)
    assert len(table) == len(spectrum.frequency) and np.isnan(table["pde_mean"]).all()
    np.testing.assert_allclose(table["pde_fit"], 1.0, rtol=1e-9)
    shorter = measure(spectrum, time, {"pde": error}, problem, noise=1e-3, end=5.0)
    np.testing.assert_allclose(shorter.measured["pde"].mean, 1.0, rtol=1e-9)


def test_band_noise_is_bounded_by_the_whole():
    """A narrow peak that falls to 0.02 in a single band: errors of 0.005 of it everywhere would be more, but all errors
    together are 0.005 of ||v(0)|| at most."""
    problem = problem_1d()
    spectrum, _ = fabricated(problem)
    time = np.array([0.0, 1.0, np.log(50)])
    peak = np.exp(-((spectrum.frequency[:, 0] / 3) ** 2) / 2)
    error = peak * np.exp(-time)[:, None, None]
    (band,) = measure(spectrum, time, {"pde": error}, problem, noise=0.005, floor=1e-9, bands=1).regions
    np.testing.assert_allclose(band.measured["pde"].mean, 1.0, rtol=1e-9)


def test_empty_direction_has_no_rate():
    """|v| is a Gaussian around (5, 0) and one around (-5, 0): at most exp(-11) of its largest in the sector across."""
    problem = problem_2d()
    spectrum, _ = fabricated(problem)
    away = np.hypot(np.abs(spectrum.frequency[:, 0]) - 5, spectrum.frequency[:, 1])
    error = np.exp(-(away**2) / 2 - problem.times[:, None, None])
    sectors = measure(spectrum, problem.times, {"pde": error}, problem).regions[1].measured["pde"]
    np.testing.assert_array_equal(np.isnan(sectors.mean), [False, False, True, False])


def test_signal_floor():
    assert [signal_floor(2.0, leakage, 0.01) for leakage in (0.0, 0.01, 100.0)] == [0.02, 0.04, 1.0]


def test_scattered_samples_above_leakage():
    """One wave at 300 random positions: |v| is 1/2 at its frequency and about sqrt(1/2 / 300) elsewhere."""
    rng = np.random.default_rng(3)
    x = rng.uniform(-0.5, 0.5, (300, 1))
    samples = Samples(Scattered(x), np.sin(2 * np.pi * 7 * x.T))
    problem = replace(problem_1d(), samples=samples)
    spectrum, _ = fabricated(problem_1d())
    u = -samples.values * np.exp(-0.3 * problem.times)[:, None, None]
    error, loss = transform(u, x, spectrum.frequency), 0.5 * np.mean(u[:, 0] ** 2, axis=1)
    spectrum, history = (
        replace(spectrum, error=error, loss=loss, sample_error=u),
        ErrorHistory(problem.times, x, u, loss),
    )
    size = leakage(spectrum)
    assert size == pytest.approx(np.sqrt(0.5 / 300), rel=0.05)
    away = np.abs(np.abs(spectrum.frequency[:, 0]) - 7) > 4
    assert np.sqrt(np.mean(np.abs(error[0, 0, away]) ** 2)) == pytest.approx(size, rel=0.1)
    record = compare(spectrum, history, problem)
    rates = comparison_rates(record, problem)
    assert rates.attributes["floor"] == pytest.approx(4 * size / np.abs(error[0]).max())
    shown = np.isfinite(rates.measured["pde"].mean)
    assert shown.any() and not shown[away].any()
    assert np.isfinite(comparison_rates(record, problem, floor=0.01).measured["pde"].mean[away]).any()  # as asked for
    (reach,) = signal_reach(record.frequency, np.abs(record.pde[:1, 0]), record.limit, leakage=size)
    assert reach < 12 < np.abs(record.frequency).max() / 4
    assert leakage(replace(spectrum, attributes={"points": np.array([300])})) == 0.0


@pytest.mark.parametrize(("noise", "leakage"), [(0.01, 0.0), (0.0, 0.1)])
def test_view_has_the_rates_of_the_tables(noise, leakage):
    """Where |v| falls to exp(-2.1) of itself, and is lost in the noise from 0.25 of the largest down; and where random
    places leave 0.1 of that."""
    problem = problem_1d()
    spectrum, _ = fabricated(problem)
    leakage *= np.abs(spectrum.error[0]).max()
    view = View(
        spectrum.time, spectrum.frequency, spectrum.cells, spectrum.cell_type, spectrum.degree, {"pde": spectrum.error},
        {}, problem.sites.nyquist, float(np.abs(spectrum.error[0]).max()), "", "", noise, leakage,
    )  # fmt: skip
    expected = measure(spectrum, spectrum.time, {"pde": spectrum.error}, problem, noise=noise, leakage=leakage)
    found = with_rates(view).static["kappa_pde"]
    np.testing.assert_array_equal(found, expected.measured["pde"].mean)
    plain = with_rates(replace(view, tolerance=0.0, leakage=0.0)).static["kappa_pde"]
    assert 0 < np.isfinite(found).sum() < np.isfinite(plain).sum()
    late = with_rates(replace(view, time=view.time[1:], spectra={"pde": spectrum.error[1:]}))
    expected = measure(
        spectrum, spectrum.time, {"pde": spectrum.error}, problem, start=view.time[1], noise=noise, leakage=leakage
    )
    np.testing.assert_array_equal(late.static["kappa_pde"], expected.measured["pde"].mean)


@pytest.mark.parametrize("dimension", [1, 2])
def test_figure_shows_all_rates(dimension, tmp_path):
    problem = problem_1d() if dimension == 1 else problem_2d(channels=2)
    spectrum, history = fabricated(problem, decay=0.3)
    record = compare(spectrum, replace(history, attributes={"width": 100_000}), problem,
                     predictions=predicted(history, 1.0, 1.0, 1.0))  # fmt: skip
    spectra = {"pde": record.pde, "nn": record.nn, **record.predictions}
    rates = measure(record, record.time, spectra, problem, bands=6, attributes=record.attributes)
    figure = draw_kappa(rates, tmp_path / "kappa.png")
    with matplotlib.style.context(STYLE):
        FigureCanvasAgg(figure).draw()
    assert len(figure.axes) == dimension
    for panel in figure.axes:
        fits = [container for container in panel.containers if container.has_yerr]
        assert len(fits) == 4
        for fit in fits:
            np.testing.assert_allclose(fit[0].get_ydata(), 0.3, rtol=1e-6)
        places = [panel.transData.transform(fit[0].get_xydata())[:, 0] for fit in fits]
        apart = np.diff(places, axis=0).min() * 72 / figure.dpi  # points
        for marker, caps, (bars,) in fits:
            assert marker.get_markersize() < apart
            assert all(cap.get_markersize() > 1.5 * marker.get_markersize() for cap in caps)
            assert bars.get_zorder() > marker.get_zorder() and all(cap.get_visible() for cap in caps)
    panel = figure.axes[0]
    assert "cycles" in panel.get_xlabel() and "1/time" in panel.get_ylabel()
    late = replace(rates, time=rates.time * 1e6)
    assert "+" not in re.findall("0 (.*)", draw_kappa(late).axes[0].get_ylabel())[-1].split("≤ t ≤")[0]
    theory = panel.lines[0]
    if dimension == 1:
        expected = problem.density.density(theory.get_xdata()[:, None])
        np.testing.assert_allclose(theory.get_ydata(), expected, rtol=1e-12)
        np.testing.assert_allclose(panel.lines[1].get_ydata()[1:], 0.3, rtol=1e-6)  # no error at xi = 0
    reach = np.linalg.norm(record.limit)  # into the corners of the Nyquist box
    assert all(np.nanmax(line.get_xdata()) <= reach for line in panel.lines) and panel.get_xlim()[1] <= reach * 1.001
    words = [text.get_text().replace("\n", " ") for text in figure.legends[0].get_texts()]
    assert len(words) == 5 and words[0] == r"theory without diffusion, damping / volume (σₐ → 0)"
    siren = legend_handles(replace(rates, attributes={**rates.attributes, "omega_0": 30.0}))
    assert siren[0].get_label().endswith("damping / volume")  # which depends on sigma_a
    found = texts(figure)
    for text, box in found:
        assert box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, text
    for (one, a), (two, b) in combinations(found, 2):
        assert not a.overlaps(b), (one, two)
    frozen = legend_handles(replace(rates, attributes={**rates.attributes, "diffusion": 0}))
    assert frozen[0].get_label() == "theory,\ndamping / volume"


def test_rate_lines_break_at_mesh_gaps():
    problem = problem_1d()
    spectrum, _ = fabricated(problem)
    middle = np.abs(spectrum.frequency[spectrum.cells, 0].mean(axis=1))
    spectrum = replace(spectrum, cells=spectrum.cells[(middle < 2.0) | (middle > 5.0)])
    nodes, cells = np.unique(spectrum.cells, return_inverse=True)
    spectrum = replace(
        spectrum, frequency=spectrum.frequency[nodes], error=spectrum.error[..., nodes], cells=cells.reshape(-1, 5)
    )
    rates = measure(spectrum, spectrum.time, {"pde": spectrum.error}, problem, bands=3)
    for line in draw_kappa(rates).axes[0].lines[:2]:
        xi = line.get_xdata()
        (gap,) = np.flatnonzero(np.isnan(xi))
        assert xi[gap - 1] == pytest.approx(2.0, abs=0.7) and xi[gap + 1] == pytest.approx(5.0, abs=0.7)


def test_rates_of_single_frequencies_do_not_flatten_the_rest():
    problem = problem_1d()
    spectrum, _ = fabricated(problem)
    rates = measure(spectrum, spectrum.time, {"pde": spectrum.error}, problem, bands=6)
    assert "outside" not in draw_kappa(rates).axes[0].get_title()
    pde = rates.measured["pde"]
    fit = pde.fit.copy()
    fit[np.flatnonzero(np.isfinite(fit))[5]] = 40.0
    figure = draw_kappa(replace(rates, measured={"pde": replace(pde, fit=fit)}))
    (panel,) = figure.axes
    assert 0.3 < panel.get_ylim()[1] < 0.6 and panel.get_title().endswith("lines outside the axes reach 40")
    (fits,) = [container for container in panel.containers if container.has_yerr]
    errors = fits[2][0].get_segments()
    assert max(segment[:, 1].max() for segment in errors) <= panel.get_ylim()[1]


def test_axis_without_rates():
    assert rate_range() == (0.0, 1.0)
