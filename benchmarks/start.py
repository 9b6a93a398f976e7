"""Seconds of the commands on the run file of figure 4, against the bare imports of their libraries.

    uv run python -m benchmarks.start [--before PATH/TO/freqbias]

All commands take turns, so that they see the same load. The table has the median of the rounds, and the difference to
the bare imports. --before: also measure the program of another version.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 5
BARE = [sys.executable, "-c", "from mpi4py import MPI; import torch, dolfinx.fem, xarray"]  # MPI first, for its library
PROGRAM = Path(sys.executable).parent / "freqbias"
RUN_FILE = Path(__file__).parent.parent / "runs" / "figure4.toml"
COMMANDS = ("run", "pde", "ntk", "compare", "check")  # the first writes the results that the others replace


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path)
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # every process would compile its imports again
    programs = {"now": PROGRAM} | ({"before": options.before} if options.before else {})
    seconds: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS + 1):
            seconds.setdefault(("bare imports", ""), []).append(spent(BARE))
            for version, program in programs.items():
                for command in COMMANDS:
                    words = [program, command, RUN_FILE]
                    if command != "check":
                        words += ["--out", Path(folder) / version, "--overwrite", "-q"]
                    seconds.setdefault((command, version), []).append(spent(words))
    middle = {name: sorted(values[1:])[ROUNDS // 2] for name, values in seconds.items()}  # the first round warms up
    bare = middle["bare imports", ""]
    for (command, version), value in middle.items():
        print(f"{command:12} {version:6} {value:6.2f} s   bare + {value - bare:5.2f} s")


def spent(command: list[object]) -> float:
    begin = time.perf_counter()
    subprocess.run([*map(str, command)], check=True, capture_output=True)
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
