"""Random damage to a result folder."""

import json
import os
import shutil
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.result_folders import FINISHED

OTHER_FORMATS = [
    b"", b"\0" * 4096, b"hello\n", b"{}", b"null", b"[]", b"\x89HDF\r\n\x1a\n" + b"\0" * 500, b"CDF\x01" + b"\0" * 60,
    b"\x89PNG\r\n\x1a\n" + b"\1" * 60, b"PK\x03\x04" + b"\0" * 99, b"<VTKFile/>", b"\xff\xfe" * 40, b"[" * 100_000,
    b"9" * 10_000, b"\x93NUMPY\x01\0v\0",
]  # fmt: skip
VALUES: list[Any] = [None, [], {}, "", "x", "../../x", 0, -1, 1e999, True, ["a"], {"a": None}, "0" * 64, "9" * 300]
HIDDEN = [".{}.lock", ".{}.old", ".{}.trash", "{}.partial", ".overwrite.json", ".123-run.toml", "{}.partial/.tmp"]


def choose_file(out: Path, random: Random, stages: list[str]) -> Path:
    """A file, in most cases of one of these stages, each as likely, and its manifest in a third of the cases."""
    folders = [path for path in sorted(out.iterdir()) if path.is_dir()]
    read = [path for path in folders if path.name.removesuffix(".partial") in stages]
    stage = random.choice(read if random.random() < 0.9 else folders)
    files = sorted(path for path in stage.rglob("*") if path.is_file())
    manifests = [path for path in files if path.name in ("manifest.json", "unfinished.json")]
    data = [path for path in files if path.suffix in (".nc", ".safetensors", ".csv")]
    return random.choice([manifests or files, data or files, files][random.randrange(3)])


def put(path: Path, random: Random, outside: Path) -> str:
    """Put something else in the place of a file or folder."""
    match random.choice(["pipe", "folder", "dangling link", "loop", "link outside", "device", "file", "nothing"]):
        case "pipe":
            os.mkfifo(path)
            return "pipe"
        case "folder":
            path.mkdir()
            (path / "x").write_text("x")
            return "folder"
        case "dangling link":
            path.symlink_to("nowhere")
            return "dangling link"
        case "loop":
            path.symlink_to(path.name)
            return "loop"
        case "link outside":
            path.symlink_to(outside)
            return "link to another file"
        case "device":
            path.symlink_to(random.choice(["/dev/zero", "/dev/null"]))
            return "device"
        case "file":
            path.write_bytes(random.choice(OTHER_FORMATS))
            return "other format"
    return "deleted"


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def change_bytes(path: Path, random: Random) -> str:
    content = bytearray(path.read_bytes() or b"\0")
    where = random.randrange(len(content))
    match random.randrange(4):
        case 0:
            path.write_bytes(content[:where])
            return "cut"
        case 1:
            path.write_bytes(content + bytes(random.randrange(256) for _ in range(random.choice([1, 50]))))
            return "longer"
        case 2:
            length = random.randint(1, 512)
            content[where : where + length] = b"\0" * len(content[where : where + length])
            path.write_bytes(content)
            return "zeros"
    for _ in range(random.randint(1, 8)):
        at = random.randrange(len(content))
        content[at] ^= 1 << random.randrange(8)
    path.write_bytes(content)
    return "bits flipped"


def edit_json(path: Path, random: Random) -> str:
    """Change, remove, rename or add an entry of a manifest, at any depth."""
    content = json.loads(path.read_text())
    place = content
    name = random.choice(sorted(place))
    trail = [name]
    while isinstance(place[name], dict) and place[name] and random.random() < 0.7:
        place = place[name]
        name = random.choice(sorted(place))
        trail.append(name)
    match random.randrange(4):
        case 0:
            del place[name]
        case 1:
            place[name + "x"] = place.pop(name)
        case 2 if isinstance(place[name], str) and place[name]:
            place[name] = place[name][:-1] + random.choice("0123456789ab")
        case _:
            place[name] = random.choice(VALUES)
    path.write_text(json.dumps(content))
    return f"entry {'.'.join(trail)} edited"


def damage(out: Path, random: Random, outside: Path, stages: list[str]) -> tuple[str, list[str]]:
    """Damage the folder. Return a description, and the words of which a message must contain one.

    outside: a file outside of the folder, to which links point; nothing may change it. stages: those that are read.
    """
    path = choose_file(out, random, stages)
    where = path.relative_to(out)
    words = ["made from other results", where.name, where.parts[0], where.parts[0].removesuffix(".partial")]
    match random.randrange(8):
        case 0 | 1:
            done = change_bytes(path, random)
        case 2:
            _remove(path)
            done = put(path, random, outside)
        case 3:
            same = [each for each in sorted(out.rglob(f"*{path.suffix}")) if each.is_file() and each != path]
            other = random.choice(same or [path])
            content, others = path.read_bytes(), other.read_bytes()
            path.write_bytes(others)
            if random.random() < 0.5:
                other.write_bytes(content)
            done = f"replaced by or swapped with {other.relative_to(out)}"
            words += [other.name, *other.relative_to(out).parts[:1], other.relative_to(out).parts[0].partition(".")[0]]
        case 4:
            folder = out / where.parts[0]
            _remove(folder)
            done = f"whole folder: {put(folder, random, random.choice([outside, out / 'nn', out / 'pde']))}"
        case 5:
            stage = random.choice(FINISHED)
            hidden = out / random.choice(HIDDEN).format(stage)
            if hidden.exists() or not hidden.parent.exists():
                hidden = out / ".tmp"
            return f"{hidden.name}: {put(hidden, random, outside)}", [hidden.name, stage, out.name]
        case _:
            folder = out / where.parts[0]
            manifests = [each for each in (folder / "manifest.json", folder / "unfinished.json") if each.is_file()]
            where = manifests[0].relative_to(out)
            done = edit_json(manifests[0], random)
            words += [where.name, "stages"]
    return f"{where}: {done}", words
