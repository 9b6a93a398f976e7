"""The choice of a density for a differential equation by the predicted residual, against trained networks.

The Poisson equation of `benchmarks.pinn` in 1-D and 2-D: -laplace f = g with a low and a high frequency, f given at the
boundary, NTK weights, and a quarter of the rows held out. `freqbias design` predicts the residual L f - g on the
held-out rows for Gaussian densities. The script then trains all of them, and prints the regret of the choice: the
trained value at the choice over the least trained value, for the residual on the held-out rows, and for the error of
the solution f, which the choice does not know. The script takes ten minutes on one core.

Usage: OMP_NUM_THREADS=1 uv run python -m benchmarks.design_operator
"""

from dataclasses import replace
from math import pi

import numpy as np

from benchmarks.pinn import FREQUENCIES, GRIDS, SIGMA_A, poisson
from freqbias import nn
from freqbias.compare.design import Search, optimiser_keys
from freqbias.numerics import OperatorRows, subset
from freqbias.problem import (
    MEAN_SQUARE,
    Design,
    Network,
    NtkBlockSquare,
    Problem,
    Samples,
    Training,
    choose_held_out,
    operator_samples,
    squared_loss,
)

SCALES, STEPS, WIDTH = {1: [1.0, 16.0], 2: [1.0, 6.0]}, [300, 3000], 4000


def split(problem: Problem) -> Problem:
    """Hold out a quarter of the rows L f."""
    rows, values = problem.sites, problem.samples.values
    assert isinstance(rows, OperatorRows) and rows.boundary is not None
    grid, count = rows.interior, rows.interior.size
    chosen = choose_held_out(0.25, grid, seed=0)
    training, held_out = (
        Samples(subset(grid, np.flatnonzero(which)), values[:, :count][:, which]) for which in (~chosen, chosen)
    )
    samples = operator_samples(training, rows.operator, Samples(rows.boundary, values[:, count:], held_out=True))
    changed = replace(
        problem, samples=samples, held_out=operator_samples(held_out, rows.operator), predict_at=grid,
        network=Network(width=WIDTH, sigma_a=SIGMA_A), loss=MEAN_SQUARE,
    )  # fmt: skip
    assert isinstance(samples.sites, OperatorRows)
    return replace(changed, loss=NtkBlockSquare(changed.laws, samples.sites))


def compare(dimension: int) -> None:
    problem, frequencies = split(poisson(dimension)), np.array(FREQUENCIES[dimension])
    waves = np.sin(2 * pi * GRIDS[dimension].positions() @ frequencies.T)
    solution = (waves / (4 * pi**2 * (frequencies**2).sum(axis=1))).sum(axis=1)
    settings = Design(families=["gaussian"], scale=SCALES[dimension], steps=STEPS, draws=1, step_factor=1.0)
    found = Search(problem, settings).run()
    for steps in STEPS:
        rows = []
        for each in sorted((p for p in found if p.amount == steps), key=lambda p: p.candidate.scale):
            keys = optimiser_keys(nn.step_rule("gradient-descent"), factor=1.0, largest=each.largest)
            training = Training(**keys, precision="double")
            times = np.array([0.0, steps * keys["step"]])
            history = nn.train(replace(each.candidate.problem(problem), times=times), training)
            assert history.held_out_loss is not None and history.prediction is not None
            error = float(np.sqrt(squared_loss(history.prediction[-1] - solution) / squared_loss(solution[None])))
            sigma, predicted, trained = each.candidate.scale, each.held_out, float(history.held_out_loss[-1])
            rows.append((sigma, predicted, trained, error))
            print(
                f"{dimension}-D, {steps} steps, sigma {sigma:6.4g}: residual predicted {predicted:9.3g} trained "
                f"{trained:9.3g}  solution {100 * error:.3g} %",
                flush=True,
            )
        sigmas, predictions, residuals, errors = np.array(rows).T
        best = int(predictions.argmin())
        print(
            f"{dimension}-D, {steps} steps: sigma {sigmas[best]:.4g}; regret of the residual "
            f"{residuals[best] / residuals.min():.3f}, of the solution {errors[best] / errors.min():.3f}; worst "
            f"{residuals.max() / residuals.min():.3g} and {errors.max() / errors.min():.3g}",
            flush=True,
        )


def main() -> None:
    for dimension in (1, 2):
        compare(dimension)


if __name__ == "__main__":
    main()
