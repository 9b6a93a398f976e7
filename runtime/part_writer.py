"""Files of which every rank writes a part, in a thread beside the computation."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from freqbias.runtime.collective import agreed
from freqbias.runtime.files import OUT_OF_SPACE, writable

type Part = tuple[Path, int, Sequence[Any]]  # a file, the place in it [bytes], and buffers with what to write there


class PartWriter:
    """Writes parts of files in a folder, on all ranks. If a rank does not see the folder, rank 0 writes its parts.

    All methods are collective over comm, a communicator of mpi4py. Use it in a `with` block, whose end waits until the
    thread has finished.
    """

    def __init__(self, comm: Any, folder: Path, *, named: Path) -> None:
        """named: the folder that messages name in place of this one."""
        self._comm, self._named = comm, named
        self._shared = all(comm.allgather(folder.is_dir()))
        self._thread = ThreadPoolExecutor(1)
        self._pending: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()

    def write(self, parts: Callable[[], Sequence[Part]]) -> None:
        """Write the parts of this rank. Files that do not exist are created.

        parts: returns the parts. A thread calls it, so it must not communicate with other ranks, and nothing that it
        uses may change. Returns as soon as the thread works on these parts. Raises UsageError on all ranks, here or at
        the next call of `write` or `finish`, if the disk of one is full.
        """
        self.finish()
        if self._shared:
            self._pending = self._thread.submit(self._write, parts)
            return
        own = [(path, place, [bytes(each) for each in buffers]) for path, place, buffers in parts()]
        for rank in range(self._comm.size):  # one after another, so that rank 0 needs memory for one
            received = own if rank == 0 else self._moved(own, rank)
            agreed(self._comm, self._write, partial(tuple, received if self._comm.rank == 0 else ()))

    def finish(self) -> None:
        """Wait until all parts are written. Raises UsageError on all ranks if the disk of one is full."""
        agreed(self._comm, lambda: self._pending and self._pending.result())

    def _moved(self, parts: Sequence[Part], rank: int) -> Sequence[Part]:
        """Return the parts of another rank on rank 0, and nothing elsewhere."""
        if self._comm.rank == rank:
            self._comm.send(parts, 0)
        return self._comm.recv(source=rank) if self._comm.rank == 0 else []

    def _write(self, parts: Callable[[], Sequence[Part]]) -> None:
        for path, place, buffers in parts():
            with writable(self._named / path.name, only=OUT_OF_SPACE):
                try:
                    _write(path, place, buffers)
                except OSError as failure:
                    failure.filename = None  # a temporary path would mean nothing to the user
                    raise


def _write(path: Path, place: int, buffers: Sequence[Any]) -> None:
    # The mode without reading matters on NFS: it lets two machines write to one page of a file.
    with open(path, "wb", opener=_open_to_write) as file:
        file.seek(place)
        for buffer in buffers:
            file.write(buffer)


def _open_to_write(path: str, _: int) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
