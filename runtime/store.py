"""The result store: one folder a run, one sub-folder a stage, finished or absent; nothing finished is lost unasked.

    <root>/<stage>/             a finished stage, with its manifest.json
    <root>/<stage>.partial/     an unfinished one, which --resume goes on from
    <root>/.overwrite.json      there while several stages are made unfinished together
    <root>/.<stage>.lock        there while a process works on the stage
    <root>/.<stage>.old         the earlier result, for the instant in which a new one takes its place

A reader of `<root>/<stage>/` sees the earlier result until the new one is complete.
"""

import json
import re
import shutil
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, NoReturn

from freqbias.errors import UsageError
from freqbias.runtime.files import FileLock, atomic_write, sha256_of, writable
from freqbias.runtime.keys import canonical, changed_keys, key_hash
from freqbias.runtime.logs import log
from freqbias.runtime.manifest import FORMAT_VERSION, MANIFEST, PARTS, UNFINISHED, publish, write_json
from freqbias.runtime.stage import Stage

_STAGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_ANEW = ".overwrite.json"
_PUBLISHING_TAKES = 5.0  # seconds at most, between a manifest and the last rename of a process that is alive


class Store:
    """The results of one run, below `root`; on rank 0 only (call through `on_root`)."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def open(self, stage: str, *, keys: Mapping[str, Any], resume: bool = False, overwrite: bool = False) -> Stage:
        """The stage, to be computed from its `keys` (those of the run file that it depends on).

        A finished or unfinished result needs `resume` (go on from it; its keys must be the same, but for those that
        `Stage.may_change` named) or `overwrite` (start afresh; a finished one stays until the new one is complete).
        Where nothing is, the stage starts.
        Raises UsageError, and then leaves everything as it was, where a result is in the way, a key has changed,
        another process is at work on the stage, or the folder cannot be written.
        """
        if resume and overwrite:
            raise UsageError("--resume and --overwrite contradict each other: give one of them")
        key_hash(keys)
        self.repair(stage)
        lock = self._lock(stage)
        with writable(self.root):
            try:
                if lock.path.exists():
                    self._acquire(lock, stage)
                state = self._state(stage, keys, resume, overwrite)
                if state != "finished":
                    self.root.mkdir(parents=True, exist_ok=True)
                    self._acquire(lock, stage)
                    state = self._state(stage, keys, resume, overwrite)
                folder = self._final(stage) if state == "finished" else self._prepare(stage, keys, state)
            except BaseException:
                lock.release()
                raise
        if state == "finished":
            lock.release()
        return Stage(stage, folder, keys=keys, finished=state == "finished", resumed=state == "unfinished", lock=lock)

    def check(self, stage: str, *, keys: Mapping[str, Any], resume: bool = False, overwrite: bool = False) -> bool:
        """Whether the stage is finished; where it was killed while it was published, `repair` brings it to its place.
        Raises what `open` would for these keys and flags, and writes nothing."""
        if resume and overwrite:
            raise UsageError("--resume and --overwrite contradict each other: give one of them")
        lock = self._lock(stage)
        if lock.taken():
            self._refuse_taken(lock, stage)
        return self._state(stage, keys, resume, overwrite) == "finished"

    def repair(self, stage: str) -> None:
        """Brings to its end a publication killed in the middle: a partial folder with a manifest is complete."""
        final, partial = self._final(stage), self._partial(stage)
        old = final.with_name(f".{stage}.old")
        with writable(self.root):
            if not (old.exists() or (partial / MANIFEST).is_file()):
                return
            lock = self._lock(stage)
            deadline = time.monotonic() + _PUBLISHING_TAKES
            while not lock.acquire():
                if time.monotonic() > deadline:
                    return
                time.sleep(0.05)
            try:
                if (partial / MANIFEST).is_file():
                    publish(partial)
                elif old.exists() and not final.exists():
                    old.replace(final)
                shutil.rmtree(old, ignore_errors=True)
            finally:
                lock.release()

    def begin_overwrite(self, keys: Mapping[str, Mapping[str, Any]]) -> None:
        """Makes all these stages unfinished; finished results stay until new ones take their place.

        keys: by stage. Killed in the middle it leaves a note, and `begun_anew` says that it has to be done again.
        """
        note = self.root / _ANEW
        with writable(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
        write_json(note, {"key_hash": key_hash(keys)})
        try:
            for stage in keys:
                self.open(stage, keys=keys[stage], overwrite=True).close()
        finally:
            note.unlink(missing_ok=True)

    def overwrite_begun(self, keys: Mapping[str, Mapping[str, Any]]) -> bool:
        """Whether `begin_anew` of these keys was killed in the middle."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            return bool(json.loads((self.root / _ANEW).read_text("utf-8"))["key_hash"] == key_hash(keys))
        return False

    def verify(self, stage: str, *, keys: Mapping[str, Any] | None = None) -> Path:
        """The folder of a finished stage, every file of it compared with its SHA-256.

        Raises UsageError where the stage is missing or unfinished, a file is damaged, or, with `keys`, one has changed.
        """
        manifest = self.manifest(stage)
        self._verify(stage, self._final(stage), manifest, manifest["keys"] if keys is None else keys)
        return self._final(stage)

    def _verify(self, stage: str, folder: Path, manifest: Mapping[str, Any], keys: Mapping[str, Any]) -> None:
        self._refuse_changed(folder, manifest["keys"], keys)
        for name, expected in manifest["files"].items():
            path = folder / name
            if not path.is_file() or path.stat().st_size != expected["size"] or sha256_of(path) != expected["sha256"]:
                found = "is not what was written" if path.exists() else "is missing"
                raise UsageError(f"{path} {found}: compute it again with `freqbias {stage} RUN.toml --overwrite`")

    def manifest(self, stage: str) -> dict[str, Any]:
        """The manifest of a finished stage. Raises UsageError where there is none, or one that cannot be read."""
        with suppress(UsageError):  # in a folder we may only read, the earlier result counts
            self.repair(stage)
        final, partial = self._final(stage), self._partial(stage)
        if (final / MANIFEST).is_file():
            return _read_json(final / MANIFEST, stage)
        if (partial / UNFINISHED).is_file():
            raise UsageError(
                f"the {stage} result in {partial} is unfinished: go on with `freqbias {stage} RUN.toml --resume`"
            )
        raise UsageError(
            f"there is no {stage} result in {self.root}: compute it first with `freqbias {stage} RUN.toml`"
        )

    def save_run_file(self, text: str, keys: Mapping[str, Mapping[str, Any]]) -> None:
        """Writes <root>/run.toml, in place of an earlier one.

        keys: by stage, those that this run file gives. Warns of finished stages with other ones, unless they are being
        computed again: they stay as they are, and their manifests say what they belong to.
        """
        for stage, expected in keys.items():
            if self._partial(stage).exists() or not (self._final(stage) / MANIFEST).is_file():
                continue
            with suppress(UsageError):  # a damaged one is for whoever reads it
                changes = changed_keys(_read_json(self._final(stage) / MANIFEST, stage)["keys"], expected)
                if changes:
                    log.warning("%s was computed with other keys (%s)", self._final(stage), "; ".join(changes))
        with atomic_write(self.root / "run.toml") as aside:
            aside.write_text(text, encoding="utf-8")

    def _final(self, stage: str) -> Path:
        if not _STAGE_NAME.fullmatch(stage):
            raise ValueError(f"{stage!r} cannot name a stage: use letters, digits, '_' and '-'")
        return self.root / stage

    def _partial(self, stage: str) -> Path:
        return self._final(stage).with_suffix(".partial")

    def _lock(self, stage: str) -> FileLock:
        return FileLock(self._final(stage).with_name(f".{stage}.lock"))

    def _acquire(self, lock: FileLock, stage: str) -> None:
        if not lock.acquire():
            self._refuse_taken(lock, stage)

    def _refuse_taken(self, lock: FileLock, stage: str) -> NoReturn:
        raise UsageError(f"process {lock.holder()} is at work on {self._final(stage)}: wait for it, or stop it")

    def _state(
        self, stage: str, keys: Mapping[str, Any], resume: bool, overwrite: bool
    ) -> Literal["fresh", "unfinished", "finished"]:
        """What `open` will do; raises UsageError where it must not. Only reads."""
        final, partial = self._final(stage), self._partial(stage)
        complete = (partial / MANIFEST).is_file()  # its publication was killed in the middle, `repair` ends it
        unfinished = (partial / UNFINISHED).is_file() and not complete
        finished = complete or (final / MANIFEST).is_file()
        for folder, ours in ((final, MANIFEST), (partial, MANIFEST if complete else UNFINISHED)):
            if not (folder / ours).is_file() and _has_visible_files(folder):
                raise UsageError(f"{folder} is not a result of freqbias: move it away or choose another --out")
        if overwrite:
            return "fresh"
        if not resume and (finished or unfinished):
            found = f"{final} holds a finished result" if finished else f"{partial} holds an unfinished result"
            raise UsageError(f"{found}: go on from it with --resume, or compute it again with --overwrite")
        if unfinished:
            known = _read_json(partial / UNFINISHED, stage)
            self._refuse_changed(partial, known["keys"], keys, besides=known.get("may_change", ()))
            return "unfinished"
        if finished:
            folder = partial if complete else final
            self._verify(stage, folder, _read_json(folder / MANIFEST, stage), keys)
            return "finished"
        return "fresh"

    def _refuse_changed(
        self, folder: Path, old: Mapping[str, Any], new: Mapping[str, Any], *, besides: Collection[str] = ()
    ) -> None:
        changes = [change for change in changed_keys(old, new) if change.partition(":")[0] not in besides]
        if changes:
            raise UsageError(
                f"{folder} was computed with other keys ({'; '.join(changes)}): "
                "set them back, choose another --out, or compute it again with --overwrite"
            )

    def _prepare(self, stage: str, keys: Mapping[str, Any], state: str) -> Path:
        """The partial folder, empty but for its keys, or as an earlier run left it, without what it was writing; it has
        the keys of now, and none that may change any more."""
        partial = self._partial(stage)
        if state == "fresh":
            trash = partial.with_name(f".{stage}.trash")
            shutil.rmtree(trash, ignore_errors=True)
            if partial.exists():  # one rename, so that what is left of it is never taken for a user's
                partial.replace(trash)
                shutil.rmtree(trash, ignore_errors=True)
            partial.mkdir()
        content = {"format_version": FORMAT_VERSION, "keys": canonical(keys), "key_hash": key_hash(keys)}
        write_json(partial / UNFINISHED, content)
        for leftover in [*partial.glob(".*"), *partial.glob(f"{PARTS}/.*")]:
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        return partial


def _has_visible_files(folder: Path) -> bool:
    if folder.is_dir():
        return any(not path.name.startswith(".") for path in folder.iterdir())
    return folder.exists()


def _read_json(path: Path, stage: str) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version = content["format_version"]
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"{path} is damaged: compute it again with `freqbias {stage} RUN.toml --overwrite`") from None
    if version != FORMAT_VERSION:
        raise UsageError(
            f"{path} has format_version {version}, and this freqbias reads {FORMAT_VERSION}: use the one that wrote it"
        )
    return content
