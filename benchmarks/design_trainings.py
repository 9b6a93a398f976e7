"""Does choosing the loss and the optimiser, and not only the density, save anything on real signals?

    uv run python -m benchmarks.design_trainings --out FOLDER [--signals camera,moon] [--width 2000] [--table]

Every signal is split in three: half of the samples are trained, a quarter chooses, a quarter judges. The design
predicts the held-out loss for four densities, three losses and four optimisers. For each loss and optimiser, the
network with the best density is trained. The regret is the trained loss on the judging samples of the predicted best
over the least of all twelve. The saving is the evaluations of the gradient, and the seconds, that gradient descent on
the mean square needs to come within 5 % of its last loss, over those that the predicted fastest needs to come there.
FOLDER keeps the numbers of each signal, so that a stopped benchmark continues.
"""

import argparse
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from benchmarks.design import joined, problem_of, split
from benchmarks.signals import IMAGES, signal
from freqbias.compare.design import design, optimiser_keys, steps_of
from freqbias.nn import step_rule, train
from freqbias.problem import Design, Training, squared_loss

BUDGET, OUTPUTS, WITHIN = 300, 40, 1.05
SETTINGS = Design(
    families=["gaussian"], scales=4, draws=1, steps=[BUDGET], losses=["mean-square", "sobolev -0.5", "sobolev 0.5"],
    optimisers=["gradient-descent", "momentum 0.9", "nesterov 0.9", "gauss-newton 0.01"],
)  # fmt: skip
REFERENCE = "mean-square, gradient-descent"


def measure(name: str, width: int) -> dict[str, Any]:
    """The predicted and the trained losses of the best network for each loss and optimiser."""
    trained, choosing, judging = split(signal(name))
    problem, found = problem_of(trained, choosing, width, 0), {}
    result = design(problem, SETTINGS)
    costs = {each.candidate: (each.largest, each.step_cost) for each in result.predictions}
    both = replace(problem, held_out=joined(choosing, judging))
    for choice in result.choices_of_training:
        candidate = choice.candidate
        largest, cost = costs[candidate]
        keys = optimiser_keys(step_rule(candidate.optimiser), factor=1.0, largest=largest)
        steps = np.unique(np.geomspace(1, steps_of(BUDGET, cost), OUTPUTS).round().astype(int))
        times = np.array([0.0, *(steps * keys["step"])])
        began = time.perf_counter()
        history = train(replace(candidate.problem(both), times=times), Training(**keys))
        seconds = time.perf_counter() - began
        judged = squared_loss(history.held_out_error[1:, :, choosing.sites.size :])
        found[f"{candidate.loss}, {candidate.optimiser}"] = {
            "density": candidate.scale, "predicted": choice.value, "predicted_evaluations": choice.evaluations,
            "evaluations": (steps * cost).tolist(), "seconds": (seconds * steps / steps[-1]).tolist(),
            "judge": judged.tolist(),
        }  # fmt: skip
    return found


def row(record: dict[str, Any]) -> dict[str, Any]:
    """Regret and savings of one signal."""
    last = {name: each["judge"][-1] for name, each in record.items()}
    best = min(record, key=lambda name: record[name]["predicted"])
    level = WITHIN * last[REFERENCE]
    reached = {name: _first(each, level) for name, each in record.items()}
    fastest = min(record, key=lambda name: record[name]["predicted_evaluations"])
    savings = [there / own for there, own in zip(reached[REFERENCE], reached[fastest], strict=True)]
    return {
        "best": best, "regret": last[best] / min(last.values()), "gain": last[REFERENCE] / last[best],
        "fastest": fastest, "evaluations": savings[0], "seconds": savings[1],
    }  # fmt: skip


def _first(each: dict[str, Any], level: float) -> tuple[float, float]:
    """The evaluations and seconds at the first output with a judged loss of at most `level`, or infinity."""
    good = np.flatnonzero(np.array(each["judge"]) <= level)
    return (each["evaluations"][good[0]], each["seconds"][good[0]]) if len(good) else (np.inf, np.inf)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--signals", default=",".join(IMAGES))
    parser.add_argument("--width", type=int, default=2000)
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name in () if options.table else options.signals.split(","):
        path = options.out / f"{name}-{options.width}.json"
        if not path.exists():
            path.write_text(json.dumps(measure(name, options.width)))
    print(
        "| signal | predicted best | regret | loss of the best density alone / its loss | fastest | saved, gradients |"
    )
    print("|---|---|---|---|---|---|")
    rows = []
    for path in sorted(options.out.glob(f"*-{options.width}.json")):
        each = row(json.loads(path.read_text()))
        rows.append(each)
        print(
            f"| {path.stem.rsplit('-', 1)[0]} | {each['best']} | {each['regret']:.3f} | {each['gain']:.3f} | "
            f"{each['fastest']} | {each['evaluations']:.1f}, seconds {each['seconds']:.1f} |"
        )
    for key in ("regret", "gain", "evaluations", "seconds"):
        values = [each[key] for each in rows]
        print(f"{key}: median {np.median(values):.3f}, worst {(max if key == 'regret' else min)(values):.3f}")


if __name__ == "__main__":
    main()
