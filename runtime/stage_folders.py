"""The folders of one stage, and the moves between them.

    <root>/<stage>/             a finished stage, with manifest.json
    <root>/<stage>.partial/     an unfinished stage, which --resume continues
    <root>/.<stage>.lock        exists while a process works on the stage
    <root>/.<stage>.old         the earlier result, while a new result replaces it
    <root>/.<stage>.trash       an unfinished result that is being deleted

A reader of `<root>/<stage>/` sees the earlier result until the new result is complete.
"""

import os
import re
import shlex
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, NoReturn

from freqbias.errors import UsageError
from freqbias.runtime.files import FileLock, readable, remove, sha256_of, try_to_remove, writable
from freqbias.runtime.keys import canonical, changes, changes_since, key_hash
from freqbias.runtime.logs import log
from freqbias.runtime.manifest import CHECKPOINTS, FORMAT_VERSION, MANIFEST, UNFINISHED, publish, read_json, write_json

State = Literal["new", "unfinished", "finished"]

_STAGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_PUBLISH_TIMEOUT = 5.0  # seconds; more than a living process needs between the manifest and the last rename


class StageFolders:
    """The folders of one stage below `root`. Raises ValueError if the name of the stage has forbidden characters."""

    def __init__(self, root: Path, stage: str) -> None:
        if not _STAGE_NAME.fullmatch(stage):
            raise ValueError(f"{stage!r} cannot be the name of a stage: use letters, digits, '_' and '-'")
        self.root, self.stage = root, stage
        self.final, self.partial = root / stage, root / f"{stage}.partial"
        self._old, self._trash = root / f".{stage}.old", root / f".{stage}.trash"

    def new_lock(self) -> FileLock:
        """Return the lock on the stage. The lock is not yet acquired."""
        return FileLock(self.root / f".{self.stage}.lock")

    def acquire(self, lock: FileLock) -> None:
        if not lock.acquire():
            self.raise_locked(lock)

    def raise_locked(self, lock: FileLock) -> NoReturn:
        raise UsageError(f"process {lock.owner()} is working on {self.final}: wait until this process ends, or stop it")

    @property
    def is_finished(self) -> bool:
        return (self.final / MANIFEST).is_file()

    @property
    def _published_halfway(self) -> bool:
        """Whether a process was killed between the manifest and the last rename. `repair` does the missing rename."""
        return (self.partial / MANIFEST).is_file()

    def state(self, keys: Mapping[str, Any], *, resume: bool, overwrite: bool) -> State:
        """Return the state in which `Store.open` finds the stage, without writing.

        Raises UsageError if the stage must not be opened.
        """
        complete = self._published_halfway
        unfinished = (self.partial / UNFINISHED).is_file() and not complete
        finished = complete or self.is_finished
        for folder, ours in ((self.final, MANIFEST), (self.partial, MANIFEST if complete else UNFINISHED)):
            if not (folder / ours).is_file() and _has_visible_files(folder):
                raise UsageError(f"{folder} is not a result of freqbias: move this folder away or choose another --out")
        if overwrite:
            return "new"
        if finished and not resume:
            raise UsageError(
                f"{self.final} holds a finished result: keep it with --resume, or compute it again with --overwrite"
            )
        if unfinished and not resume:
            raise UsageError(
                f"{self.partial} holds an unfinished result: continue with --resume, or start again with --overwrite"
            )
        if unfinished:
            return self._state_of_unfinished(keys)
        if finished:
            folder = self.partial if complete else self.final
            manifest = self.read_json(folder / MANIFEST)
            _check_keys(folder, manifest["keys"], keys)
            self._check_files(folder, manifest)
            return "finished"
        return "new"

    def _state_of_unfinished(self, keys: Mapping[str, Any]) -> State:
        """Return "new" if unfinished.json is damaged, because nobody knows to which keys the checkpoints belong."""
        path = self.partial / UNFINISHED
        try:
            saved = read_json(path)
            allowed = [str(name) for name in saved.get("may_change") or ()]
        except (OSError, ValueError, TypeError) as damage:
            log.warning("%s is damaged (%s): starting again from the beginning", path, damage)
            return "new"
        self._check_version(path, saved)
        _check_keys(self.partial, saved["keys"], keys, allowed=allowed)
        return "unfinished"

    def prepare(self, keys: Mapping[str, Any], state: State) -> Path:
        """Make the partial folder ready for work, and return it.

        A new folder is empty. An unfinished one keeps the checkpoints and loses the temporary files. The present keys
        are recorded. Changes that an earlier run allowed (`Stage.allow_changes`) are no longer allowed.
        """
        if state == "new":
            try_to_remove(self._trash)
            if self.partial.exists():  # renamed first, because a half-deleted folder would look like the user's
                self.partial.replace(self._trash)
                try_to_remove(self._trash)
            self.partial.mkdir()
        content = {"format_version": FORMAT_VERSION, "keys": canonical(keys), "key_hash": key_hash(keys)}
        write_json(self.partial / UNFINISHED, content)
        for leftover in [*self.partial.glob(".*"), *self.partial.glob(f"{CHECKPOINTS}/.*")]:
            remove(leftover)
        return self.partial

    def repair(self) -> None:
        """Complete a move that was killed, so that a partial folder with a manifest becomes the final folder."""
        with writable(self.root):
            if not (self._old.exists() or self._published_halfway):
                return
            lock = self.new_lock()
            deadline = time.monotonic() + _PUBLISH_TIMEOUT
            while not lock.acquire():
                if time.monotonic() > deadline:
                    return
                time.sleep(0.05)
            try:
                if self._published_halfway:
                    publish(self.partial)
                elif self._old.exists() and not self.final.exists():
                    self._old.replace(self.final)
                try_to_remove(self._old)
            finally:
                lock.release()

    def manifest(self) -> dict[str, Any]:
        """Return the manifest of the finished stage. Raises UsageError if the manifest is missing or cannot be read."""
        with suppress(UsageError):  # in a read-only folder the earlier result is read
            self.repair()
        if self.is_finished:
            return self.read_json(self.final / MANIFEST)
        if (self.partial / UNFINISHED).is_file():
            raise UsageError(
                f"the {self.stage} result in {self.partial} is unfinished: continue with "
                f"`freqbias {self.stage} RUN.toml --resume`"
            )
        raise UsageError(
            f"there is no {self.stage} result in {self.root}: first compute one with `freqbias {self.stage} RUN.toml`"
        )

    def verify(self, keys: Mapping[str, Any] | None = None, needs: Collection[str] = ()) -> dict[str, Any]:
        """Check the SHA-256 of every file, the files that are needed and, if given, the keys. Return the manifest.

        needs: the names of files that the manifest must list.
        """
        manifest = self.manifest()
        if keys is not None:
            _check_keys(self.final, manifest["keys"], keys)
        self._check_files(self.final, manifest)
        if missing := [name for name in needs if name not in manifest["files"]]:
            raise self._damaged(self.final / MANIFEST, f"it does not list {missing[0]}")
        return manifest

    def _check_files(self, folder: Path, manifest: Mapping[str, Any]) -> None:
        files = {folder / name: expected for name, expected in manifest["files"].items()}
        if not files and any(not path.name.startswith(".") and path.name != MANIFEST for path in folder.iterdir()):
            raise self._damaged(folder / MANIFEST, "it lists no files")
        for path, expected in files.items():
            if not _is_file(path):
                raise UsageError(f"{path} is missing: {self._remedy}")
            with readable(path):
                if path.stat().st_size != expected["size"] or sha256_of(path) != expected["sha256"]:
                    raise UsageError(f"{path} has changed since it was written: {self._remedy}")

    def read_json(self, path: Path) -> dict[str, Any]:
        """Return the content of a manifest. Raises UsageError if it is damaged or has another format version."""
        try:
            with readable(path):
                content = read_json(path)
        except ValueError as damage:
            if isinstance(damage, UsageError):
                raise
            raise self._damaged(path, str(damage)) from None
        self._check_version(path, content)
        if content.get("stage", self.stage) != self.stage:
            raise self._damaged(path, f"it belongs to the stage {content['stage']}")
        return content

    def _check_version(self, path: Path, content: Mapping[str, Any]) -> None:
        version = content["format_version"]
        if version != FORMAT_VERSION:
            raise UsageError(
                f"{path} has format_version {version}, but this freqbias reads {FORMAT_VERSION}: use the version of "
                "freqbias that wrote this file"
            )

    @property
    def _remedy(self) -> str:
        if not (self.root / "run.toml").is_file():
            return f"compute again with `freqbias {self.stage} RUN.toml --overwrite`"
        command = ["freqbias", self.stage, str(self.root / "run.toml"), "--out", str(self.root), "--overwrite"]
        return f"compute again with `{shlex.join(command)}`"

    def _damaged(self, path: Path, reason: str) -> UsageError:
        return UsageError(f"{path} is damaged ({reason}): {self._remedy}")


def _check_keys(folder: Path, old: Mapping[str, Any], new: Mapping[str, Any], *, allowed: Collection[str] = ()) -> None:
    found = [change for change in changes(old, new) if change.name not in allowed]
    if found:
        restore = "restore the file" if all(change.file for change in found) else "set these keys back"
        raise UsageError(
            f"{changes_since(folder, found)}: {restore}, choose another --out, or compute the result again with "
            "--overwrite"
        )


def _is_file(path: Path) -> bool:
    """Whether the path names a file. A damaged manifest may contain names that no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _has_visible_files(folder: Path) -> bool:
    if folder.is_dir():
        return any(not path.name.startswith(".") for path in folder.iterdir())
    return os.path.lexists(folder)  # also a link to nothing
