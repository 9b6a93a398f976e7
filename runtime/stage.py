"""A stage of a result while it is being computed: its parts, its files, its end."""

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
from freqbias.runtime.files import OUT_OF_SPACE, FileLock, atomic_write, move_into_place, writable
from freqbias.runtime.logs import log
from freqbias.runtime.manifest import ASIDE, MANIFEST, PARTS, UNFINISHED, manifest, publish, write_json
from freqbias.runtime.parts import DamagedPartError, pack, unpack

if TYPE_CHECKING:
    import numpy as np

_PART_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Stage:
    """One stage of a result, from `Store.open`; on rank 0 only.

    finished: True where the result was complete already; there is then nothing to do, and nothing can be written.
    resumed: True where an earlier run's parts are gone on from.
    folder: where its files are: the finished folder, or the partial one until `finish`. Files may also be written
    there directly, as long as they may be lost. Leaving the context (or `close`) lets other processes at the stage.
    """

    def __init__(
        self, name: str, folder: Path, *, keys: Mapping[str, Any], finished: bool, resumed: bool, lock: FileLock
    ) -> None:
        self.name, self.folder, self.finished, self.resumed = name, folder, finished, resumed
        self._keys = keys
        self._lock = lock
        self._whole: set[str] = set()
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets other processes at the stage; what it has so far stays for `--resume`."""
        self._lock.release()

    def _part(self, name: str) -> Path:
        if not _PART_NAME.fullmatch(name):
            raise ValueError(f"{name!r} cannot name a part: use letters, digits, '.', '_' and '-'")
        return self.folder / PARTS / f"{name}.safetensors"

    def _must_be_open(self) -> None:
        if self.finished:
            raise RuntimeError(f"stage {self.name} is finished")

    def save_part(self, name: str, arrays: "Mapping[str, np.ndarray]", **meta: Any) -> None:
        """Keeps arrays (no Python objects) and JSON values as `name`, whole or not at all, in place of an earlier one.

        Raises NotFiniteError for NaN and infinities, UsageError where the disk is full or read-only; the earlier part
        then is still there.
        """
        self._must_be_open()
        path = self._part(name)
        _must_be_finite(name, arrays)
        packed = pack(arrays, meta)
        with writable(path):
            path.parent.mkdir(exist_ok=True)
            with atomic_write(path) as aside:
                aside.write_bytes(packed)
        self._whole.add(name)

    def load_part(self, name: str) -> "tuple[dict[str, np.ndarray], dict[str, Any]]":
        """The arrays and JSON values kept as `name`. Raises UsageError where there is no such part or it is damaged."""
        path = self._part(name)
        try:
            return unpack(path.read_bytes())
        except FileNotFoundError:
            raise UsageError(f"{path} does not exist; start afresh with --overwrite") from None
        except DamagedPartError as damage:
            raise UsageError(f"{path} is damaged: {damage}; go on without it by --resume") from None

    def parts(self) -> list[str]:
        """The names of the whole parts, sorted as text. A damaged part is removed, with a warning."""
        for path in sorted(self.folder.glob(f"{PARTS}/*.safetensors")):
            if path.stem in self._whole:
                continue
            try:
                unpack(path.read_bytes())
                self._whole.add(path.stem)
            except DamagedPartError as damage:
                log.warning("%s is damaged (%s): going on without it", path, damage)
                path.unlink()
        return sorted(self._whole)

    def may_change(self, *names: str) -> None:
        """The next `--resume` takes these keys (such as "training.step") as the run file then has them."""
        self._must_be_open()
        path = self.folder / UNFINISHED
        write_json(path, json.loads(path.read_text("utf-8")) | {"may_change": names})

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """Yields a path ending in `name` (such as `spectrum.nc` or `figures/loss.png`) to write to.

        At the end that file, and whatever was written beside it (a `.pvd` brings its `.vtu`), moves into the stage's
        folder; the named file goes last. After an exception nothing moves.
        """
        self._must_be_open()
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise ValueError(f"{name!r} must be a path inside the stage's folder")
        with writable(self.folder):
            (self.folder / ASIDE).mkdir(exist_ok=True)
            aside = Path(tempfile.mkdtemp(dir=self.folder / ASIDE))
            (aside / name).parent.mkdir(parents=True, exist_ok=True)
        try:
            with writable(self.folder / name, only=OUT_OF_SPACE):
                yield aside / name
            if not (aside / name).is_file():
                raise FileNotFoundError(f"nothing was written to {aside / name}")
            with writable(self.folder / name):
                written = (path.relative_to(aside) for path in aside.rglob("*") if path.is_file())
                for path in sorted(written, key=lambda path: (path == Path(name), path)):
                    (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
                    move_into_place(aside / path, self.folder / path)
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def finish(self, **extra: Any) -> Path:
        """Closes the stage and returns its final folder: manifest last, then the folder takes its place.

        extra: more entries of the manifest; `versions={"dolfinx": "0.11.0"}` adds to the versions there.
        An earlier result in that place is removed once this one stands there.
        """
        self._must_be_open()
        # The seconds are those of the last run.
        facts = {"seconds": round(time.monotonic() - self._started, 3), "resumed": self.resumed, **extra}
        with writable(self.folder):
            write_json(self.folder / MANIFEST, manifest(self.name, self.folder, self._keys, facts))
            self.folder = publish(self.folder)
        self.finished = True
        self.close()
        return self.folder


def _must_be_finite(part: str, arrays: "Mapping[str, np.ndarray]") -> None:
    import numpy as np

    for name, array in arrays.items():
        if np.asarray(array).dtype.kind in "fc" and not np.isfinite(array).all():
            raise NotFiniteError(
                f"{name} of {part} is not finite and is not kept; what was kept before stands: check the data and "
                "the steps, and go on with --resume or start afresh with --overwrite"
            )
