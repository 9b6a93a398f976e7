"""The error in bands of |xi| over its start, and its band over draws."""

import csv

import numpy as np
import pytest

from freqbias.compare import compare, draw_comparison
from freqbias.compare.comparison.draw_bands import RingMeans, energy_edges, ring_edges
from freqbias.compare.spectra import band_energy
from freqbias.problem import Draws
from tests.compare.build import fabricated, problem_1d, problem_2d

PROBLEMS = {"1-D": problem_1d, "2-D": problem_2d}
DECAY = 0.3  # of network and equation
RATES = np.linspace(0.2, 0.35, 39)  # of the draws


@pytest.fixture(scope="module", params=PROBLEMS)
def problem(request):
    return PROBLEMS[request.param]()


@pytest.fixture(scope="module")
def decaying(problem):
    """The comparison with draws that decay at `RATES`."""
    return compared(problem, RATES)


def compared(problem, rates):
    """Draws that start at the target and decay at these rates at all frequencies."""
    spectrum, history = fabricated(problem, decay=DECAY, cells=(6, 6) if problem.dimension == 2 else (48,))
    factors = np.exp(-rates[:, None] * problem.times)[:, :, None, None]
    error = (-problem.samples.values * factors).astype(np.float32)
    draws = Draws(problem.times, error, None, np.arange(len(rates)), np.zeros(len(problem.times)))
    return compare(spectrum, history, problem, draws=draws)


def test_bands_share_the_energy_of_the_start(problem):
    spectrum, _ = fabricated(problem)
    start, limit = spectrum.error[0], problem.sites.nyquist
    edges = energy_edges(spectrum, start, limit)
    energy = band_energy(spectrum, start[None], edges, limit=limit)[0]
    assert len(edges) == 5 and edges[0] == 0
    np.testing.assert_allclose(energy / energy.sum(), 0.25, atol=0.04)  # the width of a ring
    whole = band_energy(spectrum, start[None], np.array([0.0, 1e9]), limit=limit)
    assert energy.sum() == pytest.approx(whole.sum(), rel=1e-3)


def test_errors_in_bands_decay_at_their_rates(problem, decaying):
    bands = decaying.band.bands
    time = problem.times[:, None]
    for found, rate in (
        (bands.network, DECAY),
        (bands.equation, DECAY),
        (bands.draws.low, 0.35),
        (bands.draws.high, 0.2),
    ):
        np.testing.assert_allclose(found, np.broadcast_to(np.exp(-rate * time), found.shape), rtol=1e-5)
    assert bands.draws.level == pytest.approx(0.95) and bands.inside.all()


@pytest.mark.parametrize("faster", [0.02, -0.02])
def test_network_outside_the_draws(problem, faster):
    bands = compared(problem, DECAY + faster + 0.01 * np.sign(faster) * np.linspace(0, 1, 39)).band.bands
    assert bands.inside[0].all() and not bands.inside[1:].any()


def test_table(problem, decaying, tmp_path):
    comparison = decaying
    comparison.band.bands.save(tmp_path / "draw_bands.csv", comparison.time)
    rows = list(csv.DictReader((tmp_path / "draw_bands.csv").open()))
    assert list(rows[0]) == ["time", "xi_low", "xi_high", "low", "high", "network", "equation", "inside"]
    bands = comparison.band.bands
    assert len(rows) == len(problem.times) * 4
    last = {key: float(value) for key, value in rows[-1].items()}
    assert last["time"] == problem.times[-1] and last["inside"] == 1
    assert [last["xi_low"], last["xi_high"]] == list(bands.edges[-2:])
    assert [last["low"], last["high"]] == [bands.draws.low[-1, -1], bands.draws.high[-1, -1]]
    assert [last["network"], last["equation"]] == [bands.network[-1, -1], bands.equation[-1, -1]]


def test_means_over_rings():
    problem = problem_2d(channels=2)
    spectrum, _ = fabricated(problem)
    limit = problem.sites.nyquist
    edges = ring_edges(spectrum, limit, 20)
    radius = np.linalg.norm(spectrum.frequency, axis=1)
    assert edges[-1] == pytest.approx(np.linalg.norm(limit))
    values = np.array([[3 + 0 * radius, 4j + 0 * radius], [radius, 0 * radius]])  # (T, C, n)
    constant, growing = RingMeans(spectrum, edges, limit=limit)(values)
    np.testing.assert_allclose(constant, 5.0, rtol=1e-9)
    middles = (edges[1:] + edges[:-1]) / 2
    np.testing.assert_allclose(growing[2:-3], middles[2:-3], rtol=0.02)


def test_profiles_below_the_maps(decaying, undrawn):
    comparison, profile = decaying, decaying.band.profile
    if comparison.frequency.shape[1] == 1:
        assert profile is None
        return
    visible = profile.network[-1] > 1e-4 * np.nanmax(profile.network)
    last, time = profile.network[-1, visible], comparison.time[-1]
    np.testing.assert_allclose(profile.equation[-1, visible], last, rtol=1e-9)
    np.testing.assert_allclose(profile.draws.high[-1, visible], last * np.exp((DECAY - RATES.min()) * time), rtol=1e-4)
    np.testing.assert_allclose(profile.draws.low[-1, visible], last * np.exp((DECAY - RATES.max()) * time), rtol=1e-4)
    figure = draw_comparison(comparison)
    assert "95 % of draws" in [text.get_text() for text in figure.legends[0].get_texts()]
    *_, panel = (panel for panel in figure.axes if panel.get_xlabel() == "|ξ|")
    drawn = panel.lines[1].get_ydata()
    np.testing.assert_array_equal(drawn, profile.network[-1, : len(drawn)])
