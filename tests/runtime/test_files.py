"""Atomic writes, hashes and locks."""

import hashlib
import os
import resource
from contextlib import contextmanager
from pathlib import Path

import pytest

from freqbias.errors import UsageError
from freqbias.runtime import atomic_write, sha256_of
from freqbias.runtime.files import FileLock


@contextmanager
def file_size_limit(size):
    """The kernel refuses to let a file grow beyond `size` bytes, as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_sha256_of_a_file(tmp_path):
    content = os.urandom(300_000)
    (tmp_path / "file").write_bytes(content)
    assert sha256_of(tmp_path / "file") == hashlib.sha256(content).hexdigest()


def test_atomic_write_leaves_one_file(tmp_path):
    target = tmp_path / "a.nc"
    with atomic_write(target) as aside:
        aside.write_text("new")
        assert aside.parent == tmp_path and aside.suffix == ".nc"
        assert not target.exists()
    assert target.read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["a.nc"]


def test_order_of_fsync_and_rename(tmp_path, monkeypatch):
    done = []
    fsync, replace = os.fsync, os.replace

    def recorded_fsync(descriptor):
        done.append(("fsync", Path(f"/proc/self/fd/{descriptor}").readlink().name))
        fsync(descriptor)

    def recorded_replace(source, target):
        done.append(("replace", Path(target).name))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(os, "replace", recorded_replace)
    with atomic_write(tmp_path / "a") as aside:
        aside.write_text("new")
    assert done == [("fsync", aside.name), ("replace", "a"), ("fsync", tmp_path.name)]


def test_exception_keeps_the_old_file(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_write(target) as aside:
        aside.write_text("half")
        1 / 0  # noqa: B018
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_full_disk_keeps_the_old_file(tmp_path):
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    with (
        file_size_limit(1000),
        pytest.raises(UsageError, match=r"cannot write .*a\.bin.*--resume"),
        atomic_write(target) as aside,
    ):
        aside.write_bytes(bytes(5000))
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


def test_other_errors_pass_unchanged(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "a"):
        (tmp_path / "input").read_bytes()


def test_missing_folder_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match=r"missing: No such file"), atomic_write(tmp_path / "missing" / "a"):
        pytest.fail("the body must not start")


def test_lock_has_one_owner(tmp_path):
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert first.acquire() and first.acquire()
    assert not second.acquire()
    assert second.owner() == str(os.getpid())
    second.release()
    assert (tmp_path / "lock").exists()
    first.release()
    assert not list(tmp_path.iterdir())
    assert second.acquire()
    second.release()


def test_lock_file_removed_while_waiting(tmp_path, monkeypatch):
    path = tmp_path / "lock"
    holder, late, third = FileLock(path), FileLock(path), FileLock(path)
    assert holder.acquire()
    import fcntl

    real = fcntl.flock

    def flock(file, how):
        holder.release()  # between the open and the lock of `late`
        real(file, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    assert late.acquire()
    monkeypatch.undo()
    assert not third.acquire()
    late.release()
