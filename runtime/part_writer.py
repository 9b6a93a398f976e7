"""Files of which every rank writes a part."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from freqbias.runtime.collective import agreed
from freqbias.runtime.files import OUT_OF_SPACE, writable

type Part = tuple[Path, int, Sequence[Any]]  # a file, the place in it [bytes], and buffers with what to write there


class PartWriter:
    """Writes parts of files in a folder, on all ranks. If a rank does not see the folder, rank 0 writes its parts.

    All methods are collective over comm, a communicator of mpi4py.
    """

    def __init__(self, comm: Any, folder: Path, *, named: Path) -> None:
        """named: the path that messages name in place of those in the folder."""
        self._comm, self._named = comm, named
        self._shared = all(comm.allgather(folder.is_dir()))

    def write(self, *parts: Part) -> None:
        """Write the parts of this rank. Files that do not exist are created.

        Raises UsageError on all ranks if the disk of one is full.
        """
        if self._shared:
            agreed(self._comm, self._write, parts)
            return
        for rank in range(self._comm.size):  # one after another, so that rank 0 needs memory for one
            if rank != 0 and self._comm.rank == rank:
                self._comm.send([(path, place, [bytes(each) for each in buffers]) for path, place, buffers in parts], 0)
            elif self._comm.rank == 0 and rank != 0:
                parts = self._comm.recv(source=rank)
            agreed(self._comm, self._write, parts if self._comm.rank == 0 else ())

    def _write(self, parts: Sequence[Part]) -> None:
        for path, place, buffers in parts:
            # The mode without reading matters on NFS: it lets two machines write to one page of a file.
            with writable(self._named, only=OUT_OF_SPACE), open(path, "wb", opener=_open_to_write) as file:
                file.seek(place)
                for buffer in buffers:
                    file.write(buffer)


def _open_to_write(path: str, _: int) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
