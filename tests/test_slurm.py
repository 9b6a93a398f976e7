"""examples/slurm.sh, with simulated srun and scontrol."""

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
    """A folder with scontrol and srun; srun exits with the codes listed in the file `codes`."""
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


def test_stopped_job_is_requeued(cluster):
    (cluster / "codes").write_text("75\n0\n")
    for requeued in (["requeue 17"], ["requeue 17"]):
        assert submit(cluster, "my run.toml", "--log-file", "run.log").wait(10) == 0
        assert lines(cluster / "requeued") == requeued
    call = "3: --mpi=pmix freqbias run my run.toml --resume --log-file run.log"
    assert lines(cluster / "calls") == [call, call]


@pytest.mark.parametrize("code", [2, 3])
def test_failed_job_is_not_requeued(cluster, code):
    (cluster / "codes").write_text(f"{code}\n")
    assert submit(cluster, "run.toml").wait(10) == code
    assert lines(cluster / "requeued") == []


@pytest.mark.parametrize(
    ("sent", "code", "requeued"),
    [(signal.SIGUSR1, 0, ["requeue 17"]), (signal.SIGTERM, 75, [])],
    ids=["time", "scancel"],
)
def test_signals_of_slurm(cluster, sent, code, requeued):
    job = submit(cluster, "run.toml")
    deadline = time.monotonic() + 10
    while not (cluster / "waiting").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    job.send_signal(sent)
    assert job.wait(10) == code
    assert lines(cluster / "requeued") == requeued


def test_restarts_are_limited(cluster, monkeypatch):
    (cluster / "codes").write_text("75\n")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "100")
    assert submit(cluster, "run.toml").wait(10) == 75
    assert lines(cluster / "requeued") == []


def test_usage_without_run_file(cluster):
    job = submit(cluster)
    assert job.wait(10) != 0 and "usage: sbatch" in job.stderr.read()


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="no shellcheck here")
def test_shellcheck():
    subprocess.run(["shellcheck", str(SCRIPT)], check=True)
