"""Files that are whole or absent: written aside, fsynced, renamed; their hashes; and a lock for one process at a time.

Killed at random instants, files written this way were whole every time; files held open or reopened were not.
"""

import errno
import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from freqbias.errors import UsageError
from freqbias.runtime.logs import log

_REMEDIES = {
    errno.ENOSPC: "free some space and run again with --resume",
    errno.EDQUOT: "free some of your quota and run again with --resume",
    errno.EFBIG: "raise the limit on the size of files and run again with --resume",
    errno.ENOTDIR: "a file stands where a folder is needed; move it away or choose another --out",
    errno.EEXIST: "a file stands where a folder is needed; move it away or choose another --out",
}
OUT_OF_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def writable(path: Path, *, only: tuple[int, ...] = ()) -> Iterator[None]:
    """Turns an OSError inside into a UsageError that names the path and the remedy; with `only`, these errno alone."""
    try:
        yield
    except OSError as error:
        if only and error.errno not in only:
            raise
        where = error.filename or path
        remedy = _REMEDIES.get(error.errno or 0, "choose another --out, or make that place writable")
        raise UsageError(f"cannot write {where}: {error.strerror or error}; {remedy}") from error


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fsync_path(path: Path) -> None:
    """Sends a file's contents, or a folder's entries, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems cannot fsync a folder
            raise
    finally:
        os.close(descriptor)


def move_into_place(source: Path, target: Path) -> None:
    """Renames `source` to `target`, on the same file system, with both on the disk before it returns."""
    fsync_path(source)
    source.replace(target)
    fsync_path(target.parent)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yields a name beside `path` to write to; what is there at the end becomes `path`, whole or not at all.

    Raises UsageError where the folder cannot be written or the disk is full; `path` then is what it was.
    """
    aside = path.with_name(f".{os.getpid()}-{path.name}")
    with writable(path):
        aside.touch()
    try:
        with writable(path, only=OUT_OF_SPACE):
            yield aside
        with writable(path):
            move_into_place(aside, path)
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


class FileLock:
    """One process at a time: `flock` on a file that exists only while it is held. A dead process holds nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[str] | None = None

    def acquire(self) -> bool:
        """Takes the lock; False where another holder is alive. True if held already."""
        while self._file is None:
            file = self.path.open("a+", encoding="ascii")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                return False
            except OSError as error:
                if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP):
                    file.close()
                    raise
                log.warning("this file system has no locks: start no second process on %s", self.path.parent)
            if self._is_at_path(file):
                file.truncate(0)
                file.write(f"{os.getpid()}\n")
                file.flush()
                self._file = file
            else:  # its last holder removed it between our open and our lock
                file.close()
        return True

    def _is_at_path(self, file: IO[str]) -> bool:
        try:
            return os.path.samestat(os.fstat(file.fileno()), self.path.stat())
        except FileNotFoundError:
            return False

    def taken(self) -> bool:
        """Whether a living process holds it. Changes nothing, and needs no right to write."""
        with suppress(OSError), self.path.open(encoding="ascii") as file:  # there is none, or no locks at all
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def holder(self) -> str:
        """The process number its holder wrote down."""
        with suppress(OSError):
            return self.path.read_text("ascii").strip() or "?"
        return "?"

    def release(self) -> None:
        """Gives the lock back and removes its file; harmless if not held."""
        if self._file is not None:
            with suppress(OSError):
                self.path.unlink()
            self._file.close()
            self._file = None
