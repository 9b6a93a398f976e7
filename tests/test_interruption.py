"""Kills, signals and failures in the middle of every stage: nothing is lost or half done, the exit code is right."""

import itertools
import signal
import subprocess
import time

import numpy as np
import pytest

from problem import ErrorHistory, Spectrum
from tests import launch

RUN = """
name = "interrupted"
[density]
kind = "gaussian"
sigma = 6.0
[data]
kind = "waves"
dimension = 1
points = 96
frequencies = [[3.0], [8.0]]
window = 0.12
[network]
width = 2000
sigma_a = 1.0
[time]
end = 100.0
outputs = 40
[pde]
operator = "local"
integrator = "crank-nicolson"
step = {pde_step}
degree = 4
tolerance = 1e-2
[training]
step = {training_step}
"""
STAGES = {"pde": "pde/spectrum.nc", "nn": "nn/error.nc"}
SLOW = {"pde_step": 0.05, "training_step": 0.1}  # many outputs, each reached fast, the whole lasting some seconds


@pytest.fixture(scope="module")
def run_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "interrupted.toml"
    path.write_text(RUN.format(**SLOW))
    return path


@pytest.fixture(scope="module")
def whole(run_file, tmp_path_factory):
    """The result that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole")
    for stage in STAGES:
        done = launch.run("-m", stage, run_file, "--out", out, "-q")
        assert done.returncode == 0, done.stderr
    return out


def error_of(out, stage):
    path = out / STAGES[stage]
    return Spectrum.load(path).error if stage == "pde" else ErrorHistory.load(path).error


def begun(process, out, stage, outputs):
    """Wait until so many output times are stored."""
    for _ in itertools.repeat(None, 6000):
        if len(list((out / f"{stage}.partial").glob("parts/output-*"))) >= outputs:
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    raise AssertionError("nothing was stored in 60 s")


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("ranks", [1, 2])
def test_killed_and_resumed_is_the_same(stage, ranks, run_file, whole, tmp_path):
    arguments = ["-m", stage, run_file, "--out", tmp_path, "-q"]
    process = launch.start(*arguments, ranks=ranks)
    begun(process, tmp_path, stage, 5)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    subprocess.run(["pkill", "-KILL", "-f", str(tmp_path)], check=False)  # the ranks, where mpirun was killed
    assert not (tmp_path / STAGES[stage]).exists(), "a reader sees a complete file or none"
    time.sleep(0.3)
    done = launch.run(*arguments, "--resume")  # on one rank, whatever it was started on
    assert done.returncode == 0, done.stderr
    expected = error_of(whole, stage)
    np.testing.assert_allclose(
        error_of(tmp_path, stage), expected, rtol=0, atol=1e-12 * np.abs(expected).max() if stage == "pde" else 0
    )


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("ranks", [1, 2])
def test_sigterm_stops_in_good_order(stage, ranks, run_file, whole, tmp_path):
    arguments = ["-m", stage, run_file, "--out", tmp_path]
    process = launch.start(*arguments, ranks=ranks)
    begun(process, tmp_path, stage, 3)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 75, said
    assert said.count("--resume") == 1
    again = launch.run(*arguments)
    assert again.returncode == 2
    assert "--resume" in again.stderr
    done = launch.run(*arguments, "--resume", "-q")
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(error_of(tmp_path, stage), error_of(whole, stage), rtol=0, atol=1e-12)


def test_max_walltime_stops_with_75(run_file, tmp_path):
    done = launch.run("-m", "nn", run_file, "--out", tmp_path, "--max-walltime", "1s")
    assert done.returncode == 75, done.stderr
    assert "wall time" in done.stderr


def test_compare_killed_and_resumed(run_file, whole, tmp_path):
    arguments = ["-m", "compare", run_file, "--out", whole, "-q"]
    process = launch.start(*arguments)
    for _ in range(3000):
        if (whole / "compare.partial").exists() or process.poll() is not None:
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    done = launch.run(*arguments, "--resume")
    assert done.returncode == 0, done.stderr
    rows = np.genfromtxt(whole / "compare" / "metrics.csv", delimiter=",", names=True)
    assert len(rows) == 41
    assert np.isfinite(rows["error_over_initial"]).all()
    finished = launch.run(*arguments, "--resume")
    assert finished.returncode == 0, finished.stderr


def test_finished_results_are_not_overwritten_unasked(run_file, whole):
    done = launch.run("-m", "pde", run_file, "--out", whole)
    assert done.returncode == 2
    assert "--overwrite" in done.stderr


FAILING = """
import sys
import runtime
from mpi4py import MPI
from pde.local_operator import LocalOperator

def broken(self, w):
    if MPI.COMM_WORLD.rank == 1:
        raise {error}
    return whole(self, w)

whole, LocalOperator.mass = LocalOperator.mass, broken
sys.argv = ["pde", {path!r}, "--out", {out!r}]
import runpy
runpy.run_module("pde", run_name="__main__")
"""


def test_an_exception_on_one_rank_ends_all_and_names_it(run_file, tmp_path):
    script = tmp_path / "failing.py"
    script.write_text(
        FAILING.format(error="ValueError('broken on purpose')", path=str(run_file), out=str(tmp_path / "out"))
    )
    begin = time.monotonic()
    done = launch.run(script, ranks=2, timeout=60)
    assert time.monotonic() - begin < 30
    assert done.returncode != 0
    assert "rank 1" in done.stderr
    assert "broken on purpose" in done.stderr
    assert not (tmp_path / "out" / "pde").exists()
