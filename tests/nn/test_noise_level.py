"""The estimated noise level, on signals whose noise is known."""

import numpy as np
import pytest

from freqbias.nn import estimate_noise_level, with_noise_level
from freqbias.numerics import Grid, Scattered
from freqbias.problem import Gaussian, LabelNoise, Network, Problem, Samples


def line(count):
    grid = Grid((count,), (1.0,))
    return grid, np.sin(2 * np.pi * np.outer([3, 8], grid.positions()[:, 0])).sum(axis=0)


def plane(*, edge):
    grid = Grid((24, 24), (1.0, 1.0))
    x = grid.positions()
    return grid, (((x**2).sum(axis=1) < 0.09) * 1.0 if edge else np.exp(-((x - 0.1) ** 2).sum(axis=1) / 0.02) + x[:, 0])


def scattered():
    x = np.random.default_rng(0).uniform(-0.5, 0.5, (300, 2))
    return Scattered(x + 70), np.sin(4 * np.pi * x[:, 0]) * np.cos(2 * np.pi * x[:, 1])


SIGNALS = {  # samples; the least and the largest ratio of estimate and truth, the mean over draws
    "waves": (line(200), 0.92, 1.04),
    "few samples": (line(60), 0.85, 1.1),
    "bump": (plane(edge=False), 0.93, 1.05),
    "disc": (plane(edge=True), 0.95, 1.35),  # its edge counts as noise
    "scattered": (scattered(), 0.95, 1.1),
}


@pytest.mark.parametrize("signal", SIGNALS)
def test_estimate(signal):
    """Both channels have offsets; the second has more noise."""
    (sites, clean), lower, upper = SIGNALS[signal]
    clean, rng = clean / clean.std(), np.random.default_rng(2)
    levels = np.array([0.08, 0.3])
    found = [
        estimate_noise_level(Samples(sites, 40 + clean + levels[:, None] * rng.normal(size=(2, sites.size))))
        for _ in range(3)
    ]
    ratio = np.mean(found, axis=0) / levels
    assert ((lower < ratio) & (ratio < upper)).all()


@pytest.mark.parametrize("sites", [Grid((40, 50), (1.0, 2.0)), "scattered", "part of a grid"])
def test_part_of_many_samples(sites, monkeypatch):
    monkeypatch.setattr("freqbias.nn.noise_level.MOST_SAMPLES", 400)
    rng = np.random.default_rng(1)
    whole = Grid((40, 50), (1.0, 2.0))
    given = Scattered(rng.uniform(-0.5, 0.5, (2000, 2)) * [1, 2]) if sites == "scattered" else whole
    clean = np.cos(2 * np.pi * given.positions()[:, 0])[None]
    samples = Samples(given, clean + 0.2 * rng.normal(size=clean.shape))
    if sites == "part of a grid":
        samples, _ = samples.split(0.3, seed=0)
    assert estimate_noise_level(samples)[0] == pytest.approx(0.2, rel=0.12)


def test_no_noise():
    """A grid without noise, and a constant channel."""
    sites, clean = line(200)
    level = estimate_noise_level(Samples(sites, np.stack([clean, np.ones_like(clean)])))
    assert level[0] < 0.01 and level[1] < 1e-12


def test_repeated_positions():
    """Twenty measurements at each of fifty places."""
    x, rng = np.repeat(np.linspace(-0.5, 0.5, 50), 20)[:, None], np.random.default_rng(1)
    samples = Samples(Scattered(x), np.sin(9 * x.T) + 0.2 * rng.normal(size=(1, 1000)))
    assert estimate_noise_level(samples)[0] == pytest.approx(0.2, rel=0.08)


def test_estimate_contains_noise_that_the_program_adds():
    sites, clean = line(200)
    rng = np.random.default_rng(0)
    noisy, added = clean + 0.2 * rng.normal(size=200), 0.3 * rng.normal(size=(1, 200))
    problem = Problem(
        Gaussian(5.0), Samples(sites, noisy + added), Network(width=20, sigma_a=1.0), np.array([0.0, 1.0]),
        noise=LabelNoise(None, added, 0.3),
    )  # fmt: skip
    found = with_noise_level(problem).noise
    assert found.level == pytest.approx(np.hypot(0.2, 0.3), rel=0.1)
    assert found.held_out_level == pytest.approx(0.2, rel=0.25)
    assert not found.clean_is_known and LabelNoise(0.0, added, 0.3).clean_is_known
    assert with_noise_level(with_noise_level(problem)).noise.level == found.level
