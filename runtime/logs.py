"""What a command says while it works: the logger "freqbias", silent until `configure` is called.

Messages go to stderr, of rank 0 only and without time stamps, and with time stamps to the log file if one is asked for.
"""

import logging
import sys
from pathlib import Path

from freqbias.errors import UsageError
from freqbias.runtime.collective import on_root
from freqbias.runtime.launcher import rank

log = logging.getLogger("freqbias")
log.addHandler(logging.NullHandler())

FILE_ONLY = {"file_only": True}
"""`extra=FILE_ONLY` keeps a record off the terminal, where it is shown in another way."""


class _Terminal(logging.Handler):
    """Writes to whatever sys.stderr is at that moment, which a progress bar may have replaced."""

    def emit(self, record: logging.LogRecord) -> None:
        if getattr(record, "file_only", False):
            return
        try:
            sys.stderr.write(f"{self.format(record)}\n")  # in one piece, or mpirun mixes the ranks' lines
            sys.stderr.flush()
        except Exception:
            self.handleError(record)


class _Plain(logging.Formatter):
    """The bare message for INFO, `warning: message` and the like for the rest, `rank k: ...` on ranks other than 0."""

    def format(self, record: logging.LogRecord) -> str:
        message = super().format(record)
        if record.levelno != logging.INFO:
            message = f"{record.levelname.lower()}: {message}"
        return f"rank {rank()}: {message}" if rank() else message


def configure(*, verbosity: int = 0, quiet: bool = False, log_file: Path | None = None) -> None:
    """Lets the program speak; collective. Replaces what an earlier call has set.

    verbosity: 0 for INFO, 1 and more for DEBUG. quiet: only warnings on the terminal (the log file still gets all).
    log_file: appended to, by rank 0. Ranks other than 0 show errors only. Raises UsageError where it cannot be opened.
    """
    level = logging.DEBUG if verbosity > 0 else logging.INFO
    terminal = _Terminal(logging.ERROR if rank() else logging.WARNING if quiet else level)
    terminal.setFormatter(_Plain())
    handlers: list[logging.Handler] = [terminal]
    if log_file is not None:
        file_handler = on_root(_log_file, Path(log_file), level, share=False)
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
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write the log file {path}: {error.strerror}; choose another --log-file") from error
    handler.setLevel(level)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    return handler


def on_terminal() -> bool:
    """Whether somebody watches: configured, not quiet, rank 0, and stderr is a terminal."""
    shown = any(isinstance(handler, _Terminal) and handler.level <= logging.INFO for handler in log.handlers)
    return shown and rank() == 0 and sys.stderr.isatty()
