"""Networks of three and four layers against the flow of their own kernel and against the equation, by width.

The settings are those of runs/figure5-3-layers.toml and runs/figure5-4-layers.toml, all layers equally wide, in double
precision, on a GPU if there is one. Distances are in the L2 norm of the frequency mesh, divided by the start, at the
worst output time; median and worst over the seeds:

own kernel     the training, and the flow of the drawn network's kernel: feature learning
finite width   that flow, and the flow of the kernel at infinite width
equation       the training, and the finite elements

A slope is that of the median against the width. |u|/|u(0)| is the error that is left at the end.

Usage: uv run python -m benchmarks.depth [--seeds 5] [--widths 1000 2000 4000] [--depths 3 4]
"""

import argparse
import time
from dataclasses import replace
from math import log
from pathlib import Path

import numpy as np

from freqbias import compare, nn, pde
from freqbias import problem as statement
from freqbias.nn import choose_device
from freqbias.problem import ErrorHistory, Problem, RunFile, Training, squared_loss

TRAINING = Training(precision="double", tolerance=1e-6)  # far below what is measured
RUNS = Path(__file__).parents[1] / "runs"
CAUSES = {
    "own kernel": "feature_learning_and_step_size",
    "finite width": "finite_width",
    "equation": "error_over_initial",
}


def measured(run: RunFile, problem: Problem) -> tuple[list[float], float, dict[str, float]]:
    """The distances of CAUSES, the error that is left, and the seconds of each part."""
    seconds = {}

    def timed(name, work):
        began = time.monotonic()
        result = work()
        seconds[name] = time.monotonic() - began
        return result

    device, _ = choose_device("auto")
    history = timed("training", lambda: nn.train(problem, TRAINING))
    kernel = timed("kernel", lambda: nn.EmpiricalKernel(problem, device=device))
    spectrum = timed("equation", lambda: pde.solve(problem, run.pde))
    kernels = {"empirical": kernel, "infinite-width": nn.InfiniteWidthKernel(problem)}
    flows = {name: nn.LinearisedTraining(each, kernel.start).flow(problem.times) for name, each in kernels.items()}
    predictions = {
        name: ErrorHistory(problem.times, history.position, errors, loss=squared_loss(errors))
        for name, errors in flows.items()
    }
    metrics = compare.compare(spectrum, history, problem, predictions=predictions).metrics
    left = np.linalg.norm(history.error[-1]) / np.linalg.norm(history.error[0])
    return [metrics[name].max() for name in CAUSES.values()], float(left), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--widths", type=int, nargs="+", default=[1_000, 2_000, 4_000])
    parser.add_argument("--depths", type=int, nargs="+", default=[3, 4], choices=[3, 4])
    args = parser.parse_args()

    columns = " | ".join(f"{kind}: median | worst | slope" for kind in CAUSES)
    print(f"| layers | width | error left | {columns} | training | kernel | equation |")
    print("|---" * (3 * len(CAUSES) + 6) + "|", flush=True)
    for depth in args.depths:
        run = statement.load(RUNS / f"figure5-{depth}-layers.toml")
        problem, before = statement.build(run), None
        for width, narrower in zip(args.widths, [None, *args.widths], strict=False):
            network = problem.network.model_copy(update={"width": width, "hidden_width": width})
            rows = [measured(run, replace(problem, network=network, seed=seed)) for seed in range(args.seeds)]
            errors = np.array([row[0] for row in rows])
            median, worst = np.median(errors, axis=0), errors.max(axis=0)
            cells = []
            for k in range(len(CAUSES)):
                negative_gradient = (
                    "" if before is None else f"{log(median[k] / before[k]) / log(width / narrower):.2f}"
                )
                cells.append(f"{100 * median[k]:.2g} % | {100 * worst[k]:.2g} % | {negative_gradient}")
            seconds = [f"{np.median([row[2][name] for row in rows]):.2g} s" for name in rows[0][2]]
            left = np.median([row[1] for row in rows])
            print(f"| {depth} | {width:,} | {left:.2f} | {' | '.join([*cells, *seconds])} |", flush=True)
            before = median


if __name__ == "__main__":
    main()
