"""Networks with hidden layers: a gradient against its bare matrix products, and drawn kernel against infinite width.

gradients   one gradient of the loss in single precision, against the products V x, V^T d and d x^T of its hidden layers
            alone, of the same sizes, into allocated memory; the two take turns
kernels     in double precision: drawing the network, computing the matrix of its kernel, and
            |K - K_infinite| / |K_infinite|; four seeds

Usage: OMP_NUM_THREADS=1 uv run python -m benchmarks.deep [--widths 1000 2000 4000 8000] [--samples 512]
"""

import argparse
import itertools
import math
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.step import seconds_of
from freqbias.nn import DeepNetwork, InfiniteWidthKernel
from freqbias.numerics import Grid
from freqbias.problem import Gaussian, Network, Problem, waves
from freqbias.runtime import threads_alone

SEEDS = 4
TENSOR_ACTIVATIONS = ("relu", "sine")


def statement(width: int, *, seed: int = 0, samples: int, **network: object) -> Problem:
    target = waves(Grid((samples,), (1.0,)), [[3.0], [10.0]], window=0.1)
    kind = Network(width=width, sigma_a=1.0, **network)
    return Problem(Gaussian(10.0), target, kind, np.array([0.0, 1.0]), seed=seed)


def bare(network: DeepNetwork, samples: int) -> Callable[[], object]:
    """The products of the hidden layers in one gradient."""
    single = torch.float32
    cases = []
    copies = network.layout.copies
    for n, k in network.layout.layers:
        v, x, d = (torch.randn(copies, *shape, dtype=single) for shape in ((n, k), (k, samples), (n, samples)))
        cases += [(v, x, torch.empty_like(d)), (v.mT, d, torch.empty_like(x)), (d, x.mT, torch.empty_like(v))]

    def products() -> None:
        for one, other, out in cases:
            torch.bmm(one, other, out=out)

    return products


def gradients(widths: list[int], samples: int) -> None:
    print(f"| width | layers | symmetric | gradient | bare products | ratio |   ({samples} samples)")
    print("|---|---|---|---|---|---|")
    for width, depth, symmetric in itertools.product(widths, (3, 4), (False, True)):
        network = DeepNetwork(statement(width, samples=samples, depth=depth, symmetric=symmetric))
        ours, alone = seconds_of(
            lambda network=network: network.error_and_negative_gradient(network.start), bare(network, samples)
        )
        row = f"{width:,}", depth, symmetric, f"{1e3 * ours:.3g} ms", f"{1e3 * alone:.3g} ms", f"{ours / alone:.2f}"
        print(f"| {' | '.join(map(str, row))} |", flush=True)


def kernels(widths: list[int], samples: int) -> None:
    print(f"| activation | layers | width | drawn in | matrix in | distance | slope |   ({samples} samples)")
    print("|---|---|---|---|---|---|---|")
    for activation, depth in itertools.product(TENSOR_ACTIVATIONS, (3, 4)):
        before = None
        for width in widths:
            problems = [
                statement(width, samples=samples, depth=depth, activation=activation, symmetric=False, seed=seed)
                for seed in range(SEEDS)
            ]
            exact = samples * InfiniteWidthKernel(problems[0]).apply(np.eye(samples))
            drawing, making, apart = zip(*(measured(problem, exact) for problem in problems), strict=True)
            distance = statistics.fmean(apart)
            derivative = f"{math.log(distance / before[1]) / math.log(width / before[0]):.2f}" if before else ""
            seconds = [f"{statistics.median(each):.2g} s" for each in (drawing, making)]
            row = activation, depth, f"{width:,}", *seconds, f"{distance:.2%}", derivative
            print(f"| {' | '.join(map(str, row))} |", flush=True)
            before = width, distance


def measured(problem: Problem, exact: np.ndarray) -> tuple[float, float, float]:
    """Seconds to draw the network and pass through it once, seconds to compute its kernel, and the distance."""
    began = time.perf_counter()
    network = DeepNetwork(problem, precision="double")
    there = time.perf_counter()
    matrix = network.kernel_matrix(network.start).numpy()
    done = time.perf_counter()
    return there - began, done - there, float(np.linalg.norm(matrix - exact) / np.linalg.norm(exact))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--widths", type=int, nargs="+", default=[1000, 2000, 4000, 8000])
    parser.add_argument("--samples", type=int, default=512)
    parser.add_argument("--only", choices=["gradients", "kernels"])
    asked = parser.parse_args()
    torch.set_num_threads(threads_alone())
    print(f"{threads_alone()} thread(s)\n")
    for table in (gradients, kernels):
        if asked.only in (None, table.__name__):
            table(asked.widths, asked.samples)
            print()


if __name__ == "__main__":
    main()
