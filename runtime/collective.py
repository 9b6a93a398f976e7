"""Work for rank 0 alone, while the others sleep, or help where it asks them to."""

import pickle
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Literal, overload

from freqbias.runtime.communicator import SerialWorld, wait_asleep, world
from freqbias.runtime.launcher import size

_waiting: Any = None  # the communicator whose other ranks wait, while this one is at work for `on_root`


@cache
def _waiting_room() -> Any:
    """A communicator of `on_root`'s own, so that it never meets a caller's pending collectives."""
    return world().Dup()


@dataclass(frozen=True)
class _StandIn:
    """Name, message and exit code of an exception that does not survive being sent."""

    name: str
    text: str
    attributes: dict[str, Any]

    def exception(self) -> BaseException:
        return type(self.name, (RuntimeError,), self.attributes)(self.text)


def _sendable(error: BaseException) -> BaseException | _StandIn:
    with suppress(Exception):
        copy = pickle.loads(pickle.dumps(error))  # noqa: S301
        if type(copy) is type(error) and str(copy) == str(error):
            return error
    attributes = {"exit_code": error.exit_code} if hasattr(error, "exit_code") else {}
    return _StandIn(type(error).__name__, str(error), attributes)


@overload
def on_root[T](
    function: Callable[..., T], *args: Any, share: Literal[True] = True, comm: Any = None, **kwargs: Any
) -> T: ...
@overload
def on_root[T](
    function: Callable[..., T], *args: Any, share: Literal[False], comm: Any = None, **kwargs: Any
) -> T | None: ...
def on_root(function: Callable[..., Any], *args: Any, share: bool = True, comm: Any = None, **kwargs: Any) -> Any:
    """Calls `function` on rank 0 alone while the others sleep; collective over comm, or over all ranks without one.

    Returns the result on every rank, or with `share=False` (large results, or ones that cannot be sent) None on the
    others. What it raises is raised on every rank. Called again from inside `function`, it simply calls.
    """
    global _waiting  # noqa: PLW0603
    if _waiting is not None or (size() if comm is None else comm.size) == 1:
        return function(*args, **kwargs)
    comm = comm or _waiting_room()
    if comm.rank != 0:
        return _wait(comm)

    error, result, message = None, None, b""
    _waiting = comm
    try:
        result = function(*args, **kwargs)
        message = pickle.dumps((None, None, result if share else None))
    except BaseException as caught:
        if _waiting is None:  # the others do not listen: see `on_all`
            raise
        error = caught
        message = pickle.dumps((None, _sendable(caught), None))
    finally:
        _waiting = None
    _tell(comm, message)
    if error is not None:
        raise error
    return result


def on_all[T](function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Calls `function(*args, comm=..., **kwargs)` on every rank at once, from inside a function that `on_root` runs on
    rank 0, and returns what it returns there. Anywhere else, and with one rank, it simply calls, with a `SerialWorld`.

    The function, of a module's top level, and its arguments are sent to the ranks that sleep. What it raises on all
    ranks alike has an `exit_code`; anything else ends the job (`exit_code_of`). It must not call `on_root`.
    """
    global _waiting  # noqa: PLW0603
    if _waiting is None:
        return function(*args, comm=SerialWorld(), **kwargs)
    call = partial(function, *args, **kwargs)
    _tell(_waiting, pickle.dumps((call, None, None)))
    try:
        return call(comm=_waiting)
    except BaseException as failure:
        if not hasattr(failure, "exit_code"):
            _waiting = None  # the others may be in the middle of it, for ever
        raise


def _tell(comm: Any, message: bytes) -> None:
    wait_asleep(comm.Ibarrier())
    comm.bcast(message)


def _wait(comm: Any) -> Any:
    """What rank 0's function comes to; meanwhile this rank's part of what is asked of all."""
    while True:
        wait_asleep(comm.Ibarrier())
        call, error, result = pickle.loads(comm.bcast(None))  # noqa: S301  (from our own rank 0)
        if call is None:
            break
        try:
            call(comm=comm)
        except Exception as failure:
            if not hasattr(failure, "exit_code"):  # rank 0 may be in the middle of it, for ever
                raise
    if error is not None:
        raise error.exception() if isinstance(error, _StandIn) else error
    return result
