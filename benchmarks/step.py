"""One step of gradient descent of the network by every backend and by autograd: seconds, and peak memory.

    autograd    dense, as one would first write it in PyTorch: all cosines and sines of w.x, two matrix products,
                `backward`, a step of torch.optim.SGD
    nufft, ...  the backends of [training] backend; `dense` has hand-written gradients and works in chunks
    bare        FINUFFT's share of the nufft step: setting the points, one transform of type 1, one of type 2 of three
                vectors
    default     the bare transforms with FINUFFT's default upsampling and sorting

Each case runs in its own process, all with the same number of threads. Memory is the peak of the process above its
memory after the imports. Cases that do not fit into memory, or take more than some 20 seconds a step, are skipped.

Usage: OMP_NUM_THREADS=2 uv run python -m benchmarks.step [--widths 4000 20000 100000 1000000] [--points 64 128 256]
"""

import argparse
import itertools
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import finufft
import numpy as np
import torch

from freqbias.nn import RUNGE_KUTTA, FourierNetwork, make_transforms
from freqbias.nn.nufft import ACCURACY
from freqbias.numerics import Grid, chunk_count, plan_options
from freqbias.problem import Gaussian, Network, Problem, waves
from freqbias.runtime import available_memory, threads_alone

WAYS = ("autograd", "dense", "separable", "nufft")
LONGEST = {"autograd": 5e8, "dense": 2e9, "separable": 7e9, "nufft": math.inf}  # m N of a step of 20 s
AUTOGRAD_BYTES = 28.0  # for each neuron and sample, measured
SIZE = 0.1  # of a step


def statement(width: int, points: int) -> Problem:
    target = waves(Grid((points, points), (1.0, 1.0)), [[3.0, 4.0], [10.0, -7.0]], window=0.15)
    return Problem(Gaussian(10.0), target, Network(width=width, sigma_a=1.0, symmetric=False), np.array([0.0, 1.0]))


def autograd_step(problem: Problem) -> Callable[[], object]:
    rng, m = np.random.default_rng(0), problem.network.width
    x, target = (torch.tensor(a, dtype=torch.float32) for a in (problem.grid.positions(), problem.samples.values[0]))
    draws = (rng.normal(size=m), rng.normal(size=m), 10 * rng.normal(size=(m, 2)))
    a, b, w = (torch.tensor(each, dtype=torch.float32).requires_grad_() for each in draws)
    optimiser = torch.optim.SGD([a, b, w], lr=SIZE)

    def step() -> None:
        optimiser.zero_grad()
        angle = 2 * math.pi * x @ w.T
        f = (torch.cos(angle) @ a + torch.sin(angle) @ b) / math.sqrt(m)
        (0.5 * ((f - target) ** 2).mean()).backward()
        optimiser.step()

    return step


def network_step(problem: Problem, backend: str) -> Callable[[], object]:
    cpu = torch.device("cpu")
    network = FourierNetwork(problem, make_transforms(backend, problem.grid, "single", cpu))
    descent, state = RUNGE_KUTTA["gradient-descent"], network.start

    def step() -> None:
        nonlocal state
        state = descent.advance(network.negative_gradient, state, SIZE, network.negative_gradient(state)).state

    return step


def bare_step(problem: Problem, options: dict[str, Any]) -> Callable[[], object]:
    """The transforms with these options of FINUFFT, on as many threads and parts of the neurons as the nufft step."""
    grid, rng = problem.grid, np.random.default_rng(0)
    values = rng.normal(size=(3, *grid.shape)).astype(np.complex64)
    neurons = 10 * rng.normal(size=(problem.network.width, 2))
    count = chunk_count(problem.network.width, grid, threads_alone())
    pool = ThreadPoolExecutor(count)

    def share(frequencies: np.ndarray) -> Callable[[], None]:
        turns = frequencies * grid.spacing
        points = list(np.ascontiguousarray((2 * np.pi * (turns - turns.round())).T, dtype=np.float32))
        amplitudes = rng.normal(size=len(turns)).astype(np.complex64)
        to_samples = finufft.Plan(1, grid.shape, isign=1, **options)
        to_frequencies = finufft.Plan(2, grid.shape, n_trans=3, isign=-1, **options)

        def work() -> None:
            to_samples.setpts(*points)
            to_frequencies.setpts(*points)
            to_samples.execute(amplitudes)
            to_frequencies.execute(values)

        return work

    shares = [share(part) for part in np.array_split(neurons, count)]
    return lambda: list(pool.map(lambda work: work(), shares))


def seconds_of(*steps: Callable[[], object]) -> list[float]:
    """The medians of a few rounds, in which the steps take turns. There is only one round if it is long."""

    def round_() -> list[float]:
        moments = [time.perf_counter()]
        for step in steps:
            step()
            moments.append(time.perf_counter())
        return [later - earlier for earlier, later in itertools.pairwise(moments)]

    first = round_()
    rounds = [round_() for _ in range(min(200, max(9, int(6 / sum(first)))))] if sum(first) < 4 else [first]
    return [statistics.median(times) for times in zip(*rounds, strict=True)]


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


def measure(way: str, width: int, points: int) -> dict[str, float]:
    """Measure one case in this process."""
    torch.set_num_threads(1 if way == "nufft" else threads_alone())
    problem, before = statement(width, points), peak()
    step = autograd_step(problem) if way == "autograd" else network_step(problem, way)
    seconds = seconds_of(step)
    result = {"seconds": seconds[0], "bytes": peak() - before}
    if way == "nufft":
        chosen = plan_options(problem.grid, ACCURACY["single"], np.complex64)
        default = {name: chosen[name] for name in ("eps", "dtype", "nthreads")}
        ours, bare, as_it_comes = seconds_of(step, bare_step(problem, chosen), bare_step(problem, default))
        result |= {"over bare": ours / bare, "over default": ours / as_it_comes}
    return result


def fits(way: str, width: int, points: int) -> bool:
    work = float(width) * points**2
    needed = AUTOGRAD_BYTES * work if way == "autograd" else 0.0
    return work <= LONGEST[way] and needed < 0.7 * available_memory()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--widths", type=int, nargs="+", default=[4000, 20_000, 100_000, 1_000_000])
    parser.add_argument("--points", type=int, nargs="+", default=[64, 128, 256], help="along each of two axes")
    parser.add_argument("--case", nargs=3, metavar=("WAY", "WIDTH", "POINTS"), help="this one, in this process")
    asked = parser.parse_args()
    if asked.case:
        way, width, points = asked.case
        print(json.dumps(measure(way, int(width), int(points))))
        return
    print(f"A step of gradient descent, single precision, {threads_alone()} thread(s): milliseconds, and peak MB\n")
    print(f"| neurons | samples | {' | '.join(WAYS)} | autograd / nufft | nufft / bare | nufft / default |")
    print("|---|---|" + "---|" * (len(WAYS) + 3))
    for width, points in itertools.product(asked.widths, asked.points):
        found = {way: in_a_process(way, width, points) for way in WAYS if fits(way, width, points)}
        cells = [cell(found[way]) if way in found else "" for way in WAYS]
        ratio = f"{found['autograd']['seconds'] / found['nufft']['seconds']:.0f}" if "autograd" in found else ""
        over = [f"{found['nufft'][name]:.2f}" for name in ("over bare", "over default")]
        row = [f"{width:,}", f"{points} x {points}", *cells, ratio, *over]
        print(f"| {' | '.join(row)} |", flush=True)


def cell(found: dict[str, float]) -> str:
    return f"{1e3 * found['seconds']:.3g} ms, {found['bytes'] / 1e6:.0f} MB"


def in_a_process(way: str, width: int, points: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.step", "--case", way, str(width), str(points)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=dict(os.environ))
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
