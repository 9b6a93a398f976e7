"""Signals that reach a program before the work can poll them, or during a library call of minutes.

Python runs signal handlers in the main thread, between two of its instructions. So a call into a library delays them.
A second thread learns of each signal at once, through `signal.set_wakeup_fd`. It ends the process if the main thread
does not end in time. Nothing is lost but the work since the last checkpoint, because every file is written aside and
renamed (`freqbias.runtime.files`). The second thread can only run if the library releases Python's global lock. The
libraries for arrays, networks and transforms do so, and `freqbias.pde.linear_algebra` does so for PETSc.
"""

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn

from freqbias.errors import StoppedEarly
from freqbias.runtime.launcher import rank

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
GRACE = 8.0  # seconds from SIGTERM to the end of the process
INTERRUPT_GRACE = 1.0  # seconds from the second Ctrl-C
MESSAGE_TIME = 1.0  # seconds: mpirun kills rank 0 when another rank ends, so rank 0 prints the message first
INTERRUPTED = 130  # exit code: 128 + SIGINT, as in a shell
_NO_PETSC_HANDLER = "-no_signal_handler"  # PETSc's handlers abort, and PETSc installs them when it starts
_SHOW_CURSOR = b"\x1b[?25h"  # a progress bar hides it

early_reason = ""
"""Why the program should stop, if a signal came before the first StopRequest. The StopRequest takes it over."""

resume_command = ""
"""How to continue, for the message. The StopRequest sets it."""

main_ended = threading.Event()
"""Set when the main thread knows how the program ends. The process then ends without help."""

_watching = False


def watch_signals() -> None:
    """Record stop signals from now on, and end the process in time if the main thread does not. Call it only once.

    Only a program calls this, because the handlers and the thread remain until the process ends.
    """
    global _watching  # noqa: PLW0603
    if _watching:
        return
    _watching = True
    for number in SIGNALS:
        signal.signal(number, _record)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=_end_in_time, args=(reading,), daemon=True, name="signals").start()
    options = os.environ.get("PETSC_OPTIONS", "")
    if _NO_PETSC_HANDLER not in options:
        os.environ["PETSC_OPTIONS"] = f"{options} {_NO_PETSC_HANDLER}".strip()
    sys.unraisablehook = _unraisable


def take_early_reason() -> str:
    """Return `early_reason` and forget it."""
    global early_reason
    reason, early_reason = early_reason, ""
    return reason


def _record(number: int, frame: FrameType | None) -> None:
    global early_reason  # noqa: PLW0603
    if number == signal.SIGINT and early_reason:
        raise KeyboardInterrupt
    early_reason = early_reason or f"received {signal.Signals(number).name}"


def _end_in_time(pipe: int) -> None:
    """End the process some time after SIGTERM or after the second Ctrl-C. SIGUSR1 warns long before the end."""
    interrupts = 0
    while received := os.read(pipe, 1):
        number = received[0]
        interrupts += number == signal.SIGINT
        if number == signal.SIGTERM and not main_ended.wait(GRACE):
            how = f"to continue, run {resume_command or 'the same command'}"
            _end(f"stopped early: received SIGTERM during a long step; {how}", StoppedEarly.exit_code)
        if interrupts > 1 and not main_ended.wait(INTERRUPT_GRACE):
            _end("error: interrupted", INTERRUPTED)


def _end(message: str, code: int) -> NoReturn:
    if rank() == 0:
        with suppress(OSError):
            os.write(2, (_SHOW_CURSOR if os.isatty(2) else b"") + message.encode() + b"\n")
    else:
        time.sleep(MESSAGE_TIME)
    os._exit(code)


def _unraisable(unraisable: Any) -> None:
    """Log an exception in a destructor or a callback of a library, where Python cannot raise it.

    Such an exception is a second Ctrl-C, after which the thread ends the process, or a fault of a library, such as the
    destructor of a file that could not be opened. It is only of interest with --verbose.
    """
    from freqbias.runtime.logs import log  # not needed at the start, which should be quick

    log.debug("ignored in %r: %r", unraisable.object, unraisable.exc_value)
