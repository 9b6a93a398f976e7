"""Kills, signals and failures in the middle of every stage: nothing is lost or half done, the exit code is right.

The tests interrupt processes that start as a user starts them. Work that is not interrupted runs in the test process.
"""

import os
import shutil
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from freqbias.errors import StoppedEarly, UsageError
from tests import launch
from tests.batch import Fork, attempt
from tests.interrupted import PROGRAM, STAGES, assert_same, finished, here, run_text
from tests.pde.test_stage import stop_at

pytestmark = pytest.mark.xdist_group("ranks")


@pytest.fixture(scope="module")
def run_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "interrupted.toml"
    path.write_text(run_text())
    return path


@pytest.fixture(scope="module")
def whole(run_file, tmp_path_factory):
    return finished(run_file, tmp_path_factory.mktemp("whole"))


def wait_for(process, condition, seconds=60):
    """Wait until `condition()` is true while the process still runs."""
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, f"the condition was not true within {seconds} s"
        time.sleep(0.005)
    assert process.poll() is None, "the process ended before it could be interrupted"


def outputs(out, stage):
    return len(list((out / f"{stage}.partial").glob("parts/output-*.safetensors")))


def kill_worker(process, out, stage):
    """Kill the process whose number is in the lock file."""
    os.kill(int((out / f".{stage}.lock").read_text()), signal.SIGKILL)
    process.communicate(timeout=60)


@pytest.mark.parametrize("stage", STAGES)
def test_stopped_then_resumed_is_the_same(stage, run_file, whole, tmp_path):
    """One rank, stopped by a real signal. tests/test_kills.py tests SIGKILL."""
    stopped = stop_once(lambda: outputs(tmp_path, stage) >= 3, stage, run_file, "--out", tmp_path)
    assert stopped.returncode == 75, stopped.stderr
    assert stopped.stderr.count("--resume") == 1
    assert 3 <= outputs(tmp_path, stage) < 40
    here(stage, run_file, "--out", tmp_path, "--resume")
    assert_same(tmp_path, whole, stage)


def stop_once(condition, *arguments):
    """Run a command in this process, and send SIGTERM to the process as soon as `condition()` is true."""

    def send_signal():
        while not condition() and not ended.is_set():
            time.sleep(0.005)
        if not ended.is_set():
            os.kill(os.getpid(), signal.SIGTERM)

    ended, watcher = threading.Event(), threading.Thread(target=send_signal)
    old = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a late signal must not end the tests
    watcher.start()
    try:
        return attempt(*arguments)
    finally:
        ended.set()
        watcher.join()
        signal.signal(signal.SIGTERM, old)


def has_torch(pid):
    return "libtorch" in Path(f"/proc/{pid}/maps").read_text()


def stopped_on_two_ranks(stage, run_file, out):
    """Start a stage on two ranks, and stop it by SIGTERM through mpirun."""
    process = launch.start("-c", PROGRAM, stage, run_file, "--out", out, ranks=2)
    wait_for(process, lambda: outputs(out, stage) >= 3)
    if stage == "nn":
        assert sum(map(has_torch, launch.descendants(process.pid))) == 1, "the sleeping rank has no use for torch"
    process.send_signal(signal.SIGTERM)
    _, printed = process.communicate(timeout=60)
    assert process.returncode == 75, printed
    assert printed.count("--resume") == 1


def test_an_equation_stopped_then_killed_then_resumed_is_the_same(run_file, whole, tmp_path):
    """Stopped on two ranks, killed on one; tests/test_kills.py kills two ranks."""
    stopped_on_two_ranks("pde", run_file, tmp_path)
    reached = outputs(tmp_path, "pde")
    process = Fork("pde", run_file, "--out", tmp_path, "--resume")
    wait_for(process, lambda: outputs(tmp_path, "pde") >= reached + 3)
    kill_worker(process, tmp_path, "pde")
    assert not (tmp_path / STAGES["pde"]).exists(), "a reader sees a complete file or none"
    here("pde", run_file, "--out", tmp_path, "--resume")  # on one rank, whatever the number of ranks before
    assert_same(tmp_path, whole, "pde")


def test_a_training_stopped_beside_a_sleeping_rank_is_the_same(run_file, whole, tmp_path):
    stopped_on_two_ranks("nn", run_file, tmp_path)
    here("nn", run_file, "--out", tmp_path, "--resume")
    assert_same(tmp_path, whole, "nn")


@pytest.mark.parametrize("operator", ["local", "data"])
def test_each_start_may_have_another_number_of_ranks(operator, tmp_path):
    path, out = tmp_path / "ranks.toml", tmp_path / "out"
    path.write_text(run_text(operator=operator, step=0.5, end=12.0, outputs=12))
    here("pde", path, "--out", tmp_path / "whole")
    before = 0
    for ranks in (2, 3):
        printed = stop_at(9, path, out, ranks=ranks)
        assert ("continuing after t = " in printed) == (ranks == 3), printed
        assert outputs(out, "pde") > before
        before = outputs(out, "pde")
    here("pde", path, "--out", out, "--resume")
    assert_same(out, tmp_path / "whole", "pde", atol=1e-8)  # conjugate gradients stop within theirs


def test_max_walltime_stops_with_75(run_file, tmp_path):
    with pytest.raises(StoppedEarly, match=r"wall time .*--resume") as stopped:
        here("nn", run_file, "--out", tmp_path, "--max-walltime", "0.001s")
    assert stopped.value.exit_code == 75


def test_compare_killed_and_resumed_is_the_same(run_file, whole, tmp_path, undrawn):
    out, undisturbed = tmp_path / "killed", tmp_path / "whole"
    shutil.copytree(whole, out)
    shutil.copytree(whole, undisturbed)
    here("compare", run_file, "--out", undisturbed)
    process = Fork("compare", run_file, "--out", out)
    wait_for(process, (out / "compare.partial" / "spectra.nc").exists)
    kill_worker(process, out, "compare")
    assert process.returncode == -signal.SIGKILL
    assert (out / "compare.partial").exists() and not (out / "compare").exists()
    here("compare", run_file, "--out", out, "--resume")
    tables = [np.genfromtxt(root / "compare/metrics.csv", delimiter=",", names=True) for root in (out, undisturbed)]
    assert len(tables[0]) == 41
    for name in tables[0].dtype.names:
        np.testing.assert_allclose(tables[0][name], tables[1][name], rtol=1e-10, atol=0)
    found, expected = (xr.load_dataset(root / "compare/spectra.nc", engine="h5netcdf") for root in (out, undisturbed))
    xr.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-14)
    here("compare", run_file, "--out", out, "--resume")


def test_finished_results_are_not_overwritten_unasked(run_file, whole):
    with pytest.raises(UsageError, match="--overwrite") as refused:
        here("pde", run_file, "--out", whole)
    assert refused.value.exit_code == 2


FAULTY = """
    import sys
    from unittest.mock import patch
    from mpi4py import MPI
    from freqbias.pde.local_operator import LocalOperator
    from freqbias.runtime import exit_code_of, exit_codes
    from freqbias.runtime.commandline import invoke
    from tests.batch import APP

    products, whole = 0, LocalOperator.mass

    def broken(self, w):
        global products
        products += 1
        {fault}
        return whole(self, w)

    with patch.object(LocalOperator, "mass", broken):
        sys.exit(exit_code_of(lambda: invoke(APP, "freqbias", ["pde", *sys.argv[1:]])))
"""


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_training_that_diverges_leaves_with_3_and_names_the_step(ranks, run_file, tmp_path):
    path = tmp_path / "unstable.toml"
    path.write_text(run_text(training_step=100.0).replace("end = 50.0", "end = 4000.0"))
    (done,) = launch.run_all([["nn", path, "--out", tmp_path / "out"]], ranks=ranks)
    assert done.returncode == 3, done.stderr
    assert done.stderr.count("error: training diverged at step ") == 1 and "the step is " in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out" / "nn").exists()


@pytest.mark.parametrize("ranks", [1, 2])
def test_an_equation_that_diverges_leaves_with_3_and_names_the_step(ranks, run_file, tmp_path):
    program = FAULTY.format(fault="if products > 40: return whole(self, w) * float('nan')")
    done = launch.run_together(program, run_file, "--out", tmp_path / "out", ranks=ranks)
    assert done.returncode == 3, done.stderr
    assert done.stderr.count("error: step ") == 1 and "the solution is not finite" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out" / "pde").exists()


def test_an_exception_on_one_rank_ends_all_and_names_it(run_file, tmp_path):
    fault = "exit_codes.ABORT_TIMEOUT = 1.0; raise ValueError('broken on purpose')"
    program = FAULTY.format(fault=f"if MPI.COMM_WORLD.rank == 1: {fault}")
    begin = time.monotonic()
    done = launch.run_code(program, run_file, "--out", tmp_path / "out", ranks=2)
    assert time.monotonic() - begin < 30
    assert done.returncode != 0
    assert "rank 1" in done.stderr
    assert "broken on purpose" in done.stderr
    assert not (tmp_path / "out" / "pde").exists()


def test_compare_under_mpirun_where_pde_is_finished(run_file, whole, tmp_path):
    """PETSc starts on all ranks at the same time or never: no stage before this one has started it here."""
    shutil.copytree(whole, tmp_path / "out")
    program = """
        from freqbias.compare.commands.app import main
        from tests.launch import undrawn

        with undrawn():
            main()
    """
    arguments = ["compare", run_file, "--out", tmp_path / "out", "--overwrite", "-q"]
    done = launch.run_code(program, *arguments, ranks=2, timeout=100)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "compare" / "manifest.json").is_file()
