"""A stage of a result while it is being computed, and the manifest that closes it.

An unfinished stage lives in `<root>/<stage>.partial/`:

    unfinished.json     its keys; there from the first instant on
    parts/NAME.part     what has been reached so far, deleted at the end
    .aside/             files being written
    manifest.json       written last: with it the stage is complete, wherever its folder stands
"""

import json
import os
import platform
import re
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from runtime.errors import UsageError
from runtime.files import OUT_OF_SPACE, FileLock, atomic_write, fsync_path, move_into_place, sha256_of, writable
from runtime.keys import canonical, key_hash
from runtime.logs import log
from runtime.parts import DamagedPart, pack, unpack

if TYPE_CHECKING:
    import numpy as np

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
UNFINISHED = "unfinished.json"
PARTS = "parts"
ASIDE = ".aside"
_PART_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    with atomic_write(path) as aside, writable(path):
        aside.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


class Stage:
    """One stage of a result, from `Store.open`; on rank 0 only.

    finished: True where the result was complete already; there is then nothing to do, and nothing can be written.
    resumed: True where an earlier session's parts are gone on from.
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
        return self.folder / PARTS / f"{name}.part"

    def _must_be_open(self) -> None:
        if self.finished:
            raise RuntimeError(f"stage {self.name} is finished")

    def save_part(self, name: str, arrays: "Mapping[str, np.ndarray]", **meta: Any) -> None:
        """Keeps arrays (no Python objects) and JSON values as `name`, whole or not at all, in place of an earlier one.

        Raises UsageError where the disk is full or read-only; the earlier part then is still there.
        """
        self._must_be_open()
        path = self._part(name)
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
        except DamagedPart as damage:
            raise UsageError(f"{path} is damaged: {damage}; go on without it by --resume") from None

    def parts(self) -> list[str]:
        """The names of the whole parts, sorted as text. A damaged part is removed, with a warning."""
        for path in sorted(self.folder.glob(f"{PARTS}/*.part")):
            if path.stem in self._whole:
                continue
            try:
                unpack(path.read_bytes())
                self._whole.add(path.stem)
            except DamagedPart as damage:
                log.warning("%s is damaged (%s): going on without it", path, damage)
                path.unlink()
        return sorted(self._whole)

    def drop_part(self, name: str) -> None:
        """Removes a part; harmless if there is none."""
        self._part(name).unlink(missing_ok=True)
        self._whole.discard(name)

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
        with writable(self.folder):
            files = {}
            for path in sorted(self.folder.rglob("*")):
                relative = path.relative_to(self.folder)
                if path.is_file() and relative.parts[0] not in (PARTS, ASIDE, UNFINISHED):
                    fsync_path(path)
                    files[relative.as_posix()] = {"sha256": sha256_of(path), "size": path.stat().st_size}
            write_json(self.folder / MANIFEST, self._manifest(files, extra))
            self.folder = publish(self.folder)
        self.finished = True
        self.close()
        return self.folder

    def _manifest(self, files: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
        versions = {"python": platform.python_version(), "freqbias": _version("freqbias"), "numpy": _version("numpy")}
        return {
            "format_version": FORMAT_VERSION,
            "stage": self.name,
            "keys": canonical(self._keys),
            "key_hash": key_hash(self._keys),
            "files": files,
            "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "platform": f"{platform.system()} {platform.machine()}",
            "seconds": round(time.monotonic() - self._started, 3),  # of the last session, where resumed
            "resumed": self.resumed,
            **extra,
            "versions": versions | dict(extra.get("versions", {})),
        }


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"


def publish(partial: Path) -> Path:
    """Moves a complete partial folder to its final place, an earlier result away. Killed anywhere, it can be repeated."""
    final = partial.with_suffix("")
    old = final.with_name(f".{final.name}.old")
    for leftover in (PARTS, ASIDE):
        shutil.rmtree(partial / leftover, ignore_errors=True)
    (partial / UNFINISHED).unlink(missing_ok=True)
    if final.exists():
        shutil.rmtree(old, ignore_errors=True)
        os.replace(final, old)
    move_into_place(partial, final)
    shutil.rmtree(old, ignore_errors=True)
    return final
