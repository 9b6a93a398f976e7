"""A gradient of the network on an NVIDIA GPU by every backend: milliseconds, GPU memory, ratio to its bare sums.

The bare sums of cufinufft: setting the points, one transform of type 1, and one of type 2 of a vector for r and each
x_i r (type 3 between scattered samples), with its default options. Those of separable and dense: the matrix products
alone, of precomputed waves, on the same chunks of neurons. `auto` is the choice of [training] backend = "auto".

Usage: uv run python -m benchmarks.gpu [--widths 4000 100000 1000000] [--points 64 256] [--dimension 2] [--scattered]
       [--precision single]
"""

import argparse
import itertools
import math
import statistics
import time
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import torch

from freqbias.nn import FourierNetwork, choose_backend, make_transforms
from freqbias.nn.nufft import ACCURACY
from freqbias.nn.transforms import CHUNK, PRECISIONS
from freqbias.numerics import Grid, Scattered, Sites
from freqbias.problem import Gaussian, Network, Problem, Samples

CUDA = torch.device("cuda:0")
BACKENDS = ("cufinufft", "separable", "dense")
LONGEST = {"cufinufft": math.inf, "separable": 2e12, "dense": 2e10}  # m N; a larger gradient takes too long


def statement(width: int, sites: Sites) -> Problem:
    values = np.random.default_rng(0).normal(size=(1, sites.size))
    network = Network(width=width, sigma_a=1.0, symmetric=False)
    return Problem(Gaussian(10.0), Samples(sites, values), network, np.array([0.0, 1.0]))


def bare_nufft(problem: Problem, precision: str) -> Callable[[], object]:
    import cufinufft

    real, complex_ = PRECISIONS[precision]
    sites, d, random = problem.sites, problem.dimension, torch.Generator(CUDA).manual_seed(0)
    width, count = problem.network.width, problem.sites.size
    neurons = 10 * torch.randn(d, width, generator=random, device=CUDA, dtype=real)
    amplitudes = torch.randn(1, width, generator=random, device=CUDA, dtype=complex_)
    options = {"eps": ACCURACY[precision], "dtype": str(complex_).removeprefix("torch.")}
    if isinstance(sites, Grid):
        values = torch.randn(1 + d, *sites.shape, generator=random, device=CUDA, dtype=complex_)
        plans = [cufinufft.Plan(kind, sites.shape, n_trans=n, **options) for kind, n in ((1, 1), (2, 1 + d))]
        spacing = torch.tensor(sites.spacing, device=CUDA, dtype=real)[:, None]
        points = list((2 * math.pi * torch.frac(neurons * spacing)).contiguous())
        sets = [(points, {}), (points, {})]
    else:
        values = torch.randn(1 + d, count, generator=random, device=CUDA, dtype=complex_)
        plans = [cufinufft.Plan(3, d, n_trans=n, **options) for n in (1, 1 + d)]
        x = 2 * math.pi * torch.tensor(sites.positions().T, device=CUDA)
        here, there = list(x.to(real).contiguous()), list(neurons)
        sets = [(there, dict(zip("stu", here, strict=False))), (here, dict(zip("stu", there, strict=False)))]

    def work() -> None:
        for plan, (sources, targets), data in zip(plans, sets, (amplitudes, values), strict=True):
            plan.setpts(*sources, **targets)
            plan.execute(data)

    return work


def bare_products(problem: Problem, precision: str, backend: str) -> Callable[[], object]:
    sites, batch, width = problem.sites, 1 + problem.dimension, problem.network.width
    real, complex_ = PRECISIONS[precision]
    if backend == "separable":
        assert isinstance(sites, Grid)
        first, rest = sites.shape[0], sites.size // sites.shape[0]
        chunks = [max(1, CHUNK // ((1 + n) * (first + rest))) for n in (1, batch)]
        left, right = (torch.randn(min(width, chunks[0]), n, device=CUDA, dtype=complex_) for n in (first, rest))
        values = torch.randn(batch, first, rest, device=CUDA, dtype=complex_)

        def work() -> None:
            for k in pieces(width, chunks[0]):
                left[:k].T @ right[:k]
            for k in pieces(width, chunks[1]):
                left[:k] @ values

        return work
    chunk = max(1, CHUNK // sites.size)
    wave = torch.randn(min(width, chunk), sites.size, device=CUDA, dtype=real)
    amplitudes = torch.randn(1, len(wave), device=CUDA, dtype=real)
    rows = torch.randn(batch, sites.size, device=CUDA, dtype=real)

    def dense_work() -> None:
        for k in pieces(width, chunk):
            for _ in ("cos", "sin"):
                amplitudes[:, :k] @ wave[:k]
                rows @ wave[:k].T

    return dense_work


def pieces(width: int, chunk: int) -> list[int]:
    """The sizes of the chunks that the backend makes of the neurons."""
    return [min(chunk, width - start) for start in range(0, width, chunk)]


def seconds_of(work: Callable[[], object]) -> float:
    """The median of a few runs, each until the GPU has finished."""

    def run() -> float:
        torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        torch.cuda.synchronize()
        return time.perf_counter() - start

    run()
    first = run()
    return statistics.median(run() for _ in range(max(3, min(50, int(0.5 / first)))))


def measure(problem: Problem, backend: str, precision: str) -> tuple[float, float, float]:
    """Seconds for a gradient, seconds for its bare sums, and bytes of GPU memory."""
    torch.cuda.empty_cache()
    free = torch.cuda.mem_get_info(CUDA)[0]
    transforms = make_transforms(backend, problem.sites, precision, CUDA)
    network = FourierNetwork(problem, transforms, device=CUDA)
    ours = seconds_of(lambda: network.error_and_negative_gradient(network.start))
    taken = free - torch.cuda.mem_get_info(CUDA)[0]
    bare = bare_nufft(problem, precision) if backend == "cufinufft" else bare_products(problem, precision, backend)
    return ours, seconds_of(bare), taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--widths", type=int, nargs="+", default=[4000, 100_000, 1_000_000])
    parser.add_argument("--points", type=int, nargs="+", default=[64, 256], help="along each axis")
    parser.add_argument("--dimension", type=int, default=2)
    parser.add_argument("--scattered", action="store_true", help="as many samples, anywhere in the box")
    parser.add_argument("--precision", choices=list(PRECISIONS), default="single")
    asked = parser.parse_args()
    there = [name for name in BACKENDS if name != "cufinufft" or find_spec(name)]
    print(f"A gradient on one {torch.cuda.get_device_name(0)}, {asked.precision} precision\n")
    print(f"| neurons | samples | {' | '.join(there)} | auto |")
    print("|---|---|" + "---|" * (len(there) + 1))
    for width, points in itertools.product(asked.widths, asked.points):
        sites: Sites = Grid((points,) * asked.dimension, (1.0,) * asked.dimension)
        if asked.scattered:
            sites = Scattered(np.random.default_rng(1).uniform(-0.5, 0.5, (sites.size, asked.dimension)))
        problem, cells = statement(width, sites), []
        for backend in there:
            fits = width * sites.size <= LONGEST[backend] and (backend != "separable" or isinstance(sites, Grid))
            if not fits:
                cells.append("")
                continue
            ours, bare, taken = measure(problem, backend, asked.precision)
            cells.append(f"{1e3 * ours:.3g} ms ({ours / bare:.2f}), {taken / 1e6:.0f} MB")
        auto, _ = choose_backend(problem, "auto", precision=asked.precision, device=CUDA)
        shape = " x ".join([str(points)] * asked.dimension) if isinstance(sites, Grid) else f"{sites.size:,} scattered"
        print(f"| {width:,} | {shape} | {' | '.join(cells)} | {auto} |", flush=True)


if __name__ == "__main__":
    main()
