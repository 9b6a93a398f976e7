"""Atomic writes (temporary file, fsync, rename), SHA-256 of files, and a lock for one process at a time.

In tests with SIGKILL at random instants, files written in this way were always complete. Files that stayed open or were
reopened were sometimes incomplete.
"""

import errno
import fcntl
import hashlib
import os
import secrets
import shutil
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
    errno.ENOTDIR: "a file is in the place of a folder; move the file away or choose another --out",
    errno.EEXIST: "a file is in the place of a folder; move the file away or choose another --out",
    errno.EISDIR: "a folder is in the place of a file; move the folder away or choose another --out",
    errno.ELOOP: "move this link away or choose another --out",
    errno.EINVAL: "move it away or choose another --out",
}
# errors that the file itself causes
_OBSTACLES = (errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ELOOP, errno.EINVAL)
OUT_OF_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def writable(path: Path, *, only: tuple[int, ...] = ()) -> Iterator[None]:
    """Convert an OSError in the body to a UsageError with path and remedy. only: errno to convert; empty for all.

    Instead of a hidden file, whose name means nothing to the user, the message names its folder.
    """
    try:
        yield
    except OSError as error:
        if only and error.errno not in only:
            raise
        where = Path(error.filename2 or error.filename or path)
        if where.name.startswith(".") and error.errno not in _OBSTACLES:
            where = where.parent
        if error.errno in (errno.EEXIST, errno.ENOENT) and where.is_symlink() and not where.exists():
            raise UsageError(
                f"cannot write {where}: this link leads to nothing; move this link away or choose another --out"
            ) from error
        remedy = _REMEDIES.get(error.errno or 0, "choose another --out, or make the folder writable")
        raise UsageError(f"cannot write {where}: {error.strerror or error}; {remedy}") from error


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Convert an OSError in the body to a UsageError with the path and a remedy."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}; move this file away, or repair it") from error


def read_file(path: Path) -> bytes:
    """Return the content of a file. Raises OSError for anything else: a pipe or a device may never end."""
    require_file(path)
    return path.read_bytes()


def require_file(path: Path) -> None:
    """Raise OSError if `path` exists, but is not a file or a link to a file."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "not a file, but a folder, a pipe or a device", str(path))


def remove(path: Path) -> None:
    """Delete a file, a link, or a folder with its content, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def try_to_remove(path: Path) -> None:
    """Delete a leftover. Nothing is said if this fails, because the next command tries again."""
    with suppress(OSError):
        remove(path)  # `shutil.rmtree` would wait for ever for a pipe


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal. Raises OSError if it is not a file or cannot be read."""
    require_file(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fsync_path(path: Path) -> None:
    """Flush a file's contents, or a folder's entries, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems cannot fsync a folder
            raise
    finally:
        os.close(descriptor)


def move_into_place(source: Path, target: Path) -> None:
    """Rename `source` to `target` on the same file system. At return, contents and name have reached the disk."""
    fsync_path(source)
    source.replace(target)
    fsync_path(target.parent)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`, and rename the temporary file to `path` at the end.

    Raises UsageError if the folder cannot be written or the disk is full. `path` is then unchanged.
    """
    temporary = path.with_name(f".{_unique()}-{path.name}")
    with writable(path):
        temporary.touch()
    try:
        with writable(path, only=OUT_OF_SPACE):
            yield temporary
        with writable(path):
            move_into_place(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _unique() -> str:
    """Return a text that no other process has, also on another machine that shares the disk."""
    return f"{os.getpid()}-{secrets.token_hex(4)}"


def _open_no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


class FileLock:
    """A lock for one process at a time.

    It is an `flock` on a file that exists only while the lock is held. If the process dies, the system releases the
    lock.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[str] | None = None

    def acquire(self) -> bool:
        """Acquire the lock. Return False if another living process holds the lock, and True otherwise."""
        while self._file is None:
            require_file(self.path)
            file = open(self.path, "a+", encoding="ascii", opener=_open_no_link)  # noqa: SIM115
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                return False
            except OSError as error:
                if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP):
                    file.close()
                    raise
                log.warning(
                    "this file system has no locks: do not start a second process that writes to %s", self.path.parent
                )
            if self._is_at_path(file):
                file.truncate(0)
                file.write(f"{os.getpid()}\n")
                file.flush()
                self._file = file
            else:  # the last owner removed the file between our open and our lock
                file.close()
        return True

    def _is_at_path(self, file: IO[str]) -> bool:
        try:
            return os.path.samestat(os.fstat(file.fileno()), self.path.stat())
        except FileNotFoundError:
            return False

    def is_held(self) -> bool:
        """Whether a living process holds the lock. Writes nothing, so that a read-only folder works too."""
        with suppress(OSError):  # an OSError means that nobody holds the lock
            require_file(self.path)
            with self.path.open(encoding="ascii") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return True
        return False

    def owner(self) -> str:
        """The process number that the owner wrote into the file, or "?" if it is unknown."""
        with suppress(OSError):
            return self.path.read_text("ascii").strip() or "?"
        return "?"

    def release(self) -> None:
        """Release the lock and remove the lock file. If this object does not hold the lock, do nothing."""
        if self._file is not None:
            with suppress(OSError):
                self.path.unlink()
            self._file.close()
            self._file = None
