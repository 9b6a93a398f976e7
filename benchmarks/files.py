"""The command `freqbias pde` with all its files: seconds and bytes on disk, on one and two ranks.

The problem of `benchmarks.size` in two dimensions: 1,002,001 dofs, 32 output times. The last rows are the solves and
transforms alone, as `benchmarks.size` counts them on one rank, and the time in which the disk takes as many bytes as
those of the first run, written and flushed in files of 32 MiB.

Usage: OMP_NUM_THREADS=1 uv run python -m benchmarks.files
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUN = """
density = { kind = "gaussian", sigma = 5.0 }
data = { kind = "waves", dimension = 2, points = 64, frequencies = [[3.0, 3.0]], window = 0.1 }
network = { width = 2, sigma_a = 1.0 }
time = { end = 3000.0, outputs = 31 }
mesh = { half_width = 30.0, size = 0.12 }
pde = { operator = "local", degree = 2, tolerance = 1e-4 }
"""
BLOCK = 2**25


def command(folder: Path, ranks: int, *, fields: bool) -> tuple[float, int]:
    """Return the seconds of the command, and the bytes of the result."""
    bin_folder, out = Path(sys.executable).parent, folder / f"out{ranks}{fields}"
    launcher = [str(bin_folder / "mpirun"), "-n", str(ranks)] if ranks > 1 else []
    arguments = ["pde", "run.toml", "--out", out.name, f"pde.fields={str(fields).lower()}", "-q"]
    start = time.perf_counter()
    subprocess.run([*launcher, str(bin_folder / "freqbias"), *arguments], cwd=folder, check=True)
    return time.perf_counter() - start, sum(p.stat().st_size for p in out.rglob("*") if p.is_file())


def solves_and_transforms() -> float:
    """Return their seconds on one rank."""
    row = [sys.executable, "-m", "benchmarks.size", "2", "500", "multigrid"]
    found = json.loads(subprocess.run(row, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    return float(found["solving"] + found["transforms"])


def bare(folder: Path, size: int) -> float:
    """Return the seconds to write `size` bytes to the disk."""
    content, start = os.urandom(BLOCK), time.perf_counter()
    for number in range(size // BLOCK):
        with (folder / str(number)).open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    return time.perf_counter() - start


def main() -> None:
    print("| ranks | fields | whole | GB |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder, largest = Path(name), 0
        (folder / "run.toml").write_text(RUN)
        for ranks, fields in ((1, True), (1, False), (2, True), (2, False)):
            seconds, size = command(folder, ranks, fields=fields)
            largest = max(largest, size)
            print(f"| {ranks} | {'yes' if fields else 'no'} | {seconds:.1f} s | {size / 1e9:.2f} |", flush=True)
        print(f"| solves and transforms alone | | {solves_and_transforms():.1f} s | |", flush=True)
        print(f"| the disk alone | | {bare(folder, largest):.1f} s | {largest / 1e9:.2f} |")


if __name__ == "__main__":
    main()
