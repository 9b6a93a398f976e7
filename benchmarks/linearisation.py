"""The training of a network against its prediction by the network's own kernel, by width. The difference is feature
learning.

The setting is that of runs/figure4.toml, in double precision, by gradient descent in steps of about 1 / lambda_max, so
long that they are far from the flow. The error is the maximum of |u_nn - u_predicted| / |u(0)| over the output times;
median and worst over the seeds. Two more predictions are compared with the same trainings: the flow of the same kernel,
and the same steps with the kernel at infinite width. A slope is that of the median against the width.

Usage: OMP_NUM_THREADS=1 uv run python -m benchmarks.linearisation [--seeds 20] [--widths 1000 10000 100000]
"""

import argparse
import time
from dataclasses import replace
from math import log
from pathlib import Path

import numpy as np

from freqbias import problem as statement
from freqbias.nn import EmpiricalKernel, InfiniteWidthKernel, LinearisedTraining, plan_training, train
from freqbias.problem import Problem, Training

RUN = statement.load(Path(__file__).parents[1] / "runs" / "figure4.toml")
PROBLEM = statement.build(RUN)
STEP = 2.5  # 0.9 / lambda_max of the kernel at infinite width; a quarter of the time between two outputs
KINDS = ("own kernel, its steps", "own kernel, its flow", "infinite width, steps")


def distances(problem: Problem) -> tuple[list[float], float, float]:
    """The distance of each of KINDS to the training, divided by the start; seconds of prediction and training."""
    settings = Training(integrator="gradient-descent", step=STEP, precision="double")
    plan = plan_training(problem, settings)
    began = time.monotonic()
    kernel = EmpiricalKernel(problem, backend=plan.backend)
    own = LinearisedTraining(kernel, kernel.start)
    steps = own.steps(plan.schedule, plan.integrator.taylor)
    predicted = time.monotonic() - began
    infinite = LinearisedTraining(InfiniteWidthKernel(problem), kernel.start)
    predictions = [steps, own.flow(problem.times), infinite.steps(plan.schedule, plan.integrator.taylor)]
    began = time.monotonic()
    trained = train(problem, settings).error
    seconds = time.monotonic() - began
    scale = np.linalg.norm(trained[0])
    return [np.linalg.norm(each - trained, axis=(1, 2)).max() / scale for each in predictions], predicted, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--widths", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    args = parser.parse_args()

    columns = " | ".join(f"{kind}: median | worst | slope" for kind in KINDS)
    print(f"| width | {columns} | prediction | training |")
    print("|---" * (3 * len(KINDS) + 3) + "|", flush=True)
    before: np.ndarray | None = None
    for width, narrower in zip(args.widths, [None, *args.widths], strict=False):
        network = PROBLEM.network.model_copy(update={"width": width})
        rows = [distances(replace(PROBLEM, network=network, seed=seed)) for seed in range(args.seeds)]
        errors = np.array([row[0] for row in rows])
        median, worst = np.median(errors, axis=0), errors.max(axis=0)
        cells = []
        for k in range(len(KINDS)):
            negative_gradient = "" if before is None else f"{log(median[k] / before[k]) / log(width / narrower):.2f}"
            cells.append(f"{100 * median[k]:.2g} % | {100 * worst[k]:.2g} % | {negative_gradient}")
        seconds = (f"{np.median([row[k] for row in rows]):.2g} s" for k in (1, 2))
        print(f"| {width:,} | {' | '.join(cells)} | {' | '.join(seconds)} |", flush=True)
        before = median


if __name__ == "__main__":
    main()
