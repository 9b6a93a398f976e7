"""Learning rates of a trained network under Sobolev losses, against theory, for samples of uneven density.

    OMP_NUM_THREADS=1 uv run python -m benchmarks.sobolev

After the experiments of Yu, Yang, Townsend, Tuning frequency bias in neural network training with nonuniform data, ICLR
2023: a two-layer network learns a sum of waves sin(2 pi k x + 0.7) from uneven samples, by the mean square, by the mean
square with quadrature weights, and by H^s losses. Only the output weights are trained, so there is no diffusion. Each
number is the measured rate of the frequency k until |v(k)| has fallen by a quarter, over the rate of theory,
(1 + k^2)^s damping(k) / length. "ends" are waves up to the ends of a line, "window" are waves that vanish there, and
"circle" are waves on a circle, for a network of whole frequencies, which has the same period.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from freqbias.compare.kappa import mean_rate
from freqbias.nn import train
from freqbias.numerics import Scattered
from freqbias.problem import (
    MEAN_SQUARE,
    Density,
    Gaussian,
    Network,
    Points,
    Problem,
    Rates,
    Samples,
    SobolevLoss,
    Training,
    TrainingLoss,
    WeightedSquare,
    trapezoidal_weights,
)

WAVES = np.array([1, 3, 5, 7, 9, 11])
N, UNEVEN, JITTER, WINDOW = 256, 0.6, 0.5, 0.12
CUTOFF = 32.0  # cycles; the sparsest samples resolve about 50
ORDERS = (-1.0, -0.5, 0.0, 0.5, 1.0)
FALLEN = 0.3  # kappa t at the time of measurement


def samples_of(case: str) -> tuple[Samples, np.ndarray, list[float] | None]:
    """Return the samples, the weights of the quadrature with mean 1, and the period. The density varies by 4."""
    rng = np.random.default_rng(0)
    y = (np.arange(N) + 0.5 + JITTER * rng.uniform(-0.5, 0.5, N)) / N
    x = y + UNEVEN * np.sin(2 * np.pi * y) / (2 * np.pi) - 0.5
    values = np.sin(2 * np.pi * np.outer(WAVES, x) + 0.7).sum(axis=0)
    if case == "window":
        values = values * np.exp(-(x**2) / (2 * WINDOW**2))
    sites, period = Scattered(x[:, None]), [1.0] if case == "circle" else None
    return Samples(sites, values[None]), trapezoidal_weights(sites, period=period), period


def rates_of(case: str, loss: TrainingLoss, weights: np.ndarray, samples: Samples, order: float) -> np.ndarray:
    """Return measured rates over those of theory, one for each wave."""
    density: Density = Gaussian(8.0)
    if case == "circle":
        density, theory = Points(np.arange(1.0, 41.0)[:, None]), np.full(len(WAVES), 1 / 80)
    else:
        theory = density.density(WAVES[:, None].astype(float)) / float(np.ptp(samples.sites.positions()))
    theory = theory * (1.0 + WAVES**2) ** order
    ends = FALLEN / theory
    times = np.concatenate([[0.0], np.unique(ends)])
    network = Network(width=4000, sigma_a=0.1, sampling="sobol")
    problem = Problem(density, samples, network, times, rates=Rates(frequencies=0.0), loss=loss)
    error = train(problem, Training(precision="double", tolerance=1e-4)).error[:, 0]
    v = error * weights @ np.exp(-2j * np.pi * samples.sites.positions() * WAVES) / N
    measured = []
    for k, end in enumerate(ends):
        index = int(np.searchsorted(times, end))
        measured.append(mean_rate(times[[0, index]], v[[0, index], None, k : k + 1], floor=0)[0])
    return np.array(measured) / theory


def losses_of(
    samples: Samples, weights: np.ndarray, period: list[float] | None
) -> dict[str, tuple[TrainingLoss, float]]:
    """Return the losses and their orders."""
    sites = samples.sites
    losses: dict[str, tuple[TrainingLoss, float]] = {
        "mean square": (MEAN_SQUARE, 0.0),
        "mean square, weights": (WeightedSquare(weights), 0.0),
    }
    for order in ORDERS:
        losses[f"H^{order:g}"] = SobolevLoss(sites, order, weights, cutoff=CUTOFF, period=period), order
    losses["H^1, no cutoff"] = SobolevLoss(sites, 1.0, weights, period=period), 1.0
    return losses


def main() -> None:
    print("| target | loss | " + " | ".join(f"k = {k}" for k in WAVES) + " | largest deviation |")
    print("|---|---|" + "---|" * (len(WAVES) + 1))
    for case in ("circle", "window", "ends"):
        samples, weights, period = samples_of(case)
        for name, (loss, order) in losses_of(samples, weights, period).items():
            ratio = rates_of(case, loss, weights, samples, order)
            cells = " | ".join(f"{each:.3f}" for each in ratio)
            print(f"| {case} | {name} | {cells} | {100 * np.abs(ratio - 1).max():.1f} % |", flush=True)


if __name__ == "__main__":
    main()
