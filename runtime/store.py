"""The result store: one folder per run, one sub-folder per stage (`freqbias.runtime.stage_folders`).

Readers see either a finished stage or none. Without --overwrite, no finished result is lost.
`<root>/.overwrite.json` exists while --overwrite makes several stages unfinished.
"""

import json
import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from freqbias.errors import UsageError
from freqbias.runtime.files import atomic_write, read_file, writable
from freqbias.runtime.keys import changes, changes_since, key_hash
from freqbias.runtime.logs import log
from freqbias.runtime.manifest import MANIFEST, write_json
from freqbias.runtime.processes import log_processes
from freqbias.runtime.stage import Stage
from freqbias.runtime.stage_folders import StageFolders

_OVERWRITE_MARKER = ".overwrite.json"


class Store:
    """The results of one run, below the folder `root`. Call the methods on rank 0 only, through `on_root`."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def open(self, stage: str, *, keys: Mapping[str, Any], resume: bool = False, overwrite: bool = False) -> Stage:
        """Open a stage for computation.

        keys: the run-file keys that the stage depends on.
        If no result exists, a new computation starts. If a finished or unfinished result exists, one of two flags is
        required. `resume` continues the result. The keys must then be the same, except for those that
        `Stage.allow_changes` has named. `overwrite` starts again; a finished result remains until the new result is
        complete.
        Raises UsageError, and changes nothing, if a required flag is missing, a key has changed, another process works
        on the stage, or the folder cannot be written.
        """
        _check_flags(resume, overwrite)
        key_hash(keys)  # raises an exception if a key has no canonical form
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
        else:
            log_processes()
        return Stage(stage, folder, keys=keys, finished=state == "finished", resumed=state == "unfinished", lock=lock)

    def check(
        self,
        stage: str,
        *,
        keys: Mapping[str, Any],
        resume: bool = False,
        overwrite: bool = False,
        in_work: bool = False,
    ) -> bool:
        """Return whether the stage is finished, without writing.

        in_work: whether another process may be working on the stage.

        If a process was killed before the last rename, the stage is finished, but not in the final place until
        `repair`. Raises the exceptions that `open` would raise for these keys and flags.
        """
        _check_flags(resume, overwrite)
        folders = StageFolders(self.root, stage)
        lock = folders.new_lock()
        if lock.is_held() and not in_work:
            folders.raise_locked(lock)
        return folders.state(keys, resume=resume, overwrite=overwrite) == "finished"

    def repair(self, stage: str) -> None:
        """Complete a move that was killed, so that a partial folder with a manifest becomes the final folder."""
        StageFolders(self.root, stage).repair()

    def begin_overwrite(self, keys: Mapping[str, Mapping[str, Any]]) -> None:
        """Make all these stages unfinished. Finished results remain until new results replace them.

        keys: the keys of each stage. A kill during this call leaves a marker, which `overwrite_interrupted` finds.
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
        """Whether a process was killed during `begin_overwrite` with these keys."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            marker = json.loads(read_file(self.root / _OVERWRITE_MARKER))
            return bool(marker["key_hash"] == key_hash(keys))
        return False

    def verify(self, stage: str, *, keys: Mapping[str, Any] | None = None, needs: Collection[str] = ()) -> Path:
        """Check the SHA-256 of every file of a finished stage, and return the folder of the stage.

        needs: the names of the files that the caller reads.
        Raises UsageError if the stage is missing or unfinished, a file is damaged or not in the manifest, or one of the
        `keys` has changed.
        """
        folders = StageFolders(self.root, stage)
        folders.verify(keys, needs)
        return folders.final

    def verified_manifest(self, stage: str) -> dict[str, Any]:
        """Check the files of a finished stage as `verify` does, and return the manifest."""
        return StageFolders(self.root, stage).verify()

    def has(self, stage: str) -> bool:
        """Whether anything is in the place of a finished stage: also a link in a loop, which `verify` refuses."""
        return os.path.lexists(self.root / stage)

    def manifest(self, stage: str) -> dict[str, Any]:
        """Return the manifest of a finished stage. Raises UsageError if the manifest is missing or cannot be read."""
        return StageFolders(self.root, stage).manifest()

    def save_run_file(self, text: str, keys: Mapping[str, Mapping[str, Any]]) -> None:
        """Write the text of the run file to <root>/run.toml, in place of an earlier file.

        keys: the keys of each stage in this run file. A warning names each finished stage that has other keys, unless
        the stage is being computed again. That stage is left unchanged; its manifest contains the old keys.
        """
        for stage, expected in keys.items():
            folders = StageFolders(self.root, stage)
            if folders.partial.exists() or not folders.is_finished:
                continue
            with suppress(UsageError):  # commands that read a damaged manifest report the damage
                found = changes(folders.read_json(folders.final / MANIFEST)["keys"], expected)
                if found:
                    log.warning("%s", changes_since(folders.final, found))
        with atomic_write(self.root / "run.toml") as temporary:
            temporary.write_text(text, encoding="utf-8")


def _check_flags(resume: bool, overwrite: bool) -> None:
    if resume and overwrite:
        raise UsageError("--resume and --overwrite contradict each other: give only one of them")
