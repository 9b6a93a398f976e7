"""Full and read-only disks: existing results remain, and with free space --resume gives the same result.

The disk is a small file system in memory, which only root can mount.
"""

import shutil
import subprocess

import pytest

from freqbias.runtime import Store
from tests import launch
from tests.interrupted import PROGRAM, assert_same, finished, here, run_text

pytestmark = pytest.mark.xdist_group("ranks")


@pytest.fixture(scope="module")
def run_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "disk.toml"
    path.write_text(run_text(step=0.5, training_step=0.625))
    return path


@pytest.fixture(scope="module")
def whole(run_file, tmp_path_factory):
    return finished(run_file, tmp_path_factory.mktemp("whole"))


class Disk:
    """A file system in memory."""

    def __init__(self, folder):
        self.folder = folder

    def mount(self, options):
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "none", str(self.folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            pytest.skip(f"only root can mount a disk: {done.stderr.strip()}")

    def remount(self, options):
        subprocess.run(["mount", "-o", f"remount,{options}", str(self.folder)], check=True)

    def content(self):
        return {path: path.read_bytes() if path.is_file() else None for path in self.folder.rglob("*")}


@pytest.fixture
def disk(tmp_path):
    disk = Disk(tmp_path)
    yield disk
    subprocess.run(["umount", str(tmp_path)], capture_output=True, check=False)


def assert_refused(*arguments, ranks, words, fresh=False):
    """The command exits with 2 and prints one message, with these words.

    fresh: start a new process, so that its exit, with files of HDF5 or VTK, is tested too.
    """
    if fresh:
        done = launch.run("-c", PROGRAM, *arguments, "-q", ranks=ranks)
    else:
        (done,) = launch.run_all([[*arguments, "-q"]], ranks=ranks)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("error: cannot write"), done.stderr
    assert all(part in done.stderr for part in words)


@pytest.mark.parametrize(
    ("stage", "kilobytes", "writing", "ranks", "fresh"),
    [("pde", 76, "parts/output-", 2, False), ("pde", 216, "spectrum.nc", 1, True), ("pde", 416, "fields.pvd", 1, True),
     ("pde", 416, "fields.pvd", 2, False), ("nn", 116, "parts/", 1, False)],
)  # fmt: skip
def test_resume_after_full_disk(stage, kilobytes, writing, ranks, fresh, run_file, whole, disk):
    disk.mount(f"size={kilobytes}k")
    out = disk.folder / "out"
    words = ("No space left on device; free some", f"{out / stage}.partial/{writing}")
    assert_refused(stage, run_file, "--out", out, ranks=ranks, words=words, fresh=fresh)
    assert not (out / stage).exists(), "no incomplete result is visible"
    assert {path.name for path in out.iterdir()} == {"run.toml", f"{stage}.partial"}, "neither lock nor leftover"
    assert len(list((out / f"{stage}.partial" / "parts").iterdir())) > 5
    disk.remount("size=8m")
    here(stage, run_file, "--out", out, "--resume")
    assert_same(out, whole, stage)


def test_full_disk_keeps_earlier_result(run_file, whole, disk):
    disk.mount("size=1100k")
    out = disk.folder / "out"
    shutil.copytree(whole / "pde", out / "pde")
    arguments = ("pde", run_file, "--out", out, "--overwrite")
    assert_refused(*arguments, ranks=1, words=("No space left on device",))
    assert Store(out).verify("pde") == out / "pde"


def test_read_only_disk(run_file, whole, disk):
    disk.mount("size=8m")
    out = disk.folder / "out"
    shutil.copytree(whole, out)
    disk.remount("ro")
    before = disk.content()
    arguments = ("pde", run_file, "--out", out, "--overwrite")
    assert_refused(*arguments, ranks=2, words=("Read-only file system; choose another --out",))
    here("pde", run_file, "--out", out, "--resume")  # the stage is finished and writes nothing
    assert disk.content() == before
