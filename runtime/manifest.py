"""What lies in a stage's folder, and the manifest that closes it.

unfinished.json           its keys; there from the first instant on
parts/NAME.safetensors    what has been reached so far, deleted at the end
.aside/                   files being written
manifest.json             written last: with it the stage is complete, wherever its folder stands
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
PARTS = "parts"
ASIDE = ".aside"


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Raises ValueError for NaN."""
    with atomic_write(path) as aside, writable(path):
        aside.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def manifest(stage: str, folder: Path, keys: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """All that is known of the result in `folder`, whose files are on the disk when it returns.

    extra: more entries; `versions` among them adds to the versions.
    """
    versions = {"python": platform.python_version(), "freqbias": version_of("freqbias"), "numpy": version_of("numpy")}
    return {
        "format_version": FORMAT_VERSION,
        "stage": stage,
        "keys": canonical(keys),
        "key_hash": key_hash(keys),
        "files": _files(folder),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "platform": f"{platform.system()} {platform.machine()}",
        **extra,
        "versions": versions | dict(extra.get("versions", {})),
    }


def _files(folder: Path) -> dict[str, dict[str, Any]]:
    """SHA-256 and size of each file of the result, by its path in the folder."""
    files = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and relative.parts[0] not in (PARTS, ASIDE, UNFINISHED):
            fsync_path(path)
            files[relative.as_posix()] = {"sha256": sha256_of(path), "size": path.stat().st_size}
    return files


def version_of(distribution: str) -> str:
    """The installed version of a distribution, "unknown" where there is none."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"


def publish(partial: Path) -> Path:
    """Moves a complete partial folder to its final place, an earlier result away. If killed, it can be repeated."""
    final = partial.with_suffix("")
    old = final.with_name(f".{final.name}.old")
    for leftover in (PARTS, ASIDE):
        shutil.rmtree(partial / leftover, ignore_errors=True)
    (partial / UNFINISHED).unlink(missing_ok=True)
    if final.exists():
        shutil.rmtree(old, ignore_errors=True)
        final.replace(old)
    move_into_place(partial, final)
    shutil.rmtree(old, ignore_errors=True)
    return final
