"""Regret of choosing the density by prediction, on real signals, against real sweeps and other rules.

    uv run python -m benchmarks.design --out FOLDER [--signals camera,moon] [--widths 1000] [--cost] [--table]

Every signal is split in three: half of the samples are trained, a quarter chooses, a quarter judges. For each seed and
width, networks with ten Gaussian densities are trained by gradient descent with steps of 1/lambda_max. Each rule
chooses one of the ten. Its regret is the trained loss on the judging samples over the least of the ten. FOLDER keeps
the losses of each signal, width and seed, so that a stopped benchmark continues. --cost measures CPU seconds of the
design and of the sweep that it replaces. --table prints what is there.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # CPU seconds are compared

import numpy as np

from benchmarks.rules import infinite_width, rule_of_thumb, with_sigma
from benchmarks.signals import IMAGES, NOISY, OTHERS, signal
from freqbias.compare.design import Candidate, Search, design
from freqbias.nn import train
from freqbias.problem import Design, Gaussian, Network, Problem, Samples, Training, squared_loss

BUDGETS = (100, 300, 1000)
WIDTHS = (1000, 10_000)
SEEDS = (0, 1, 2)
SCALES = np.geomspace(1.0, 24.0, 10).round(3)


def split(samples: Samples) -> tuple[Samples, Samples, Samples]:
    """Trained, chosen on, judged on."""
    trained, rest = samples.split(0.5, seed=0)
    choosing, judging = rest.split(0.5, seed=1)
    return trained, choosing, judging


def problem_of(samples: Samples, held_out: Samples, width: int, seed: int) -> Problem:
    return Problem(
        Gaussian(1.0), samples, Network(width=width, sigma_a=1.0), np.array([0.0, 1.0]), seed=seed, held_out=held_out
    )


def measure(name: str, width: int, seed: int) -> dict[str, Any]:
    """Losses of real trainings and of the predictions, for the ten scales and each budget."""
    trained, choosing, judging = split(signal(name))
    problem = problem_of(trained, choosing, width, seed)
    search = Search(problem, Design(steps=list(BUDGETS), criterion="gcv"))
    found: dict[str, Any] = {"choose": [], "judge": [], "predicted": [], "training": [], "gcv": []}
    for scale in SCALES:
        predictions = search.compute(Candidate("gaussian", float(scale), width, 1.0))
        found["predicted"].append([each.held_out for each in predictions])
        found["training"].append([each.training for each in predictions])
        found["gcv"].append([each.gcv for each in predictions])
        step = 1 / predictions[0].largest
        times = np.array([0.0, *(steps * step for steps in BUDGETS)])
        both = replace(with_sigma(problem, float(scale)), times=times, held_out=joined(choosing, judging))
        errors = train(both, Training(integrator="gradient-descent", step=step)).held_out_error[1:]
        count = choosing.sites.size
        found["choose"].append(squared_loss(errors[..., :count]).tolist())
        found["judge"].append(squared_loss(errors[..., count:]).tolist())
    return found


def measure_rules(name: str) -> dict[str, Any]:
    """The values of the rules that depend on neither the width nor the seed."""
    trained, choosing, _ = split(signal(name))
    problem = problem_of(trained, choosing, WIDTHS[0], 0)
    rows = [infinite_width(with_sigma(problem, float(scale)), BUDGETS) for scale in SCALES]
    return {key: [row[key] for row in rows] for key in rows[0]} | {"rule of thumb": rule_of_thumb(trained)}


def measure_cost(name: str, width: int) -> dict[str, float]:
    """CPU seconds of a design over those of the sweep of ten scales, for 300 and 3000 steps."""
    trained, choosing, _ = split(signal(name))
    problem = problem_of(trained, choosing, width, 0)
    settings = [Design(families=["gaussian"], scale=[1.0, 24.0], steps=[steps]) for steps in (300, 3000)]
    sweep = sum(cpu_seconds(train_steps, problem, float(scale), 300) for scale in SCALES)
    return {str(each.steps[0]): cpu_seconds(design, problem, each) / (sweep * each.steps[0] / 300) for each in settings}


def train_steps(problem: Problem, scale: float, steps: int) -> None:
    """Train with one density by gradient descent. The size of the steps does not change the cost."""
    step = 1e-6
    times = np.array([0.0, steps * step])
    train(replace(with_sigma(problem, scale), times=times), Training(integrator="gradient-descent", step=step))


def cpu_seconds(work: Callable[..., Any], *arguments: Any) -> float:
    began = time.process_time()
    work(*arguments)
    return time.process_time() - began


def joined(one: Samples, other: Samples) -> Samples:
    from freqbias.nn.joint_kernel import union

    sites, _ = union(one.sites, other.sites)  # these are values, so the places are in order
    return Samples(sites, np.concatenate([one.values, other.values], axis=1), held_out=True)


def regrets(folder: Path, width: int) -> Iterator[tuple[int, str, list[float]]]:
    """Yield the number of steps, the rule, and its regrets over signals and seeds."""
    records = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob(f"*-{width}-[0-9].json"))}
    rules = {path.stem.removesuffix("-rules"): json.loads(path.read_text()) for path in folder.glob("*-rules.json")}
    for index, steps in enumerate(BUDGETS):
        table: dict[str, list[float]] = {}
        for key, record in records.items():
            name, seed = key.rsplit("-", 2)[0], int(key[-1])
            values = {rule: np.array(record[column])[:, index] for rule, column in COLUMNS.items()}
            if name in rules:
                infinite, variance = (np.array(rules[name][each])[:, index] for each in ("infinite", "variance"))
                values["infinite width"] = infinite
                values["infinite width + variance / m"] = infinite + variance / width
                values["marginal likelihood"] = np.array(rules[name]["likelihood"])
                values["rule of thumb"] = np.abs(np.log(SCALES / rules[name]["rule of thumb"]))
            choices = list(values.items())
            for other in SEEDS:
                if other != seed and (sweep := records.get(f"{name}-{width}-{other}")):
                    choices.append(("sweep with another seed", np.array(sweep["choose"])[:, index]))
                    choices.append(("design with another seed", np.array(sweep["predicted"])[:, index]))
            judge = np.array(record["judge"])[:, index]
            for rule, each in choices:
                table.setdefault(rule, []).append(float(judge[np.argmin(each)] / judge.min()))
        for rule, found in table.items():
            yield steps, rule, found


COLUMNS = {"design": "predicted", "design by gcv": "gcv", "predicted training loss": "training"}


def print_tables(folder: Path, widths: list[int]) -> None:
    print("| width | steps | rule | n | median | 95 % | worst |\n|---|---|---|---|---|---|---|")
    for width in widths:
        for steps, rule, found in regrets(folder, width):
            numbers = f"{np.median(found):.3f} | {np.percentile(found, 95):.3f} | {max(found):.3f}"
            print(f"| {width:,} | {steps} | {rule} | {len(found)} | {numbers} |")
    print("\n| width | steps | signals | design / sweep, median | worst |\n|---|---|---|---|---|")
    for width in widths:
        costs = [json.loads(path.read_text()) for path in folder.glob(f"*-{width}-cost.json")]
        for steps in costs[0] if costs else ():
            ratios = [each[steps] for each in costs]
            print(f"| {width:,} | {steps} | {len(ratios)} | {np.median(ratios):.3f} | {max(ratios):.3f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--signals", type=lambda text: text.split(","), default=[*IMAGES, *OTHERS, *NOISY])
    parser.add_argument("--widths", type=lambda text: [int(width) for width in text.split(",")], default=list(WIDTHS))
    parser.add_argument("--seeds", type=lambda text: [int(seed) for seed in text.split(",")], default=list(SEEDS))
    parser.add_argument("--cost", action="store_true", help="measure CPU seconds instead; leave the machine alone")
    parser.add_argument("--table", action="store_true", help="print the tables of what has been measured")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    tasks: dict[str, Any] = {}
    if options.cost:
        for width in options.widths:
            tasks |= {f"{name}-{width}-cost": (measure_cost, name, width) for name in options.signals}
    elif not options.table:
        for seed in options.seeds:
            for width in options.widths:
                tasks |= {f"{name}-{width}-{seed}": (measure, name, width, seed) for name in options.signals}
        tasks |= {f"{name}-rules": (measure_rules, name) for name in options.signals}
    for stem, (task, *arguments) in tasks.items():
        path = options.out / f"{stem}.json"
        if not path.exists():
            path.write_text(json.dumps(task(*arguments)))
            print(stem, flush=True)
    print_tables(options.out, options.widths)


if __name__ == "__main__":
    main()
