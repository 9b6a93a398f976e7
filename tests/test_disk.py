"""Full and read-only disks: existing results remain, and with free space --resume gives the same result.

The disk is a small file system in memory, which only root can mount.
"""

import re
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
    ("stage", "kilobytes", "writing", "stored", "ranks", "fresh"),
    [("pde", 20, "spectrum.nc", 0, 1, True), ("pde", 28, "spectrum.nc", 0, 2, False),
     ("pde", 160, "", 5, 1, True), ("pde", 216, "", 5, 2, False),
     ("nn", 116, "parts/", 5, 1, False)],
)  # fmt: skip
def test_resume_after_full_disk(stage, kilobytes, writing, stored, ranks, fresh, run_file, whole, disk):
    """writing: the file that does not fit; chance decides between the checkpoints and the files of a thread."""
    disk.mount(f"size={kilobytes}k")
    out = disk.folder / "out"
    words = ("No space left on device; free some", f"{out / stage}.partial/{writing}")
    assert_refused(stage, run_file, "--out", out, ranks=ranks, words=words, fresh=fresh)
    assert not (out / stage).exists(), "no incomplete result is visible"
    assert {path.name for path in out.iterdir()} == {"run.toml", f"{stage}.partial"}, "neither lock nor leftover"
    assert len(list((out / f"{stage}.partial").glob("parts/*"))) >= stored
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


PARTS = """
import sys
from pathlib import Path
from mpi4py import MPI
from freqbias.errors import UsageError
from freqbias.runtime import PartWriter

comm, folder, messages = MPI.COMM_WORLD, Path(sys.argv[1]), []
large = [b"1" * 50_000] * 10 if comm.rank == comm.size - 1 else [b"2"]
for name in ("shared", "unseen"):
    seen = folder if name == "shared" or comm.rank == 0 else folder / "elsewhere"
    with PartWriter(comm, seen, named=Path("the name")) as writer:
        writer.write(lambda: [(folder / f"{name}", 3 * comm.rank, [b"a", b"bc"])])
        try:
            writer.write(lambda: [(folder / f"{name}{comm.rank}", 0, large)])
            writer.finish()
        except UsageError as error:
            messages.append(str(error))
        comm.Barrier()
        if comm.rank == comm.size - 1:
            (folder / f"{name}{comm.rank}").unlink()
        comm.Barrier()
if comm.size == 1:
    with PartWriter(comm, folder, named=Path("the name")) as writer:
        writer.write(lambda: [(folder / "first", 0, large)])
        try:
            writer.write(lambda: (folder / "first").unlink() or [])  # the failure of the first is not lost
            writer.finish()
            raise AssertionError("no error")
        except UsageError:
            (folder / "first").unlink()
together = comm.gather(messages)
if comm.rank == 0:
    print(*(message for each in together for message in each), sep="\\n")
"""


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_parts_of_files(ranks, disk):
    """Every rank learns that the disk of one is full, also if rank 0 writes for the others."""
    disk.mount("size=300k")
    done = launch.run_together(PARTS, disk.folder, ranks=ranks)
    lines = done.stdout.splitlines()
    message = r"cannot write the name/{}\d: No space left on device; free some space and run again with --resume"
    expected = [message.format(name) for name in ("shared", "unseen")] * ranks
    assert len(lines) == len(expected), done.stderr
    assert all(re.fullmatch(pattern, line) for pattern, line in zip(expected, lines, strict=True)), lines
    for name in ("shared", "unseen"):
        assert (disk.folder / name).read_bytes() == b"abc" * ranks
