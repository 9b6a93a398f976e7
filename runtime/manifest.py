"""The files in a stage's folder, and the manifest that completes the folder.

unfinished.json           the stage's keys; exists until the stage is finished
parts/NAME.safetensors    the stage's checkpoints; deleted when the stage is finished
.tmp/                     files that are being written
manifest.json             written last; a folder with a manifest is complete, even before the last rename
"""

import json
import platform
import shlex
import shutil
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from freqbias.runtime.files import atomic_write, fsync_path, move_into_place, sha256_of, writable
from freqbias.runtime.keys import canonical, key_hash

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
UNFINISHED = "unfinished.json"
CHECKPOINTS = "parts"
TEMPORARY = ".tmp"


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write `content` as JSON, atomically. Raises ValueError for NaN."""
    with atomic_write(path) as temporary, writable(path):
        temporary.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def build_manifest(stage: str, folder: Path, keys: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Flush the result's files in `folder` to the disk, and return the manifest of the result.

    extra: more entries. If `extra` has `versions`, they are added to those of python, freqbias and numpy.
    """
    versions = {"python": platform.python_version(), "freqbias": version_of("freqbias"), "numpy": version_of("numpy")}
    return {
        "format_version": FORMAT_VERSION,
        "stage": stage,
        "keys": canonical(keys),
        "key_hash": key_hash(keys),
        "files": _file_hashes(folder),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "platform": f"{platform.system()} {platform.machine()}",
        **extra,
        "versions": versions | dict(extra.get("versions", {})),
    }


def _file_hashes(folder: Path) -> dict[str, dict[str, Any]]:
    """Map the path of each file of the result, relative to the folder, to SHA-256 and size [bytes]."""
    files = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and relative.parts[0] not in (CHECKPOINTS, TEMPORARY, UNFINISHED):
            fsync_path(path)
            files[relative.as_posix()] = {"sha256": sha256_of(path), "size": path.stat().st_size}
    return files


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
        shutil.rmtree(partial / leftover, ignore_errors=True)
    (partial / UNFINISHED).unlink(missing_ok=True)
    if final.exists():
        shutil.rmtree(old, ignore_errors=True)
        final.replace(old)
    move_into_place(partial, final)
    shutil.rmtree(old, ignore_errors=True)
    return final
