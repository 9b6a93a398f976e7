"""One gradient of the network (value and all derivatives): fast transforms against dense autograd, on the same threads.

Dense autograd is what one would write first in torch: all cosines and sines of w.x, two matrix products, `backward`.
The bare transforms are FINUFFT's own share of the fast gradient: points set, one type 1, one type 2 of three vectors.

Usage: OMP_NUM_THREADS=1 uv run python -m benchmarks.nufft_step [--width 4000] [--points 64] [--threads 1]
"""

import argparse
import math
import statistics
import time
from collections.abc import Callable

import finufft
import numpy as np
import torch

from nn.network import FourierNetwork
from nn.nufft import ACCURACY, NufftTransforms
from problem import Gaussian, Grid, Network, Problem, waves


def median_time(work: Callable[[], object], repeats: int) -> float:
    """Seconds, after one run to warm up."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def dense_autograd(problem: Problem, network: FourierNetwork) -> Callable[[], tuple[torch.Tensor, ...]]:
    """The gradients by a, b and w, in single precision."""
    neurons = network.layout.neurons(network.start)
    x, target = (
        torch.tensor(array, dtype=torch.float32) for array in (problem.grid.positions(), problem.samples.values[0])
    )
    a, b, w = (
        torch.tensor(array, dtype=torch.float32) for array in (neurons.cosine[0], neurons.sine[0], neurons.frequencies)
    )
    parameters = [parameter.requires_grad_() for parameter in (a, b, w)]

    def work() -> tuple[torch.Tensor, ...]:
        angle = 2 * math.pi * x @ w.T
        f = (torch.cos(angle) @ a + torch.sin(angle) @ b) / math.sqrt(len(w))
        return torch.autograd.grad(0.5 * ((f - target) ** 2).mean(), parameters)

    return work


def bare_transforms(problem: Problem) -> Callable[[], None]:
    rng, m = np.random.default_rng(0), problem.network.width
    points = [rng.uniform(-np.pi, np.pi, m).astype(np.float32) for _ in range(2)]
    amplitudes = rng.normal(size=m).astype(np.complex64)
    values = rng.normal(size=(3, *problem.grid.shape)).astype(np.complex64)
    options = {"eps": ACCURACY["single"], "dtype": "complex64", "nthreads": 1}
    to_samples = finufft.Plan(1, problem.grid.shape, isign=1, **options)
    to_frequencies = finufft.Plan(2, problem.grid.shape, n_trans=3, isign=-1, **options)

    def work() -> None:
        to_samples.setpts(*points)
        to_frequencies.setpts(*points)
        to_samples.execute(amplitudes)
        to_frequencies.execute(values)

    return work


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=4000)
    parser.add_argument("--points", type=int, default=64, help="along each of two axes")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()

    grid = Grid((args.points, args.points), (1.0, 1.0))
    network = Network(width=args.width, sigma_a=1.0, symmetric=False)
    problem = Problem(
        Gaussian(10.0), waves(grid, [[3.0, 4.0], [10.0, -7.0]], window=0.15), network, np.array([0.0, 1.0])
    )
    torch.set_num_threads(args.threads)
    fast = FourierNetwork(problem, NufftTransforms(grid, threads=args.threads))
    dense = dense_autograd(problem, fast)

    by_a, by_b, by_w = dense()
    amplitudes, frequencies = fast.layout.split(fast.slope(fast.start))
    pairs = ((-amplitudes.real, by_a[None]), (amplitudes.imag, by_b[None]), (-frequencies, by_w.T))
    difference = max(float((found - expected).abs().max() / expected.abs().max()) for found, expected in pairs)

    seconds = {
        "dense autograd": median_time(dense, 7),
        "fast gradient": median_time(lambda: fast.slope(fast.start), 200),
        "its bare transforms": median_time(bare_transforms(problem), 200),
    }
    print(f"m = {args.width}, {args.points} x {args.points} samples, single precision, {args.threads} thread(s)")
    print(f"The gradients agree to {difference:.0e}.\n")
    print("| | ms | times the fast gradient |\n|---|---|---|")
    for name, value in seconds.items():
        print(f"| {name} | {1e3 * value:.3g} | {value / seconds['fast gradient']:.3g} |")


if __name__ == "__main__":
    main()
