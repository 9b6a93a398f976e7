"""Work on rank 0 while the other ranks sleep, and work that rank 0 gives to all ranks."""

import pickle
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, overload

from freqbias.runtime.communicator import SerialWorld, sleep_until_complete, world
from freqbias.runtime.launcher import size

_active_comm: Any = None
"""On rank 0 within `on_root`: the communicator on which the other ranks wait for messages. Otherwise None."""


_private: tuple[Any, Any] | None = None
"""The communicator of all processes, or of a group, and its copy."""


def _private_communicator() -> Any:
    """Return a communicator for `on_root` alone, so that pending collectives of the caller cannot interfere."""
    global _private  # noqa: PLW0603
    everyone = world()
    if _private is None or _private[0] is not everyone:
        _private = everyone, everyone.Dup()
    return _private[1]


@dataclass(frozen=True)
class _ExceptionSummary:
    """Name, message and exit code of an exception that pickle cannot rebuild."""

    name: str
    text: str
    attributes: dict[str, Any]

    def exception(self) -> BaseException:
        return type(self.name, (RuntimeError,), self.attributes)(self.text)


def _sendable(error: BaseException) -> BaseException | _ExceptionSummary:
    with suppress(Exception):
        copy = pickle.loads(pickle.dumps(error))  # noqa: S301
        if type(copy) is type(error) and str(copy) == str(error):
            return error
    attributes = {"exit_code": error.exit_code} if hasattr(error, "exit_code") else {}
    return _ExceptionSummary(type(error).__name__, str(error), attributes)


@overload
def on_root[T](
    function: Callable[..., T], *args: Any, broadcast: Literal[True] = True, comm: Any = None, **kwargs: Any
) -> T: ...
@overload
def on_root[T](
    function: Callable[..., T], *args: Any, broadcast: Literal[False], comm: Any = None, **kwargs: Any
) -> T | None: ...
def on_root(function: Callable[..., Any], *args: Any, broadcast: bool = True, comm: Any = None, **kwargs: Any) -> Any:
    """Call `function` on rank 0 while the other ranks sleep. Collective over `comm`, by default over all ranks.

    Every rank returns the result. With `broadcast=False`, only rank 0 returns the result, and the other ranks return
    None; use this for results that are large or cannot be pickled. An exception on rank 0 is raised on every rank. If
    `function` itself calls `on_root`, that call runs directly.
    """
    global _active_comm  # noqa: PLW0603
    if _active_comm is not None or (size() if comm is None else comm.size) == 1:
        return function(*args, **kwargs)
    comm = comm or _private_communicator()
    if comm.rank != 0:
        return _serve(comm)

    error, result, message = None, None, b""
    _active_comm = comm
    try:
        result = function(*args, **kwargs)
        message = pickle.dumps((None, None, result if broadcast else None))
    except BaseException as caught:
        if _active_comm is None:  # `on_all` failed on rank 0 only, so the other ranks no longer listen
            raise
        error = caught
        message = pickle.dumps((None, _sendable(caught), None))
    finally:
        _active_comm = None
    _send(comm, message)
    if error is not None:
        raise error
    return result


def on_all[T](function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Call `function(*args, comm=..., **kwargs)` on every rank, from within a function that `on_root` runs on rank 0.

    Returns rank 0's result. With one rank, or outside `on_root`, `function` runs only on the calling rank, and `comm`
    is a `SerialWorld`.

    function: must be defined at the top level of a module, because it is pickled with its arguments, and must not call
    `on_root`. If all ranks raise an exception with an `exit_code`, the job continues. Any other exception ends the job
    (`exit_code_of`).
    """
    global _active_comm  # noqa: PLW0603
    if _active_comm is None:
        return function(*args, comm=SerialWorld(), **kwargs)
    call = partial(function, *args, **kwargs)
    _send(_active_comm, pickle.dumps((call, None, None)))
    try:
        return call(comm=_active_comm)
    except BaseException as failure:
        if not hasattr(failure, "exit_code"):
            _active_comm = None  # the other ranks may wait forever inside `function`
        raise


def agreed[T](comm: Any, function: Callable[..., T], *args: Any) -> T:
    """Call `function` on every rank and return its result there. Collective over `comm`.

    If it raises an exception with an `exit_code` on some ranks, every rank raises the one of the first of these ranks.
    Any other exception ends the job (`exit_code_of`).
    """
    result, failure = None, None
    try:
        result = function(*args)
    except Exception as caught:
        if not hasattr(caught, "exit_code"):
            raise
        failure = _sendable(caught)
    first = next((each for each in comm.allgather(failure) if each is not None), None)
    if first is not None:
        raise first.exception() if isinstance(first, _ExceptionSummary) else first
    return result  # type: ignore[return-value]


def _send(comm: Any, message: bytes) -> None:
    sleep_until_complete(comm.Ibarrier())
    comm.bcast(message)


def _serve(comm: Any) -> Any:
    """Run the calls that `on_all` sends. When rank 0 has finished, return its result or raise its exception."""
    while True:
        sleep_until_complete(comm.Ibarrier())
        call, error, result = pickle.loads(comm.bcast(None))  # noqa: S301  (from our own rank 0)
        if call is None:
            break
        try:
            call(comm=comm)
        except Exception as failure:
            if not hasattr(failure, "exit_code"):  # rank 0 may wait forever inside the function
                raise
    if error is not None:
        raise error.exception() if isinstance(error, _ExceptionSummary) else error
    return result
