"""Requests to stop at a safe point.

SIGTERM, Ctrl-C, Slurm's warning SIGUSR1 and the end of the wall time set a flag. The work polls this flag.
"""

import math
import os
import re
import signal
import sys
import threading
import time
from types import FrameType, TracebackType
from typing import Any, Self

from freqbias.errors import StoppedEarly, UsageError
from freqbias.runtime import signal_watch
from freqbias.runtime.launcher import rank

RESUME_COMMAND = "the same command with --resume"
_NUMBER = r"(\d+(?:\.\d+)?)"
_UNITS = re.compile(rf"(?:{_NUMBER}d)?(?:{_NUMBER}h)?(?:{_NUMBER}m)?(?:{_NUMBER}s)?")
_CLOCK = re.compile(r"(?:(\d+)-)?(\d+):([0-5]\d):([0-5]\d)")


def parse_walltime(text: str) -> float:
    """Return the seconds in `90s`, `15m`, `1h30m`, `01:30:00`, `1-12:00:00` (with days) or `3600`.

    Raises UsageError for anything else.
    """
    given = text.strip().lower()
    if re.fullmatch(_NUMBER, given):
        given += "s"
    match = _CLOCK.fullmatch(given) or _UNITS.fullmatch(given)
    amounts = [float(group or 0) for group in match.groups()] if match else []
    seconds = sum(amount * unit for amount, unit in zip(amounts, (86400, 3600, 60, 1), strict=False))
    if not 0 < seconds < math.inf:
        raise UsageError(
            f"wall time {text!r} is not a positive time: write for example 90s, 15m, 1h30m, 01:30:00 or 3600"
        )
    return seconds


class StopRequest:
    """A request to stop at the next safe point.

    As a context manager, this class installs signal handlers and restores the old handlers at the end. A second Ctrl-C
    interrupts the work at once. When PETSc starts, it installs other handlers, which abort; call `install` again then.

    max_walltime: the seconds from construction until the request. resume_command: how to continue, for the message.
    """

    def __init__(self, max_walltime: float | None = None, *, resume_command: str = RESUME_COMMAND) -> None:
        self.max_walltime, self._resume_command = max_walltime, resume_command
        self._started = time.monotonic()
        self._reason = signal_watch.take_early_reason()
        self._interrupted = signal.SIGINT.name in self._reason
        self._old: dict[signal.Signals, Any] = {}

    def install(self) -> None:
        """Install or reinstall the signal handlers.

        Python allows this in the main thread only. In other threads this method does nothing, and only the end of the
        wall time makes a request.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        for number in signal_watch.SIGNALS:
            old = signal.signal(number, self._handle)
            self._old.setdefault(number, signal.SIG_DFL if old is None else old)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # Python's default, because the reader of our output may quit

    def __enter__(self) -> Self:
        self.install()
        self._reason = self._reason or signal_watch.take_early_reason()  # since the constructor
        signal_watch.resume_command = self._resume_command
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, old in self._old.items():
            signal.signal(number, old)
        self._old.clear()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            if self._interrupted:
                raise KeyboardInterrupt
            self._interrupted = True
            if rank() == 0 and sys.stderr.isatty():
                os.write(2, b"\nstopping at the next safe point; press Ctrl-C again to stop at once\n")
        self._reason = self._reason or f"received {signal.Signals(number).name}"

    def requested(self, comm: Any = None) -> bool:
        """Whether a signal or the end of the wall time has requested a stop.

        With `comm` this method is collective, and asks whether a stop was requested on any rank of `comm`.
        """
        if not self._reason and self.max_walltime is not None and time.monotonic() - self._started >= self.max_walltime:
            self._reason = f"the wall time of {self.max_walltime:g} s is used up"
        reason = self._reason
        if comm is not None and comm.size > 1:
            # A signal may arrive during this call. It counts at the next call, so that all ranks agree.
            reason = next((each for each in comm.allgather(reason) if each), "")
            self._reason = self._reason or reason
        return bool(reason)

    def check(self, comm: Any = None) -> None:
        """Raise StoppedEarly if `requested(comm)`."""
        if self.requested(comm):
            raise StoppedEarly(f"{self._reason}; to continue, run {self._resume_command}")
