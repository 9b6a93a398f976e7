"""Accuracy of the estimated noise level, and the loss at the predicted best stopping time.

    uv run python benchmarks/noise.py [--draws 6]

Each signal has mean 0 and variance 1. The first table has the estimated level over the true level, the mean over draws
of the noise, and in brackets the standard deviation. Then follows the loss against the labels without noise where
`clean_loss` is least, and at the end, over the least possible one: median and 95th percentile of 200 draws. The last
line has the number of draws in which this loss is at most 1.96 standard deviations from `clean_loss`, the fewest and
the most of all times.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from freqbias.nn import InfiniteWidthKernel, LinearisedTraining, NoiseResponse, estimate_noise_level
from freqbias.numerics import Grid, Scattered, Sites
from freqbias.problem import Gaussian, LabelNoise, Network, Problem, Samples, load_samples, squared_loss

LEVELS = (0.03, 0.1, 0.3, 1.0)
STOPPING_DRAWS = 200


def signals() -> dict[str, tuple[Sites, np.ndarray]]:
    """Return sites and values f* of each signal."""
    line, short, plane = Grid((200,), (1.0,)), Grid((48,), (1.0,)), Grid((24, 24), (1.0, 1.0))
    x, y = line.positions()[:, 0], plane.positions()
    places = np.random.default_rng(0).uniform(-0.5, 0.5, (300, 2))
    photo = load_samples("matplotlib:grace_hopper.jpg", points=[24, 24])
    return {
        "two waves, 200 points": (line, np.sin(6 * np.pi * x) + np.sin(20 * np.pi * x)),
        "a wave, 48 points": (short, np.sin(6 * np.pi * short.positions()[:, 0])),
        "a step, 200 points": (line, np.sign(x - 0.1) + x),
        "a bump, 24 x 24 points": (plane, np.exp(-((y - 0.1) ** 2).sum(axis=1) / 0.02) + y[:, 0]),
        "a disc, 24 x 24 points": (plane, ((y**2).sum(axis=1) < 0.09).astype(float)),
        "waves, 300 scattered": (
            Scattered(places),
            np.sin(4 * np.pi * places[:, 0]) * np.cos(2 * np.pi * places[:, 1]),
        ),
        "photograph, 24 x 24": (photo.sites, photo.values.mean(axis=0)),
    }


def ratios(sites: Sites, clean: np.ndarray, level: float, draws: int) -> np.ndarray:
    """Return the estimated level over the true level, (draws,)."""
    rng = np.random.default_rng(1)
    noisy = [clean + level * rng.normal(size=clean.size) for _ in range(draws)]
    return np.array([estimate_noise_level(Samples(sites, values[None]))[0] for values in noisy]) / level


def stopping() -> tuple[np.ndarray, np.ndarray]:
    """Return the loss without noise at the predicted best time, and at the end, over the least one, (draws, 2).

    Also return whether it is close to `clean_loss` at each time, (draws, T).
    """
    grid, level, rng = Grid((120,), (1.0,)), 0.7, np.random.default_rng(0)
    x, times = grid.positions()[:, 0], np.concatenate([[0.0], np.geomspace(1, 1e4, 40)])
    clean = np.sin(4 * np.pi * x) + np.sin(10 * np.pi * x)
    noise = LabelNoise(np.array([level]))
    problem = Problem(Gaussian(8.0), Samples(grid, clean[None]), Network(width=40, sigma_a=1.0), times, noise=noise)
    kernel = InfiniteWidthKernel(problem)
    response = NoiseResponse(kernel, noise, grid.size, seed=0)
    found, close = [], []
    for _ in range(STOPPING_DRAWS):
        e = level * rng.normal(size=(1, grid.size))
        error = LinearisedTraining(kernel, -clean - e).flow(times)
        true = squared_loss(error + e)
        part = response.predict(lambda each, **options: each.follow_flow(times, **options), error, None, {})
        assert part.clean_loss_standard_deviation is not None
        found.append([true[part.clean_loss.argmin()], true[-1]] / true.min())
        close.append(np.abs(part.clean_loss - true) <= 1.96 * part.clean_loss_standard_deviation)
    return np.array(found), np.array(close)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=6)
    draws = parser.parse_args().draws
    print(f"{'signal':24}" + "".join(f"{level:>14}" for level in LEVELS))
    for name, (sites, values) in signals().items():
        clean = (values - values.mean()) / values.std()
        row = [ratios(sites, clean, level, draws) for level in LEVELS]
        print(f"{name:24}" + "".join(f"{each.mean():8.2f} ({each.std():.2f})" for each in row), flush=True)
    found, close = stopping()
    for name, column in (("best time", found[:, 0]), ("end", found[:, 1])):
        print(f"loss at the {name}: {np.median(column):.3g}, {np.quantile(column, 0.95):.3g}")
    counts = close.sum(axis=0)
    print(f"close to clean_loss: {counts.min()} to {counts.max()} of {len(close)} draws, {close.mean():.1%} in all")


if __name__ == "__main__":
    main()
