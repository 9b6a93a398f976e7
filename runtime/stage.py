"""A stage of a result during the computation: the checkpoints, the files, and the completion of the stage."""

import json
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from freqbias.errors import NotFiniteError, UsageError
from freqbias.runtime.checkpoint_file import DamagedCheckpointError, pack, unpack
from freqbias.runtime.files import OUT_OF_SPACE, FileLock, atomic_write, move_into_place, read_file, remove, writable
from freqbias.runtime.logs import log
from freqbias.runtime.manifest import CHECKPOINTS, MANIFEST, TEMPORARY, UNFINISHED, build_manifest, publish, write_json

if TYPE_CHECKING:
    import numpy as np

_CHECKPOINT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Stage:
    """One stage of a result, as `Store.open` returns it. Use it on rank 0 only.

    finished: whether the result is complete. If so, nothing can be written.
    resumed: whether checkpoints of an earlier run may exist.
    folder: the partial folder until `finish`, then the final folder. Only write files directly to this folder if their
    loss does not matter. `close`, or the end of the `with` block, releases the lock.
    """

    def __init__(
        self, name: str, folder: Path, *, keys: Mapping[str, Any], finished: bool, resumed: bool, lock: FileLock
    ) -> None:
        self.name, self.folder, self.finished, self.resumed = name, folder, finished, resumed
        self._keys = keys
        self._lock = lock
        self._verified: set[str] = set()
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the lock. The checkpoints remain for `--resume`."""
        self._lock.release()

    def _checkpoint_path(self, name: str) -> Path:
        if not _CHECKPOINT_NAME.fullmatch(name):
            raise ValueError(f"{name!r} cannot be the name of a checkpoint: use letters, digits, '.', '_' and '-'")
        return self.folder / CHECKPOINTS / f"{name}.safetensors"

    def _must_be_open(self) -> None:
        if self.finished:
            raise RuntimeError(f"stage {self.name} is finished")

    def save_checkpoint(self, name: str, arrays: "Mapping[str, np.ndarray]", **meta: Any) -> None:
        """Save numeric arrays and JSON values as the checkpoint `name`, atomically.

        An earlier checkpoint with this name is replaced.
        Raises NotFiniteError if an array contains NaN or infinity, and UsageError if the disk is full or read-only.
        After an exception the earlier checkpoint remains.
        """
        self._must_be_open()
        path = self._checkpoint_path(name)
        _check_finite(name, arrays)
        packed = pack(arrays, meta, name=f"{self.name}/{name}")
        with writable(path):
            path.parent.mkdir(exist_ok=True)
            with atomic_write(path) as temporary:
                temporary.write_bytes(packed)
        self._verified.add(name)

    def load_checkpoint(self, name: str) -> "tuple[dict[str, np.ndarray], dict[str, Any]]":
        """Return the arrays and JSON values of a checkpoint. Raises UsageError if it is missing or damaged."""
        path = self._checkpoint_path(name)
        try:
            return self._unpack(path)
        except FileNotFoundError:
            raise UsageError(f"{path} does not exist; start again with --overwrite") from None
        except (DamagedCheckpointError, OSError) as damage:
            raise UsageError(
                f"{path} is damaged: {damage}; run again with --resume to continue without this checkpoint"
            ) from None

    def _unpack(self, path: Path) -> "tuple[dict[str, np.ndarray], dict[str, Any]]":
        return unpack(read_file(path), name=f"{self.name}/{path.stem}")

    def checkpoints(self) -> list[str]:
        """Delete damaged checkpoints with one warning, and return the names of the others, sorted as text."""
        damaged: dict[Path, str] = {}
        for path in sorted(self.folder.glob(f"{CHECKPOINTS}/*.safetensors")):
            if path.stem in self._verified:
                continue
            try:
                self._unpack(path)
                self._verified.add(path.stem)
            except (DamagedCheckpointError, OSError) as damage:  # an OSError: not a file, or the disk is damaged
                damaged[path] = (damage.strerror if isinstance(damage, OSError) else None) or str(damage)
        if damaged:
            first, reason = next(iter(damaged.items()))
            others = f", and so are {len(damaged) - 1} more" if len(damaged) > 1 else ""
            log.warning("%s is damaged (%s)%s: continuing without these checkpoints", first, reason, others)
        for path in damaged:
            remove(path)
        return sorted(self._verified)

    def allow_changes(self, *names: str) -> None:
        """Allow the run file to have other values of these keys (such as "training.step") at the next `--resume`."""
        self._must_be_open()
        path = self.folder / UNFINISHED
        write_json(path, json.loads(path.read_text("utf-8")) | {"may_change": names})

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """Yield a temporary path that ends in `name`, such as `spectrum.nc` or `figures/loss.png`.

        At the end this file and all files that were written beside it move into the stage's folder; an example is the
        `.vtu` of a `.pvd`. The file `name` is the last that moves. After an exception no file moves.
        """
        self._must_be_open()
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise ValueError(f"{name!r} must be a path inside the stage's folder")
        with writable(self.folder):
            (self.folder / TEMPORARY).mkdir(exist_ok=True)
            temporary = Path(tempfile.mkdtemp(dir=self.folder / TEMPORARY))
            (temporary / name).parent.mkdir(parents=True, exist_ok=True)
        try:
            with writable(self.folder / name, only=OUT_OF_SPACE):
                yield temporary / name
            if not (temporary / name).is_file():
                raise FileNotFoundError(f"nothing was written to {temporary / name}")
            with writable(self.folder / name):
                written = (path.relative_to(temporary) for path in temporary.rglob("*") if path.is_file())
                for path in sorted(written, key=lambda path: (path == Path(name), path)):
                    (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
                    move_into_place(temporary / path, self.folder / path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def finish(self, **extra: Any) -> Path:
        """Write the manifest, move the folder to the final place, release the lock, and return the final folder.

        An earlier result is deleted after the new result has moved.
        extra: more entries of the manifest. `versions={"dolfinx": "0.11.0"}` adds an entry to `versions`.
        """
        self._must_be_open()
        # "seconds" is the time of the last run only.
        facts = {"seconds": round(time.monotonic() - self._started, 3), "resumed": self.resumed, **extra}
        with writable(self.folder):
            write_json(self.folder / MANIFEST, build_manifest(self.name, self.folder, self._keys, facts))
            self.folder = publish(self.folder)
        self.finished = True
        self.close()
        return self.folder


def _check_finite(checkpoint: str, arrays: "Mapping[str, np.ndarray]") -> None:
    import numpy as np

    for name, array in arrays.items():
        if np.asarray(array).dtype.kind in "fc" and not np.isfinite(array).all():
            raise NotFiniteError(
                f"{name} of checkpoint {checkpoint} has NaN or infinity and was not saved, so the earlier checkpoint "
                "remains; check the data and the steps, then continue with --resume or start again with --overwrite"
            )
