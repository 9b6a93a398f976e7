"""How often a trained network lies in the band of 39 other draws, which should hold 95 % of them.

    uv run python -m benchmarks.coverage --out FILE.csv [--cases 200] [--widths 300,3000,30000]

Each case draws a target, a density, sigma_a between 0.3 and 1 and samples in one or two dimensions. The band comes from
draws 1 to 39, as linearised networks. The trained network is draw 0. It counts as inside if |u(t)|/|u(0)| on the
samples lies in the band, at t lambda_max = 3, 30 and 300. FILE keeps one row for each case, width and time, so that a
stopped benchmark continues. A row is without a warning if feature learning is at most `SMALL_FEATURE_LEARNING`.
"""

import argparse
import csv
import os
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from freqbias.nn import EmpiricalKernel, train
from freqbias.nn.draws import DrawPrediction
from freqbias.numerics import Grid, Scattered
from freqbias.problem import (
    DRAW_ACCURACY,
    SMALL_FEATURE_LEARNING,
    Band,
    Draws,
    Gaussian,
    Laplace,
    Network,
    Problem,
    Samples,
    Training,
)

MOMENTS = (3.0, 30.0, 300.0)  # t lambda_max
DRAWS = 39


def random_problem(number: int, width: int) -> Problem:
    rng = np.random.default_rng([number, 7])
    dimension = int(rng.integers(1, 3))
    if rng.random() < 0.5:
        shape = (48,) if dimension == 1 else (8, 8)
        sites: Grid | Scattered = Grid(shape, (1.0,) * dimension)
    else:
        sites = Scattered(rng.uniform(-0.5, 0.5, (48, dimension)))
    sigma = float(rng.uniform(1, {1: 8, 2: 3}[dimension]))
    density = Gaussian(sigma) if rng.random() < 0.7 else Laplace(sigma / 1.5)
    frequencies = rng.normal(scale=sigma, size=(4, dimension))
    phases = 2 * np.pi * rng.random(4)
    values = np.cos(2 * np.pi * sites.positions() @ frequencies.T + phases).sum(axis=1)
    network = Network(width=width, sigma_a=float(rng.uniform(0.3, 1.0)))
    samples = Samples(sites, values[None] / values.std())
    return Problem(density, samples, network, np.array([0.0, 1.0]), seed=1000 * number)


def measure(number: int, width: int) -> list[dict[str, float]]:
    problem = random_problem(number, width)
    times = np.array([0.0, *MOMENTS]) / (EmpiricalKernel(problem).largest_eigenvalue() / 1.05)
    problem = replace(problem, times=times)
    history = train(problem, Training(precision="single"), tolerance=DRAW_ACCURACY)
    trained = np.linalg.norm(history.error[:, 0], axis=-1)
    prediction = DrawPrediction(problem, 0)
    further = [DrawPrediction(problem, draw).error for draw in range(1, DRAWS + 1)]
    errors = np.array([prediction.error, *further], dtype=np.float32)
    draws = Draws(times, errors[1:], None, np.arange(1, DRAWS + 1), prediction.change_of_log_error())
    band, first = Band.of(draws.error_over_start), np.linalg.norm(errors[0, :, 0], axis=-1)
    value, linearised = trained / trained[0], first / first[0]
    return [
        {
            "case": number, "width": width, "moment": moment,
            "value": float(value[i]), "linearised": float(linearised[i]),
            "low": float(band.low[i]), "high": float(band.high[i]),
            "change_of_log_error": float(draws.log_error_change[i]),
            "feature_learning": float(draws.feature_learning[i]),
        }
        for i, moment in enumerate(MOMENTS, 1)
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--widths", type=lambda text: [int(w) for w in text.split(",")], default=[300, 3000, 30_000])
    options = parser.parse_args()
    rows = list(csv.DictReader(options.out.open())) if options.out.exists() else []
    done = {(int(row["case"]), int(row["width"])) for row in rows}
    for number in range(options.cases):
        for width in options.widths:
            if (number, width) in done:
                continue
            new = measure(number, width)
            with options.out.open("a", newline="") as file:
                table = csv.DictWriter(file, new[0].keys())
                if not rows:
                    table.writeheader()
                table.writerows(new)
            rows += [{key: str(value) for key, value in row.items()} for row in new]
    print(f"{'width':>7} {'t lambda':>8} {'inside':>12} {'linearised inside':>18} {'without warning':>16}")
    for width in options.widths:
        for moment in MOMENTS:
            chosen = [row for row in rows if int(row["width"]) == width and float(row["moment"]) == moment]
            if not chosen:
                continue

            def inside(name: str, group: list[dict[str, str]]) -> int:
                bands = [Band(float(row["low"]), float(row["high"]), 0.95) for row in group]
                values = [float(row[name]) for row in group]
                pairs = zip(bands, values, strict=True)
                return sum(bool(band.contains(value, accuracy=DRAW_ACCURACY)) for band, value in pairs)

            quiet = [row for row in chosen if abs(float(row["feature_learning"])) <= SMALL_FEATURE_LEARNING]
            print(
                f"{width:>7,} {moment:>8g} {inside('value', chosen):>5} of {len(chosen):<4}"
                f" {inside('linearised', chosen):>10} of {len(chosen):<4} {inside('value', quiet):>8} of {len(quiet)}"
            )


if __name__ == "__main__":
    main()
