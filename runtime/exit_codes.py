"""The top of a program: every ending becomes one exit code that all ranks agree on, and one message.

An exception on one rank leaves the others waiting in a collective, and MPICH combines different exit codes bitwise. So
every rank, however it ended, tells the others through a communicator kept for that, and a rank that has failed while
the others do not answer ends the job.
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

from freqbias.errors import StoppedEarly, UsageError
from freqbias.libraries import explanation
from freqbias.runtime.communicator import wait_asleep, world
from freqbias.runtime.files import OUT_OF_SPACE
from freqbias.runtime.launcher import size
from freqbias.runtime.logs import FILE_ONLY, log

PATIENCE = 10.0
"""Seconds a failed rank waits for the others to fail too, before it ends the job."""

_INTERRUPTED = 130  # 128 + SIGINT, as shells have it
_RECORD = struct.Struct("=i?32s")  # code, raised, digest of the message


@dataclass(frozen=True)
class _Ending:
    """How `main` ended on this rank. The exception is kept: its frames own what all ranks must free together."""

    code: int
    error: BaseException | None = None
    message: str = ""

    @property
    def record(self) -> bytes:
        return _RECORD.pack(self.code, self.error is not None, hashlib.sha256(self.message.encode()).digest())


def exit_code_of(main: Callable[[], int | None]) -> int:
    """Runs `main` and returns the exit code: its own (None is 0), an exception's `exit_code`, 1 for an unexpected one.

    Collective. What was raised is printed once, with the rank where the ranks did not all fail alike, and with the
    traceback where it was unexpected or the level is DEBUG. With several ranks the largest code counts; where one rank
    failed and others do not answer within `PATIENCE` seconds, the job is aborted, and mpirun leaves with that code or
    with the 9 of the ranks that it killed.
    """
    if size() == 1:
        ending = _run(main)
        _report(ending, "")
        _free(ending.error)
        return ending.code
    try:
        comm = world().Dup()
    except Exception as error:
        _report(_ending(error), "")
        return _ending(error).code
    ending = _run(main)
    return _agree(comm, ending)


def _run(main: Callable[[], int | None]) -> _Ending:
    try:
        code = main() or 0
        sys.stdout.flush()
        return _Ending(code)
    except BaseException as error:
        return _ending(error)


def _ending(error: BaseException) -> _Ending:
    if missing := explanation(error):
        missing.__cause__ = error
        error = missing
    match error:
        case SystemExit(code=None | 0):
            return _Ending(0)
        case SystemExit(code=int(status)):
            return _Ending(status, error)
        case SystemExit():
            return _Ending(1, error, str(error.code))
        case KeyboardInterrupt():
            return _Ending(_INTERRUPTED, error, "interrupted")
        case BrokenPipeError():
            # The reader has gone (`| head`); what is still buffered must not raise again when Python closes stdout.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            return _Ending(1, error)
        case OSError(errno=number, filename=None) if number in OUT_OF_SPACE:
            # What was printed; Python would try again when it closes stdout.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            refused = UsageError(f"cannot write the output: {error.strerror}; free some space, or send it elsewhere")
            return _Ending(UsageError.exit_code, refused, str(refused))
    code = getattr(error, "exit_code", None)
    if isinstance(code, int):
        return _Ending(code, error, str(error) or type(error).__name__)
    return _Ending(1, error, f"{type(error).__name__}: {error}")


def _report(ending: _Ending, where: str) -> None:
    """Prints the message, if there is one; `where` is ` on rank k` or empty."""
    if not ending.message:
        return
    error = ending.error
    expected = hasattr(error, "exit_code") or isinstance(error, KeyboardInterrupt | SystemExit)
    text = f"{'stopped early' if isinstance(error, StoppedEarly) else 'error'}{where}: {ending.message}"
    if error is not None and (not expected or log.isEnabledFor(logging.DEBUG)):
        text = "".join(traceback.format_exception(error)) + text
    log.error("%s", text, extra=FILE_ONLY)
    with suppress(OSError):
        sys.stderr.write(f"{text}\n")  # in one piece, or mpirun mixes the ranks' lines
        sys.stderr.flush()


def _agree(comm: Any, ending: _Ending) -> int:
    gathered = bytearray(_RECORD.size * comm.size)
    request = comm.Iallgather(ending.record, gathered)
    failed = ending.error is not None
    try:
        answered = wait_asleep(request, PATIENCE if failed else None)
    except KeyboardInterrupt:
        answered = wait_asleep(request, PATIENCE)
    here = f" on rank {comm.rank}"
    if not answered:
        _report(ending, here)
        _abort(comm, ending.code or _INTERRUPTED)

    records = list(_RECORD.iter_unpack(gathered))
    if records.index(records[comm.rank]) == comm.rank:
        _report(ending, "" if len(set(records)) == 1 else here)
    code = max(record[0] for record in records)
    if len({raised for _, raised, _ in records}) > 1:
        _keep(ending.error)
    else:
        _free(ending.error)
    return code


def _free(error: BaseException | None) -> None:
    """Frees what the frames of `error` own while MPI still runs: at the exit it would crash. All ranks together."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error.__traceback__, error = None, error.__cause__ or error.__context__
    gc.collect()


def _keep(error: BaseException | None) -> None:
    """Never frees what the frames of `error` own: all ranks would have to do that together, and some have done it.

    The process must still leave by its usual exit, with its goodbye to mpirun, or mpirun kills the others. That exit
    waits for messages under way, which the failed rank may never take: hence the alarm.
    """
    import ctypes

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(error))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(int(PATIENCE) + 1)


def _abort(comm: Any, code: int) -> None:
    sys.stdout.flush()
    comm.Abort(code)
