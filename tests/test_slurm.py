"""examples/slurm.sh, with commands that stand in for Slurm's."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "examples" / "slurm.sh"
SRUN = """#!/usr/bin/env bash
echo "$OMP_NUM_THREADS: $*" >> calls
if [ ! -e codes ]; then
  trap 'exit 75' TERM
  touch waiting
  while true; do sleep 0.05; done
fi
code=$(head -n 1 codes)
sed -i 1d codes
exit "$code"
"""
SCONTROL = """#!/usr/bin/env bash
echo "$*" >> requeued
"""


@pytest.fixture
def cluster(tmp_path):
    """A folder with srun, which leaves with the codes that the file `codes` lists, and scontrol."""
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    return tmp_path


def submit(folder, *arguments):
    variables = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "LAUNCH": "srun --mpi=pmix",
        "FREQBIAS": "freqbias",
        "SLURM_CPUS_PER_TASK": "3",
        "SLURM_JOB_ID": "17",
    }
    return subprocess.Popen(
        ["bash", str(SCRIPT), *arguments], cwd=folder, env=os.environ | variables, stderr=subprocess.PIPE, text=True
    )


def lines(path):
    return path.read_text().splitlines() if path.exists() else []


def test_a_job_that_stopped_early_is_queued_again_and_goes_on(cluster):
    (cluster / "codes").write_text("75\n0\n")
    for requeued in (["requeue 17"], ["requeue 17"]):
        assert submit(cluster, "my run.toml", "--log-file", "run.log").wait(10) == 0
        assert lines(cluster / "requeued") == requeued
    call = "3: --mpi=pmix freqbias run my run.toml --resume --log-file run.log"
    assert lines(cluster / "calls") == [call, call]


@pytest.mark.parametrize("code", [2, 3])
def test_a_job_that_failed_is_not_queued_again(cluster, code):
    (cluster / "codes").write_text(f"{code}\n")
    assert submit(cluster, "run.toml").wait(10) == code
    assert lines(cluster / "requeued") == []


@pytest.mark.parametrize(
    ("sent", "code", "requeued"),
    [(signal.SIGUSR1, 0, ["requeue 17"]), (signal.SIGTERM, 75, [])],
    ids=["time", "scancel"],
)
def test_slurms_warning_is_passed_on_and_a_cancelled_job_stays_out_of_the_queue(cluster, sent, code, requeued):
    job = submit(cluster, "run.toml")
    deadline = time.monotonic() + 10
    while not (cluster / "waiting").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    job.send_signal(sent)
    assert job.wait(10) == code
    assert lines(cluster / "requeued") == requeued


def test_a_job_without_progress_does_not_circulate_for_ever(cluster, monkeypatch):
    (cluster / "codes").write_text("75\n")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "100")
    assert submit(cluster, "run.toml").wait(10) == 75
    assert lines(cluster / "requeued") == []


def test_a_job_without_a_run_file_says_what_it_needs(cluster):
    job = submit(cluster)
    assert job.wait(10) != 0 and "usage: sbatch" in job.stderr.read()


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="no shellcheck here")
def test_shellcheck_finds_nothing():
    subprocess.run(["shellcheck", str(SCRIPT)], check=True)
