"""The network against the exact NTK by width, in the setting of runs/figure4.toml: iid and Sobol draws, ten seeds.

The error is the maximum of |u_nn - u_exact| / |u(0)| over the output times. The script takes some minutes on two cores.

Usage: OMP_NUM_THREADS=1 uv run python -m benchmarks.width
"""

import time
from math import log

import numpy as np

from tests.nn.test_width import SEEDS, error_over_start

WIDTHS = (1_000, 10_000, 100_000)


def main() -> None:
    print(f"{'sampling':>8} {'width':>8} {'median':>8} {'worst':>8} {'slope':>6} {'s':>5}", flush=True)
    for sampling in ("iid", "sobol"):
        before = None
        for width in WIDTHS:
            began = time.monotonic()
            errors = [error_over_start(width, seed, sampling=sampling) for seed in SEEDS]
            median, taken = float(np.median(errors)), time.monotonic() - began
            negative_gradient = f"{log(median / before) / log(10):6.2f}" if before else " " * 6
            print(
                f"{sampling:>8} {width:>8} {median:8.4f} {max(errors):8.4f} {negative_gradient} {taken:5.0f}",
                flush=True,
            )
            before = median


if __name__ == "__main__":
    main()
