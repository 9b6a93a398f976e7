"""The logger "freqbias", which is silent until `configure` is called.

Rank 0 writes messages to stderr without time stamps. If there is a log file, rank 0 also writes them there with time
stamps.
"""

import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from freqbias.errors import UsageError, shortened
from freqbias.runtime.collective import on_root
from freqbias.runtime.launcher import rank

log = logging.getLogger("freqbias")
log.addHandler(logging.NullHandler())

FILE_ONLY = {"file_only": True}
"""`log.info(..., extra=FILE_ONLY)` writes a record to the log file only."""


class _StderrHandler(logging.Handler):
    """Writes to the current sys.stderr, which a progress bar may have replaced."""

    def emit(self, record: logging.LogRecord) -> None:
        if getattr(record, "file_only", False):
            return
        try:
            sys.stderr.write(f"{self.format(record)}\n")  # one write: mpirun mixes the lines of different ranks
            sys.stderr.flush()
        except Exception:
            self.handleError(record)


class _Formatter(logging.Formatter):
    """Shorten long messages, which may repeat what the user gave."""

    def format(self, record: logging.LogRecord) -> str:
        return shortened(super().format(record))


class _ConsoleFormatter(_Formatter):
    """Format as `message` at level INFO and `warning: message` at other levels. Ranks k > 0 put `rank k: ` first."""

    def format(self, record: logging.LogRecord) -> str:
        message = super().format(record)
        if record.levelno != logging.INFO:
            message = f"{record.levelname.lower()}: {message}"
        return f"rank {rank()}: {message}" if rank() else message


def log_findings(notes: Iterable[str], warnings: Iterable[str]) -> None:
    """Log what is known about the data of a run, before a stage starts."""
    for note in notes:
        log.info("data: %s", note)
    for warning in warnings:
        log.warning("%s", warning)


def configure(*, verbosity: int = 0, quiet: bool = False, log_file: Path | None = None) -> None:
    """Turn messages on, in place of an earlier configuration. Collective.

    verbosity: 0 for level INFO, 1 or more for DEBUG. quiet: whether the terminal shows only warnings and errors.
    log_file: the file to which rank 0 appends all messages, also with `quiet`. Ranks other than 0 print errors only.
    Raises UsageError if the log file cannot be opened.
    """
    level = logging.DEBUG if verbosity > 0 else logging.INFO
    terminal = _StderrHandler(logging.ERROR if rank() else logging.WARNING if quiet else level)
    terminal.setFormatter(_ConsoleFormatter())
    handlers: list[logging.Handler] = [terminal]
    if log_file is not None:
        file_handler = on_root(_log_file, Path(log_file), level, broadcast=False)
        if file_handler is not None:
            handlers.append(file_handler)
    for old in log.handlers[:]:
        log.removeHandler(old)
        old.close()
    for handler in handlers:
        log.addHandler(handler)
    log.setLevel(min(handler.level for handler in handlers))
    log.propagate = False


def _log_file(path: Path, level: int) -> logging.Handler:
    try:
        handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(f"cannot write the log file {path}: {error.strerror}; choose another --log-file") from error
    handler.setLevel(level)
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(message)s"))
    return handler


@contextmanager
def logged_to(path: Path, name: str) -> Iterator[None]:
    """Append all messages to a file, each with a time stamp and `name`, and print none on the terminal.

    Several processes may write to the same file. Raises UsageError if it cannot be opened.
    """
    handlers = log.handlers[:]
    file_handler = _log_file(path, logging.INFO)
    file_handler.setFormatter(_Formatter(f"%(asctime)s {name.replace('%', '%%')} %(levelname)s %(message)s"))
    level = log.level
    log.handlers[:] = [file_handler]
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.handlers[:] = handlers
        log.setLevel(level)
        file_handler.close()


def on_terminal() -> bool:
    """Whether this is rank 0, stderr is a terminal, and messages of level INFO are printed there."""
    shown = any(isinstance(handler, _StderrHandler) and handler.level <= logging.INFO for handler in log.handlers)
    return shown and rank() == 0 and sys.stderr.isatty()
