"""Losses of a differential operator on the Poisson equation -laplace f = g, f given on the boundary, in 1-D and 2-D.

The script compares the NTK weights in closed form with the mean of 100 drawn networks, by sums over all neurons. The
solution has a low and a high frequency. For real trainings of 40 seeds, the script compares the rate of L f - g at
both frequencies, log(|v(0)| / |v(T)|) / T, with that of the equation (`pde`) and of the kernel at infinite width
(`ntk`), in standard errors of the mean over the seeds. The script takes a quarter of an hour on one core.

Usage: OMP_NUM_THREADS=1 uv run python -m benchmarks.pinn
"""

import time
from dataclasses import replace
from math import pi, sqrt

import numpy as np

from freqbias import nn, pde
from freqbias.numerics import DifferentialOperator, Grid, OperatorRows
from freqbias.problem import (
    BlockSquare,
    Gaussian,
    Network,
    Pde,
    Problem,
    Samples,
    Training,
    box_boundary,
    draw,
    ntk_weights,
    operator_samples,
)

SIGMA, SIGMA_A, DRAWS, CHUNK = 3.0, 0.2, 100, 2000
SEEDS = range(100, 140)  # of the trained networks
WIDTHS = {1: 10_000, 2: 10_000}  # of the trained networks
DRAWN_WIDTH = 100_000  # of the networks whose traces are summed
GRIDS = {1: Grid((64,), (1.0,)), 2: Grid((16, 16), (1.0, 1.0))}
FREQUENCIES = {1: ((1.0,), (5.0,)), 2: ((1.0, 0.0), (3.0, 2.0))}
TIMES = {1: (0.0, 2e-5, 1e-4), 2: (0.0, 1e-5, 5e-5)}


def poisson(dimension: int) -> Problem:
    """Return -laplace f = g for g = sum_k sin(2 pi nu_k.x), with NTK weights."""
    grid, frequencies = GRIDS[dimension], np.array(FREQUENCIES[dimension])
    laplace = {tuple(2 * (i == j) for j in range(dimension)): -1.0 for i in range(dimension)}
    x = grid.positions()
    values = np.sin(2 * pi * x @ frequencies.T).sum(axis=1)
    samples = operator_samples(
        Samples(grid, values[None]), DifferentialOperator(laplace), box_boundary(grid, 8, 0.0, 1)
    )
    edge = samples.values.copy()
    waves = np.sin(2 * pi * samples.sites.positions()[grid.size :] @ frequencies.T)
    edge[0, grid.size :] = waves @ (1 / (4 * pi**2 * (frequencies**2).sum(axis=1)))  # the solution
    network = Network(width=WIDTHS[dimension], sigma_a=SIGMA_A)
    problem = Problem(Gaussian(SIGMA), replace(samples, values=edge), network, np.array(TIMES[dimension]))
    rows = problem.sites
    assert isinstance(rows, OperatorRows)
    return replace(problem, loss=BlockSquare(rows.sizes, ntk_weights(problem.laws, rows)))


def rates(problem: Problem, error: np.ndarray) -> np.ndarray:
    """Return the rate of L f - g at each frequency. error: (T, C, N)."""
    grid = GRIDS[problem.dimension]
    waves = np.exp(-2j * pi * grid.positions() @ np.array(FREQUENCIES[problem.dimension]).T)
    v = np.abs(error[:, 0, : grid.size] @ waves)
    return np.asarray(np.log(v[0] / v[-1]) / problem.times[-1])


def compare_rates(dimension: int) -> None:
    problem = poisson(dimension)
    spectrum = pde.solve(problem, Pde(tolerance=1e-4))
    assert spectrum is not None and spectrum.sample_error is not None
    kernel = nn.InfiniteWidthKernel(problem)
    flow = nn.LinearisedTraining(kernel, -problem.samples.values, metric=problem.loss.metric).flow(problem.times)
    equation, exact = rates(problem, spectrum.sample_error), rates(problem, flow)
    trained = []
    for seed in SEEDS:
        history = nn.train(replace(problem, seed=seed), Training(precision="double"))
        trained.append(rates(problem, history.error))
    mean, error = np.mean(trained, axis=0), np.std(trained, axis=0, ddof=1) / sqrt(len(SEEDS))
    for k, frequency in enumerate(FREQUENCIES[dimension]):
        apart, spread = (mean[k] - equation[k]) / error[k], 100 * error[k] * sqrt(len(SEEDS)) / mean[k]
        print(
            f"{dimension}-D {frequency!s:>10}: pde {equation[k]:10.1f}  infinite width {exact[k]:10.1f}  trained "
            f"{mean[k]:10.1f} +- {error[k]:.1f} ({apart:+.1f} standard errors, one network {spread:.2f} %)",
            flush=True,
        )


def drawn_traces(problem: Problem, seed: int) -> np.ndarray:
    """Return the traces of the kernels of both blocks of a drawn network, by sums over neurons."""
    rows = problem.sites
    assert isinstance(rows, OperatorRows)
    network = Network(width=DRAWN_WIDTH, sigma_a=SIGMA_A, symmetric=False)
    neurons = draw(problem.density, network, dimension=problem.dimension, seed=seed)
    amplitudes = neurons.cosine[0] - 1j * neurons.sine[0]
    traces = np.zeros(2)
    for first in range(0, DRAWN_WIDTH, CHUNK):
        w, c = neurons.frequencies[first : first + CHUNK], amplitudes[first : first + CHUNK]
        square = 4 * pi**2 * (w**2).sum(axis=1)  # the symbol of -laplace
        for block, (_, sites) in enumerate(rows.parts):
            x = sites.positions()
            symbol, gradient = (np.ones(len(w)), np.zeros_like(w)) if block else (square, 8 * pi**2 * w)
            waves = c * np.exp(2j * pi * x @ w.T)
            traces[block] += len(x) * (symbol**2).sum()
            for axis in range(problem.dimension):
                slopes = gradient[:, axis] + 2j * pi * x[:, axis, None] * symbol
                traces[block] += ((slopes * waves).real ** 2).sum()
    return traces / DRAWN_WIDTH


def compare_weights(dimension: int) -> None:
    problem, began = poisson(dimension), time.monotonic()
    rows = problem.sites
    assert isinstance(rows, OperatorRows)
    closed = np.array(ntk_weights(problem.laws, rows))
    traces = np.array([drawn_traces(problem, seed) for seed in range(DRAWS)])
    drawn = traces.sum(axis=1, keepdims=True) / traces
    mean, error = drawn.mean(axis=0), drawn.std(axis=0, ddof=1) / sqrt(DRAWS)
    for block, name in enumerate(("interior", "boundary")):
        apart, relative = (closed[block] - mean[block]) / error[block], 100 * error[block] / mean[block]
        print(
            f"{dimension}-D weight of the {name}: closed form {closed[block]:.9g}  drawn {mean[block]:.9g} "
            f"({apart:+.1f} standard errors of {relative:.2g} %, {time.monotonic() - began:.0f} s)",
            flush=True,
        )


def main() -> None:
    for dimension in (1, 2):
        compare_weights(dimension)
    for dimension in (1, 2):
        compare_rates(dimension)


if __name__ == "__main__":
    main()
