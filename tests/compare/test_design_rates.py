"""The purposes "balanced", "band" and "order" of `freqbias design`, against trained networks; mixtures."""

import csv
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import tomli_w

from freqbias.compare.design import Candidate, design, design_warnings, draw_design, summary, verify
from freqbias.compare.design.rates import LearningRates, target_band
from freqbias.compare.design.scales import default_scales
from freqbias.compare.design.verify import missed_purpose
from freqbias.errors import InputError
from freqbias.numerics import Grid, resolved_frequencies, subset
from freqbias.problem import Design, Gaussian, Laplace, Mixture, Network, Problem, Samples, parse
from tests.batch import attempt
from tests.problem.run_files import table

COMMON = {"steps": [400], "step_factor": 0.1, "draws": 2, "scales": 5}


def signal(width=4000):
    """Waves of frequencies 1 to 12 with equal amplitudes, on a grid of 64 points."""
    grid = Grid((64,), (1.0,))
    (x,) = grid.axes()
    values = sum(np.cos(2 * np.pi * k * (x + k**2 / 24)) for k in range(1, 13))
    return Problem(Gaussian(1.0), Samples(grid, values[None]), Network(width=width, sigma_a=0.3), np.array([0.0, 1.0]))


@pytest.fixture(scope="module")
def balanced():
    return design(signal(), Design(purpose="balanced", **COMMON))


@pytest.fixture(scope="module")
def band():
    return design(signal(), Design(purpose="band", band=[7.5, 12.5], **COMMON))


def test_balanced_rates(balanced):
    """A uniform density is faster than every Gaussian whose rates are as equal."""
    assert balanced.band == (0.0, 12.0) and balanced.winner.family == "ball"
    assert 12 <= balanced.winner.scale < 17
    first = [each for each in balanced.predictions if each.candidate.draw == 0]
    equal = [each.slowest for each in first if each.candidate.family == "gaussian" and each.fastest <= 2 * each.slowest]
    assert balanced.best.slowest > 1.5 * max(equal)
    assert balanced.best.fastest <= 2 * balanced.best.slowest
    assert not design_warnings(balanced)
    (row,) = [row for row in verify(balanced)[0] if row["winner"]]
    assert row["trained"] == pytest.approx(balanced.best.slowest, rel=0.1)
    assert row["fastest_rate"] < 1.8 * row["slowest_rate"]


def test_fewest_steps_in_a_band(band):
    assert {each.candidate.family for each in band.predictions} == {"gaussian", "laplace", "ball", "annulus"}
    assert band.best.value == band.best.best_amount == min(
        each.value for each in band.predictions if each.candidate == band.winner
    )  # fmt: skip
    rows, text = verify(band)
    (row,) = [row for row in rows if row["winner"]]
    assert row["trained"] == pytest.approx(band.best.value, rel=0.1)
    assert "least number of steps of 3 trained networks" in text
    low = [each.value for each in band.predictions if each.candidate.family == "gaussian" and each.candidate.scale < 4]
    assert min(low) > 2 * band.best.value
    assert "fewest steps to half the error for |xi| from 7.5 to 12.5" in summary(band)


def test_annulus_learns_its_band_first():
    """At large width, low frequencies outside the annulus are learnt much later."""
    settings = Design(purpose="band", band=[7.5, 12.5], families=["annulus"], **{**COMMON, "draws": 1})
    found = design(signal(8000), settings)
    assert found.winner.shape == (0.6,)
    inside = found.best.value
    outside = design(signal(8000), settings.model_copy(update={"band": [1.5, 5.5], "families": ["annulus"]}))
    annulus = found.winner
    assert annulus.section() == {"kind": "annulus", "inner": 0.6 * annulus.scale, "radius": annulus.scale}
    assert parse({**table(), "density": annulus.section()}).density.build() == annulus.density()
    assert outside.winner.scale < 0.7 * found.winner.scale and inside < 40


def test_annulus_of_a_single_frequency():
    """Thinner annuli than the density allows are not tried."""
    settings = Design(purpose="band", band=[8.9999, 9.0], families=["annulus"], **{**COMMON, "draws": 1})
    assert design(signal(200), settings).winner.shape == (0.99,)


def test_order_of_the_rates():
    found = design(signal(), Design(purpose="order", ratio=5.0, **COMMON))
    assert found.best.ratio == pytest.approx(5.0, rel=0.1)
    rows, text = verify(found)
    (row,) = [row for row in rows if row["winner"]]
    assert row["rate_ratio"] == pytest.approx(5.0, rel=0.25)
    assert "a ratio of the first to the last of" in text
    assert "learning rates in the ratio 5 for |xi|" in summary(found)


def test_rates_that_no_candidate_has():
    narrow = {"scale": [2.0, 3.0], "scales": 2, "draws": 1, "families": ["gaussian"]}
    uneven = design(signal(400), Design(purpose="balanced", **{**COMMON, **narrow, "steps": [20]}))
    messages = "\n".join(design_warnings(uneven))
    assert "no candidate balances the learning rates: they differ by a factor of" in messages
    assert "no candidate halves the error in the band within 20 steps" in messages
    order = design(signal(400), Design(purpose="order", ratio=1.0, **{**COMMON, **narrow}))
    assert "no candidate has the ratio of learning rates 1: that of the best is" in "\n".join(design_warnings(order))


def test_band_of_the_target():
    grid = Grid((64, 32), (2.0, 1.0))
    x, y = grid.positions().T
    values = 3 + np.cos(2 * np.pi * 1.5 * x) + np.cos(2 * np.pi * 4 * y) + 0.2 * np.cos(2 * np.pi * 9 * x)
    problem = Problem(Gaussian(1.0), Samples(grid, values[None]), Network(width=10, sigma_a=1.0), np.array([0.0, 1.0]))
    assert target_band(problem) == (0.0, 4.0)  # the mean does not count, and the fast wave has 2 % of the energy


def test_every_second_sample_resolves_half_the_frequencies():
    grid = Grid((64,), (1.0,))
    samples = Samples(subset(grid, np.arange(0, 64, 2)), signal().samples.values[:, ::2])
    with pytest.raises(InputError, match=r"the samples resolve \|xi\| up to 16"):
        design(replace(signal(), samples=samples), Design(purpose="band", band=[14.0, 20.0]))


def test_scales_for_every_kth_sample():
    grid = Grid((12, 30), (2.0, 3.0))
    every = subset(grid, np.arange(360).reshape(12, 30)[1::3, ::5].ravel())
    assert default_scales(every) == pytest.approx((1 / 6, 0.75 * 1.0))  # 4 points on 2, and 6 points on 3
    assert default_scales(subset(grid, np.array([0, 1, 2, 30, 60]))) == default_scales(grid)


@pytest.mark.parametrize("first, count", [(0, 6), (1, 5)])
def test_frequencies_of_every_second_of_eleven_points(first, count):
    sites = subset(Grid((11,), (1.1,)), np.arange(first, 11, 2))
    assert sites.size == count
    expected = np.fft.fftshift(np.fft.fftfreq(count, 0.2))
    np.testing.assert_allclose(resolved_frequencies(sites)[:, 0], expected, rtol=1e-12)


def test_default_scales_of_a_band():
    assert default_scales(signal().sites, (2.0, 8.0)) == (2.0, 16.0)
    assert default_scales(signal().sites, (2.0, 8.0), ordered=True) == (0.5, 16.0)


@pytest.mark.parametrize("ratio, missed", [(2.0, True), (3.8, False), (4.3, False), (8.0, True)])
def test_trained_ratio_that_misses_the_wanted_one(ratio, missed):
    settings = Design(purpose="order", ratio=4.0, step_factor=0.2)
    text = missed_purpose(SimpleNamespace(criterion="order", settings=settings), {"rate_ratio": ratio})
    assert ("use a larger width, or step_factor = 0.1" in text) == missed and bool(text) == missed


def test_trained_rates_that_miss_the_purpose():
    """A narrow network with small output weights leaves the prediction."""
    settings = Design(purpose="balanced", **{**COMMON, "sigma_a": [0.05], "step_factor": 1.0, "draws": 1})
    rows, text = verify(design(signal(100), settings))
    (row,) = [row for row in rows if row["winner"]]
    missed = row["fastest_rate"] > 2 * row["slowest_rate"]
    assert missed == ("these rates miss the purpose, which allows a factor of 2" in text)
    assert missed and "step_factor = 0.5" in text


def test_narrow_band_is_refused():
    with pytest.raises(InputError, match=r"band = \[4, 6\] has too few frequencies .* at least 4 wide"):
        design(signal(), Design(purpose="order", ratio=2.0, band=[4.0, 6.0]))


def test_rates_do_not_depend_on_the_step():
    candidate, found = Candidate("gaussian", 6.0, 500, 0.3), []
    for factor in (0.05, 0.1):
        (prediction,), _ = LearningRates(signal(), Design(purpose="balanced", step_factor=factor))(candidate)
        found.append([prediction.slowest, prediction.fastest])
    np.testing.assert_allclose(*found, rtol=0.06)


def test_parts_without_energy_have_no_rate():
    """Their error only grows, from rounding."""
    grid = Grid((64,), (1.0,))
    values = sum(np.cos(2 * np.pi * k * grid.axes()[0]) for k in (3, 9))
    problem = replace(signal(), samples=Samples(grid, values[None]))
    settings = Design(purpose="balanced", band=[0.0, 12.0], **{**COMMON, "draws": 1, "families": ["gaussian"]})
    found = design(problem, settings)
    assert len(LearningRates(problem, settings).edges) == 7 and found.best.slowest > 0.01
    (row,) = [row for row in verify(found)[0] if row["winner"]]
    assert row["trained"] == pytest.approx(found.best.slowest, rel=0.1)
    assert row["fastest_rate"] == pytest.approx(found.best.fastest, rel=0.1)


@pytest.mark.parametrize("purpose, band, message", [
    ("band", [30.0, 40.0], r"band = \[30, 40\]: the samples resolve \|xi\| up to 32; give a band that ends there"),
    ("band", [4.1, 4.9], "the target has energy in 0 of 1 part of the band"),
    ("band", [14.5, 20.5], "the target has energy in 0 of 1 part of the band"),
    ("balanced", [12.5, 20.5], 'energy in 0 of 4 parts of the band, and purpose = "balanced" needs 2'),
    ("balanced", [8.5, 20.5], None),
    ("order", [11.5, 23.5], 'energy in 1 of 6 parts of the band, and purpose = "order" needs 2'),
    ("order", [0.5, 20.5], "no energy at an end of the band, from 17.17 to 20.5"),
    ("order", [12.5, 30.5], "no energy at an end of the band, from 12.5 to 15.5"),
])  # fmt: skip
def test_bands_without_energy_are_refused(purpose, band, message):
    problem = signal()
    if band == [12.5, 30.5]:
        (x,) = problem.sites.axes()
        waves = sum(np.cos(2 * np.pi * k * x) for k in (20, 29))
        problem = replace(problem, samples=Samples(problem.sites, waves[None]))
    settings = Design(purpose=purpose, band=band, ratio=2.0 if purpose == "order" else None)
    if message is None:
        assert len(LearningRates(problem, settings).edges) == 7
        return
    with pytest.raises(InputError, match=message):
        design(problem, settings)


def test_a_constant_has_no_band():
    constant = Samples(Grid((64,), (1.0,)), np.full((1, 64), 2.0))
    with pytest.raises(InputError, match="the target is constant"):
        design(replace(signal(), samples=constant), Design(purpose="balanced"))


def test_mixtures_of_two_families():
    settings = Design(families=["gaussian+laplace"], scale=[3.0, 9.0], scales=2, steps=[30], draws=1, criterion="gcv")
    found = design(signal(60), settings)
    shapes = {each.candidate.shape for each in found.predictions}
    assert shapes == {(2.0, 0.2), (2.0, 0.5), (4.0, 0.2), (4.0, 0.5)}
    assert {each.candidate.family for each in found.predictions} == {"gaussian + laplace"}
    candidate = Candidate("gaussian + laplace", 3.0, 60, 1.0, shape=(4.0, 0.2))
    assert candidate.density() == Mixture((0.8, 0.2), (Gaussian(3.0), Laplace(12.0)))
    assert parse({**table(), "density": candidate.section()}).density.build() == candidate.density()
    assert str(candidate) == "gaussian sigma = 3 + laplace scale = 12 (weight 0.2)"
    assert "in other programs" not in summary(found) and "gaussian sigma = " in summary(found)


def test_figures(balanced, band, tmp_path, undrawn):
    labels = [line.get_label() for line in draw_design(balanced, tmp_path / "a.png").axes[0].get_lines()]
    assert "slowest rate in the band" in labels and "fastest rate in the band" in labels
    figure = draw_design(band, tmp_path / "b.png")
    assert len(figure.axes) == 4 and "steps to half" in figure.axes[0].get_ylabel()


def test_command(tmp_path, undrawn):
    run = table(
        density=None, data={"frequencies": [[2.0], [6.0]], "points": 64}, network={"width": 500},
        design={**COMMON, "purpose": "order", "ratio": 3.0, "families": ["gaussian"], "draws": 1, "band": [0.0, 8.0]},
    )  # fmt: skip
    (tmp_path / "run.toml").write_text(tomli_w.dumps(run))
    answer = attempt("design", tmp_path / "run.toml", "--out", tmp_path / "out", "--verify")
    assert answer.returncode == 0, answer.stderr
    with (tmp_path / "out" / "design" / "design.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {"slowest_rate", "fastest_rate", "rate_ratio", "shape"} <= rows[0].keys()
    assert float(rows[0]["rate_ratio"]) > 0 and rows[0]["predicted_held_out"] == "nan"
    trained = attempt("check", tmp_path / "out" / "design" / "run.toml")
    assert trained.returncode == 0, trained.stderr
