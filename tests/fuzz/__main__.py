"""Run one kind of random tests, for example `uv run python -m tests.fuzz trainings --count 300`.

Each kind prints its counts and every failure, and exits with 1 if there is a failure. The suite runs a sample of each.
"""

import argparse
import importlib
import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy and torch, whose threads spin while they wait

KINDS = {
    "trainings": 300, "runfiles": 10_000, "commands": 300, "damage": 1000, "data": 500,
    "kills": 200, "pairs": 40, "predictions": 300, "sweeps": 30,
}  # module: default count  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--count", type=int, help="number of cases; the default is that of the full test")
    parser.add_argument("--first", type=int, default=0, help="number of the first case; each number is one fixed case")
    options = parser.parse_args()
    module = importlib.import_module(f"tests.fuzz.{options.kind}")
    count = KINDS[options.kind] if options.count is None else options.count
    return int(module.run(options.first, count))


if __name__ == "__main__":
    sys.exit(main())
