"""A sweep of 5 sigma x 3 widths x 4 seeds in 1-D: CPU time against the bare work of its stages and a shell loop.

- bare: one process calls the functions of all stages, once for each set of keys, one after the other. The time of its
  imports does not count. Its stages, and those of the sweep, write the same files.
- sweep: `freqbias sweep` with one process, and with two, and with two ranks under mpirun.
- loop: `freqbias run` for each run. Only LOOP runs are timed, evenly chosen among the 60, because all cost the same.
  With --before PROGRAM, this is the program of another version, for example of the commit before sweeps.

Usage: uv run python -m benchmarks.sweep [--before PATH/TO/freqbias] [--thousand]

--thousand: instead, a sweep of 1,000 runs of the smallest size: files, bytes, collecting, memory.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path

RUN = """
[density]
kind = "gaussian"
sigma = 8.0
[data]
kind = "waves"
dimension = 1
points = {points}
extent = 1.0
frequencies = [[3.0], [10.0], [20.0]]
window = 0.1
[network]
width = 1000
sigma_a = 1.0
[time]
end = {end}
outputs = {outputs}
"""
SIGMAS, WIDTHS, SEEDS = (4, 6, 8, 12, 16), (4000, 8000, 16000), range(4)
AXES = [f"density.sigma={','.join(map(str, SIGMAS))}", f"network.width={','.join(map(str, WIDTHS))}", "seed=range(4)"]
QUIET = ["compare.figures=false", "pde.fields=false"]
LOOP = 4
PROGRAM = Path(sys.executable).parent / "freqbias"
BARE = """
import sys, time
import freqbias
from pathlib import Path
from freqbias.compare.stages import stage_function
from freqbias.compare.sweep import SweepFolder
from freqbias.nn import plan_training
from freqbias.pde import start_petsc
from freqbias.problem import build, load_sweep
from freqbias.runtime import Store, StopRequest
path, root, *axes = sys.argv[1:]
start_petsc()
for name in ("pde", "nn", "ntk", "compare"):
    stage_function(name)
sweep = SweepFolder(Path(root), load_sweep(Path(path), axes))
sweep.prepare(overwrite=False)
begin, wall = time.process_time(), time.perf_counter()
last = None
with StopRequest() as stop:
    for index, task in enumerate(sweep.tasks):
        run = sweep.plan.runs[task.run]
        if last != task.run:
            last, problem, plan = task.run, build(run), None
        options = {"renew": True} if task.stage == "compare" else {}
        if task.stage in ("nn", "ntk"):
            plan = plan or plan_training(problem, run.training, tolerance=run.training_tolerance)
            options = {"plan": plan}
        store = sweep.store(task)
        stage_function(task.stage)(run, problem, store, resume=False, overwrite=False, stop=stop, **options)
        sweep.is_finished(index)  # links
print(time.process_time() - begin, time.perf_counter() - wall)
"""

COLLECT = """
import json, resource, sys, time
import freqbias
from pathlib import Path
from freqbias.compare.sweep import collect, read_folders
begin = time.perf_counter()
data = collect(read_folders([Path(sys.argv[1])]))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([time.perf_counter() - begin, peak, data.nbytes / 1e6]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, default=PROGRAM)
    parser.add_argument("--thousand", action="store_true")
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # every process would compile its imports again
    with tempfile.TemporaryDirectory() as folder:
        if options.thousand:
            thousand(Path(folder))
        else:
            compare(Path(folder), options.before)


def compare(folder: Path, before: Path) -> None:
    """Print CPU seconds and wall seconds of the ways to compute the same 60 runs."""
    path = folder / "sweep.toml"
    path.write_text(RUN.format(points=512, end=200.0, outputs=20))
    timed("warm up", [PROGRAM, "sweep", path, "seed=0", *QUIET, "--out", folder / "warm"])
    one = {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", BARE, path, folder / "bare", *AXES],
        capture_output=True, text=True, check=True, env={**os.environ, **one},
    )  # fmt: skip
    bare, wall = map(float, done.stdout.split())
    report("bare stages, one process", bare, wall, bare)
    words = ["sweep", path, *AXES, "-q", "--out"]
    mpirun = [Path(sys.executable).parent / "mpirun", "-n", "2"]
    single = timed("sweep, one process", [PROGRAM, *words, folder / "one", "--jobs", "1"], bare, **one)
    timed("sweep, two processes", [PROGRAM, *words, folder / "two", "--jobs", "2"], bare, single)
    timed("sweep, one rank", [*mpirun[:1], "-n", "1", PROGRAM, *words, folder / "rank", "--jobs", "1"], bare, **one)
    timed("sweep, two ranks", [*mpirun, PROGRAM, *words, folder / "ranks"], bare, single)
    all_runs = list(product(SIGMAS, WIDTHS, SEEDS))
    cpu = seconds = 0.0
    for number, (sigma, width, seed) in enumerate(all_runs[:: len(all_runs) // LOOP]):
        run = folder / f"loop{number}.toml"
        run.write_text(path.read_text().replace("8.0", f"{sigma}.0", 1).replace("1000", str(width)) + "\n")
        run.write_text(f"seed = {seed}\n" + run.read_text())
        used, taken = spent([before, "run", run, "-q", "--out", folder / f"loop{number}"])
        cpu, seconds = cpu + used, seconds + taken
    scale = len(all_runs) / LOOP
    report(f"shell loop, {scale:g} x {LOOP} runs of {before}", scale * cpu, scale * seconds, bare)


def timed(name: str, command: list[object], bare: float = 0.0, single: float = 0.0, **variables: str) -> float:
    """Run a command, print its times, and return its wall seconds."""
    cpu, wall = spent(command, **variables)
    if bare:
        report(name, cpu, wall, bare, single)
    return wall


def spent(command: list[object], **variables: str) -> tuple[float, float]:
    """Run a command and return the CPU seconds of it and its children, and the wall seconds."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([*map(str, command)], check=True, env={**os.environ, **variables}, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def report(name: str, cpu: float, wall: float, bare: float, single: float = 0.0) -> None:
    faster = f", {single / wall:.2f} times as fast as one process" if single else ""
    print(f"{name}: {cpu:.1f} s of CPU time, {cpu / bare:.2f} times the bare stages; {wall:.1f} s{faster}", flush=True)


def thousand(folder: Path) -> None:
    """Print the files, bytes, seconds and memory of a sweep with 1,000 runs."""
    path = folder / "small.toml"
    path.write_text(RUN.format(points=64, end=10.0, outputs=2).replace("width = 1000", "width = 100"))
    out = folder / "out"
    words = ["sweep", path, "seed=range(500)", "density.sigma=4,8", "-q", "--out", out]
    cpu, wall = spent([PROGRAM, *words, "--stages", "pde,nn,ntk,compare"])
    files = [each for each in out.rglob("*") if each.is_file() and not each.is_symlink()]
    links = sum(each.is_symlink() for each in out.rglob("*"))
    size = sum(each.stat().st_size for each in files)
    print(
        f"1,000 runs: {cpu:.0f} s of CPU time, {wall:.0f} s; {len(files):,} files, {links:,} links, {size / 1e6:.1f} MB"
    )
    done = subprocess.run([sys.executable, "-c", COLLECT, out], capture_output=True, text=True, check=True)
    seconds, peak, held = json.loads(done.stdout)
    print(f"collecting: {seconds:.1f} s, {peak:.0f} MiB at most, a dataset of {held:.1f} MB")


if __name__ == "__main__":
    main()
