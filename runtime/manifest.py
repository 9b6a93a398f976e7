"""The files in a stage's folder, and the manifest that completes the folder.

unfinished.json           the stage's keys; exists until the stage is finished
parts/NAME.safetensors    the stage's checkpoints; deleted when the stage is finished
.tmp/                     files that are being written
manifest.json             written last; a folder with a manifest is complete, even before the last rename
"""

import json
import platform
import shlex
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from freqbias.runtime.files import (
    atomic_write,
    fsync_path,
    move_into_place,
    read_file,
    sha256_of,
    try_to_remove,
    writable,
)
from freqbias.runtime.keys import canonical, key_hash
from freqbias.runtime.thread_count import threads_alone

FORMAT_VERSION = 1
HASH_THREADS = 4  # at most; SHA-256 of large files is as slow as writing them
MANIFEST = "manifest.json"
UNFINISHED = "unfinished.json"
CHECKPOINTS = "parts"
TEMPORARY = ".tmp"
_KINDS: dict[str, Any] = {
    "format_version": int,
    "keys": dict,
    "files": dict,
    "sources": dict,
    "seconds": (int, float),
    "stage": str,
}


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write `content` as JSON, atomically. Raises ValueError for NaN."""
    with atomic_write(path) as temporary, writable(path):
        temporary.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Return the content of a manifest or of unfinished.json.

    Raises ValueError, with a reason, if the file is damaged, and OSError if it cannot be read.
    """
    try:
        content = canonical(json.loads(read_file(path)))
    except RecursionError as error:
        raise ValueError("too many brackets") from error
    if not isinstance(content, dict):
        raise ValueError("not a table")
    for entry in ("format_version", "keys", "files") if path.name == MANIFEST else ("format_version", "keys"):
        if entry not in content:
            raise ValueError(f"{entry} is missing")
    for entry, kinds in _KINDS.items():
        if entry in content and not isinstance(content[entry], kinds):
            raise ValueError(f"{entry} = {content[entry]!r} has the wrong type")
    for name, file in content.get("files", {}).items():
        if not isinstance(file, dict) or not isinstance(file.get("sha256"), str) or type(file.get("size")) is not int:
            raise ValueError(f"files: {name} has no sha256 and size")
    if content.get("files_hash", expected := key_hash(content.get("files", {}))) != expected:
        raise ValueError("the SHA-256 of the entry files does not match")
    return content


def build_manifest(stage: str, folder: Path, keys: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Flush the result's files in `folder` to the disk, and return the manifest of the result.

    extra: more entries. If `extra` has `versions`, they are added to those of python, freqbias and numpy.
    """
    files = _file_hashes(folder)
    versions = {"python": platform.python_version(), "freqbias": version_of("freqbias"), "numpy": version_of("numpy")}
    return {
        "format_version": FORMAT_VERSION,
        "stage": stage,
        "keys": canonical(keys),
        "key_hash": key_hash(keys),
        "files": files,
        "files_hash": key_hash(files),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "platform": f"{platform.system()} {platform.machine()}",
        **extra,
        "versions": versions | dict(extra.get("versions", {})),
    }


def _file_hashes(folder: Path) -> dict[str, dict[str, Any]]:
    """Map the path of each file of the result, relative to the folder, to SHA-256 and size [bytes]."""
    files = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
    files = {name: path for name, path in files.items() if name.parts[0] not in (CHECKPOINTS, TEMPORARY, UNFINISHED)}
    from concurrent.futures import ThreadPoolExecutor  # slow to import

    with ThreadPoolExecutor(min(HASH_THREADS, threads_alone())) as threads:
        entries = threads.map(_file_entry, files.values())
    return {name.as_posix(): entry for name, entry in zip(files, entries, strict=True)}


def _file_entry(path: Path) -> dict[str, Any]:
    fsync_path(path)
    return {"sha256": sha256_of(path), "size": path.stat().st_size}


@cache  # to read it takes as long as all else in a small result
def version_of(distribution: str) -> str:
    """Return the installed version of a distribution, or "unknown" if the distribution is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"


def publish(partial: Path) -> Path:
    """Move a complete partial folder to the final place and delete the earlier result. Can be repeated after a kill."""
    final = partial.with_suffix("")
    old = final.with_name(f".{final.name}.old")
    for leftover in (CHECKPOINTS, TEMPORARY):
        try_to_remove(partial / leftover)
    (partial / UNFINISHED).unlink(missing_ok=True)
    if final.exists():
        try_to_remove(old)
        final.replace(old)
    move_into_place(partial, final)
    try_to_remove(old)
    return final
