"""The result store: one folder per run, one sub-folder per stage (`freqbias.runtime.stage_folders`).

A stage is finished or absent for its readers, and no finished result is lost without --overwrite.
`<root>/.overwrite.json` exists while --overwrite makes several stages unfinished.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from freqbias.errors import UsageError
from freqbias.runtime.files import atomic_write, writable
from freqbias.runtime.keys import changed_keys, key_hash
from freqbias.runtime.logs import log
from freqbias.runtime.manifest import MANIFEST, write_json
from freqbias.runtime.stage import Stage
from freqbias.runtime.stage_folders import StageFolders

_OVERWRITE_MARKER = ".overwrite.json"


class Store:
    """The results of one run, below `root`; on rank 0 only (call through `on_root`)."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def open(self, stage: str, *, keys: Mapping[str, Any], resume: bool = False, overwrite: bool = False) -> Stage:
        """Open a stage for computation. keys: the run-file keys that it depends on.

        If there is no result, the stage starts. If there is one, finished or not, a flag is required:
        `resume` continues it, with the same keys except for those named in `Stage.allow_changes`;
        `overwrite` starts again, and a finished result remains until the new one is complete.
        Raises UsageError, and changes nothing, if a result exists and no flag is given, a key has changed, another
        process works on the stage, or the folder cannot be written.
        """
        _check_flags(resume, overwrite)
        key_hash(keys)  # raises for keys that have no canonical form
        folders = StageFolders(self.root, stage)
        folders.repair()
        lock = folders.new_lock()
        with writable(self.root):
            try:
                if lock.path.exists():
                    folders.acquire(lock)
                state = folders.state(keys, resume=resume, overwrite=overwrite)
                if state != "finished":
                    self.root.mkdir(parents=True, exist_ok=True)
                    folders.acquire(lock)
                    state = folders.state(keys, resume=resume, overwrite=overwrite)
                folder = folders.final if state == "finished" else folders.prepare(keys, state)
            except BaseException:
                lock.release()
                raise
        if state == "finished":
            lock.release()
        return Stage(stage, folder, keys=keys, finished=state == "finished", resumed=state == "unfinished", lock=lock)

    def check(self, stage: str, *, keys: Mapping[str, Any], resume: bool = False, overwrite: bool = False) -> bool:
        """True if the stage is finished; after a kill during publication only `repair` moves it to its place.

        Raises whatever `open` would raise for these keys and flags. Reads only.
        """
        _check_flags(resume, overwrite)
        folders = StageFolders(self.root, stage)
        lock = folders.new_lock()
        if lock.is_held():
            folders.raise_locked(lock)
        return folders.state(keys, resume=resume, overwrite=overwrite) == "finished"

    def repair(self, stage: str) -> None:
        """Complete a publication that was killed: a partial folder with a manifest is a finished result."""
        StageFolders(self.root, stage).repair()

    def begin_overwrite(self, keys: Mapping[str, Mapping[str, Any]]) -> None:
        """Make all these stages unfinished; finished results remain until new ones replace them.

        keys: those of each stage. A kill in between leaves a marker, for which `overwrite_interrupted` looks.
        """
        marker = self.root / _OVERWRITE_MARKER
        with writable(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
        write_json(marker, {"key_hash": key_hash(keys)})
        try:
            for stage in keys:
                self.open(stage, keys=keys[stage], overwrite=True).close()
        finally:
            marker.unlink(missing_ok=True)

    def overwrite_interrupted(self, keys: Mapping[str, Mapping[str, Any]]) -> bool:
        """True if a process was killed within `begin_overwrite` of these keys."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            marker = json.loads((self.root / _OVERWRITE_MARKER).read_text("utf-8"))
            return bool(marker["key_hash"] == key_hash(keys))
        return False

    def verify(self, stage: str, *, keys: Mapping[str, Any] | None = None) -> Path:
        """The folder of a finished stage, after a check of every file against its SHA-256.

        Raises UsageError if the stage is missing or unfinished, a file is damaged, or one of the `keys` has changed.
        """
        return StageFolders(self.root, stage).verify(keys)

    def manifest(self, stage: str) -> dict[str, Any]:
        """The manifest of a finished stage. Raises UsageError if there is none or it cannot be read."""
        return StageFolders(self.root, stage).manifest()

    def save_run_file(self, text: str, keys: Mapping[str, Mapping[str, Any]]) -> None:
        """Write <root>/run.toml, in place of an earlier one.

        keys: those that this run file gives to each stage. Warns of finished stages with other keys that are not being
        computed again. They stay as they are; their manifests hold the keys that they were computed with.
        """
        for stage, expected in keys.items():
            folders = StageFolders(self.root, stage)
            if folders.partial.exists() or not folders.is_finished:
                continue
            with suppress(UsageError):  # a damaged manifest is reported to its reader
                changes = changed_keys(folders.read_json(folders.final / MANIFEST)["keys"], expected)
                if changes:
                    log.warning("%s was computed with other keys (%s)", folders.final, "; ".join(changes))
        with atomic_write(self.root / "run.toml") as temporary:
            temporary.write_text(text, encoding="utf-8")


def _check_flags(resume: bool, overwrite: bool) -> None:
    if resume and overwrite:
        raise UsageError("--resume and --overwrite contradict each other: give one of them")
