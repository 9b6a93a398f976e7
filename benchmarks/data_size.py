"""The data operator at size: a whole solution with two threads, in seconds and memory.

1,000,000 scattered samples in 2-D, 128 x 128 x 128 samples on a grid, and 1024 x 1024 samples in three channels. The
signal is a sum of waves, rho_w is a Gaussian that is about as wide as the spectrum of the signal, and T is such that
the last loss is a small part of the first. Each case runs in its own process. The memory is the peak resident set.

Usage: uv run python -m benchmarks.data_size
"""

import json
import resource
import subprocess
import sys
import time

CASES = ("1,000,000 scattered samples", "128 x 128 x 128 samples", "1024 x 1024 samples, 3 channels")
TOLERANCE = 1e-2


def measure(case: int) -> None:
    """Run one case and print its figures as JSON."""
    import numpy as np

    from freqbias.numerics import Grid, Scattered
    from freqbias.pde import Solver
    from freqbias.problem import Gaussian, Network, Pde, Problem, Samples

    rng, dimension = np.random.default_rng(0), 3 if case == 1 else 2
    sites = [
        lambda: Scattered(rng.uniform(0.0, 1.0, (1_000_000, 2))),
        lambda: Grid((128,) * 3, (1.0,) * 3),
        lambda: Grid((1024, 1024), (1.0, 1.0)),
    ][case]()
    x, channels = sites.positions(), 3 if case == 2 else 1
    sigma = (20.0, 8.0, 60.0)[case]
    waves = rng.normal(0.0, sigma / 2, (channels, 8, dimension))
    values = np.array([np.sum(np.cos(2 * np.pi * (x @ w.T)), axis=1) for w in waves])
    problem = Problem(
        Gaussian(sigma),
        Samples(sites, values),
        Network(width=2, sigma_a=1.0),
        np.linspace(0.0, (2e4, 1e5, 1e5)[case], 11),
    )
    start = time.perf_counter()
    solver = Solver(problem, Pde(tolerance=TOLERANCE))
    prepared = time.perf_counter()
    snapshots = list(solver.trajectory())
    evolved = time.perf_counter()
    solver.spectrum(snapshots)
    figures = {
        "dofs": solver.plan.dofs,
        "products": solver.record.steps,
        "left": snapshots[-1].loss / snapshots[0].loss,
        "preparing": prepared - start,
        "evolving": evolved - prepared,
        "spectrum": time.perf_counter() - evolved,
        "memory": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }
    print(json.dumps(figures))


def main() -> None:
    print("| data | dofs | products | last loss / first | preparing | evolving | spectrum | whole | GiB |")
    print("|---|---|---|---|---|---|---|---|---|")
    for case, name in enumerate(CASES):
        command = [sys.executable, "-m", "benchmarks.data_size", str(case)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        seconds = [found[part] for part in ("preparing", "evolving", "spectrum")]
        row = [name, f"{found['dofs']:,}", found["products"], f"{found['left']:.1g}"]
        row += [f"{part:.1f} s" for part in (*seconds, sum(seconds))] + [f"{found['memory'] / 2**30:.1f}"]
        print("| " + " | ".join(map(str, row)) + " |", flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        measure(int(sys.argv[1]))
    else:
        main()
