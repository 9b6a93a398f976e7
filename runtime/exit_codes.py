"""The outermost function of a program: all ranks exit with the same code, and one message is printed.

An exception on one rank leaves the other ranks waiting in a collective call, and MPICH combines different exit codes
bitwise. So each rank reports its outcome to the others, through a communicator that is used for nothing else. If a
failed rank gets no answer, it aborts the job.
"""

import gc
import hashlib
import logging
import os
import signal
import struct
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from freqbias.errors import StoppedEarly, UsageError, shortened, shortened_line
from freqbias.libraries import explanation
from freqbias.runtime.communicator import sleep_until_complete, world
from freqbias.runtime.files import OUT_OF_SPACE
from freqbias.runtime.launcher import size
from freqbias.runtime.logs import FILE_ONLY, log
from freqbias.runtime.signal_watch import INTERRUPTED, main_ended

ABORT_TIMEOUT = 10.0
"""Seconds for which a failed rank waits for the other ranks before it aborts the job."""

_BROKEN_PIPE = 141  # 128 + SIGPIPE, as in a shell, for other programs too
_RECORD = struct.Struct("=i?32s")  # code, raised, digest of the message


@dataclass(frozen=True)
class _Outcome:
    """How `main` ended on this rank.

    error: the exception. Its frames own objects that all ranks must free together.
    """

    code: int
    error: BaseException | None = None
    message: str = ""

    @property
    def record(self) -> bytes:
        return _RECORD.pack(self.code, self.error is not None, hashlib.sha256(self.message.encode()).digest())


def exit_code_of(main: Callable[[], int | None]) -> int:
    """Run `main` on every rank and return the exit code, which is the largest code of all ranks. Collective.

    The code of a rank is the return value of `main`, where None means 0. After an exception the code is the exception's
    `exit_code`, or 1 if the exception has none. An exception is printed once, with the rank if the ranks failed
    differently. The traceback is printed too if the exception is unexpected or the log level is DEBUG.

    If the other ranks do not answer a failed rank within `ABORT_TIMEOUT` seconds, the job is aborted. mpirun then exits
    with the code of the failed rank. If mpirun first notices the other ranks that it killed, it exits with 9.
    """
    if size() == 1:
        outcome = _run(main)
        _report(outcome, "")
        if outcome.error is not None or "petsc4py.PETSc" in sys.modules:
            _free(outcome.error)
        return outcome.code
    try:
        comm = world().Dup()
    except Exception as error:
        _report(_outcome_of(error), "")
        return _outcome_of(error).code
    outcome = _run(main)
    return _agree(comm, outcome)


def _run(main: Callable[[], int | None]) -> _Outcome:
    try:
        code = main() or 0
        sys.stdout.flush()
        return _Outcome(code)
    except BaseException as error:
        return _outcome_of(error)
    finally:
        main_ended.set()


def _outcome_of(error: BaseException) -> _Outcome:
    if missing := explanation(error):
        missing.__cause__ = error
        error = missing
    match error:
        case SystemExit(code=None | 0):
            return _Outcome(0)
        case SystemExit(code=int(status)):
            return _Outcome(status, error)
        case SystemExit():
            return _Outcome(1, error, str(error.code))
        case KeyboardInterrupt():
            return _Outcome(INTERRUPTED, error, "interrupted")
        case BrokenPipeError():
            # The reader has closed the pipe (`| head`). Python must not fail again when it flushes stdout at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            return _Outcome(_BROKEN_PIPE, error)
        case OSError(errno=number, filename=None) if number in OUT_OF_SPACE:
            # stdout is full. Python must not fail again when it flushes stdout at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            full = UsageError(f"cannot write the output: {error.strerror}; free some space, or redirect the output")
            return _Outcome(UsageError.exit_code, full, str(full))
    code = getattr(error, "exit_code", None)
    if isinstance(code, int):
        return _Outcome(code, error, str(error) or type(error).__name__)
    return _Outcome(1, error, f"{type(error).__name__}: {error}")


def _report(outcome: _Outcome, where: str) -> None:
    """Print the message, if there is one. where: ` on rank k`, or empty."""
    if not outcome.message:
        return
    error = outcome.error
    expected = hasattr(error, "exit_code") or isinstance(error, KeyboardInterrupt | SystemExit)
    kind = "stopped early" if isinstance(error, StoppedEarly) else "error"
    text = shortened(f"{kind}{where}: {outcome.message}")
    if error is not None and (not expected or log.isEnabledFor(logging.DEBUG)):
        lines = "".join(traceback.format_exception(error)).splitlines()  # the last one repeats the message
        text = "\n".join([*map(shortened_line, lines), text])
    log.error("%s", text, extra=FILE_ONLY)
    with suppress(OSError):
        sys.stderr.write(f"{text}\n")  # one write: mpirun mixes the lines of different ranks
        sys.stderr.flush()


def _agree(comm: Any, outcome: _Outcome) -> int:
    gathered = bytearray(_RECORD.size * comm.size)
    request = comm.Iallgather(outcome.record, gathered)
    failed = outcome.error is not None
    try:
        answered = sleep_until_complete(request, ABORT_TIMEOUT if failed else None)
    except KeyboardInterrupt:
        answered = sleep_until_complete(request, ABORT_TIMEOUT)
    here = f" on rank {comm.rank}"
    if not answered:
        _report(outcome, here)
        _abort(comm, outcome.code or INTERRUPTED)

    records = list(_RECORD.iter_unpack(gathered))
    if records.index(records[comm.rank]) == comm.rank:
        _report(outcome, "" if len(set(records)) == 1 else here)
    code = max(record[0] for record in records)
    if len({raised for _, raised, _ in records}) > 1:
        _leak(outcome.error)
    else:
        _free(outcome.error)
    return code


def _free(error: BaseException | None) -> None:
    """Free the objects that the frames of `error` own. Collective. Freeing them after MPI has ended would crash."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error.__traceback__, error = None, error.__cause__ or error.__context__
    gc.collect()


def _leak(error: BaseException | None) -> None:
    """Never free the objects that the frames of `error` own.

    Freeing is collective, and the other ranks have freed their objects already. The process must still exit normally,
    because otherwise mpirun kills the other ranks. A normal exit waits for pending messages, which the failed rank may
    never receive. The alarm limits this wait.
    """
    import ctypes

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(error))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(int(ABORT_TIMEOUT) + 1)


def _abort(comm: Any, code: int) -> None:
    sys.stdout.flush()
    comm.Abort(code)
