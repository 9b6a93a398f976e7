"""The command `freqbias pde` with all its files: seconds and bytes on disk, on one and two ranks.

The problem of `benchmarks.size` in two dimensions: 1,002,001 dofs, 32 output times. "Computing" ends when the last
state is known; what follows is spectrum.nc, the fields for ParaView, their SHA-256 and the end of the process. The
states are stored while they are computed. Where writing is too short to be announced, it is not told apart. The last
row writes and flushes as many bytes as the first run, in files of 32 MiB.

Usage: OMP_NUM_THREADS=1 uv run python -m benchmarks.files
"""

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


def command(folder: Path, ranks: int, *, fields: bool) -> tuple[float, float, int]:
    """Return the seconds of the command, those until the results are written, and the bytes of the result."""
    bin_folder, out = Path(sys.executable).parent, folder / f"out{ranks}{fields}"
    launcher = [str(bin_folder / "mpirun"), "-n", str(ranks)] if ranks > 1 else []
    arguments = ["pde", "run.toml", "--out", out.name, f"pde.fields={str(fields).lower()}"]
    start, computed = time.perf_counter(), 0.0
    with subprocess.Popen([*launcher, str(bin_folder / "freqbias"), *arguments], cwd=folder, stderr=subprocess.PIPE,
                          text=True) as process:  # fmt: skip
        assert process.stderr is not None
        for line in process.stderr:
            if "writing the results" in line:
                computed = time.perf_counter() - start
    assert process.returncode == 0
    return time.perf_counter() - start, computed, sum(p.stat().st_size for p in out.rglob("*") if p.is_file())


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
    print("| ranks | fields | whole | computing | files | GB |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder, largest = Path(name), 0
        (folder / "run.toml").write_text(RUN)
        for ranks, fields in ((1, True), (1, False), (2, True), (2, False)):
            whole, computed, size = command(folder, ranks, fields=fields)
            largest = max(largest, size)
            parts = (f"{s:.1f} s" if computed else "" for s in (computed, whole - computed))
            row = [ranks, "yes" if fields else "no", f"{whole:.1f} s", *parts]
            print("| " + " | ".join(map(str, [*row, f"{size / 1e9:.2f}"])) + " |", flush=True)
        seconds = bare(folder, largest)
        print(f"| the disk alone | | {seconds:.1f} s | | | {largest / 1e9:.2f} |")


if __name__ == "__main__":
    main()
