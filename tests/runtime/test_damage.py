"""Damaged results are found and named, whatever was damaged. No command waits for a pipe or reads a device for ever."""

import json
import logging
import os
import signal

import numpy as np
import pytest

from freqbias.errors import UsageError
from tests.runtime.results import KEYS, compute, interrupted


@pytest.fixture(autouse=True)
def no_hang():
    """Fail after ten seconds."""

    def fail(number, frame):
        raise AssertionError("the store waits")

    old = signal.signal(signal.SIGALRM, fail)
    signal.alarm(10)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, old)


def in_the_place_of(path):
    """Each thing that can stand where a file should be, by name."""
    return {
        "pipe": lambda: os.mkfifo(path),
        "device": lambda: path.symlink_to("/dev/zero"),
        "folder": path.mkdir,
        "loop": lambda: path.symlink_to(path.name),
        "dangling link": lambda: path.symlink_to("nowhere"),
    }


OBSTACLES = pytest.mark.parametrize("kind", ["pipe", "device", "folder", "loop", "dangling link"])


def replace(path, kind):
    path.unlink(missing_ok=True)
    in_the_place_of(path)[kind]()


def readers(store):
    """The ways to read a finished result."""
    return (
        lambda: store.verify("pde"),
        lambda: store.open("pde", keys=KEYS, resume=True),
        lambda: store.check("pde", keys=KEYS, resume=True),
    )


def edited(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


FILE = {"sha256": "0" * 64, "size": 6}
EDITS = {
    "keys": [None, [], "x", 3],
    "files": [None, [], "x", 3, {}, {"spectrum.txt": None}, {"spectrum.txt": {}}, {"spectrum.txt": {"sha256": "0"}}],
    "format_version": [None, [], "1"],
    "stage": [None, [], "nn"],
    "seconds": [None, "x"],
    "sources": [None, []],
}


@pytest.mark.parametrize(("entry", "value"), [(entry, value) for entry, values in EDITS.items() for value in values])
@pytest.mark.parametrize("hashed", [True, False], ids=["", "of an earlier version"])
def test_manifest_with_a_wrong_entry(store, entry, value, hashed):
    path = compute(store) / "manifest.json"
    edited(path, **{entry: value})
    if not hashed:
        path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "files_hash"}))
    (store.root / "pde" / "spectrum.txt").write_text("cut")
    for read in readers(store):
        with pytest.raises(UsageError, match=r"manifest\.json is damaged \(.*--overwrite"):
            read()


def test_manifest_that_lists_fewer_files(store):
    with store.open("pde", keys=KEYS) as stage:
        for name in ("a.txt", "b.txt"):
            with stage.writing(name) as path:
                path.write_text(name)
        folder = stage.finish()
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["files"]["b.txt"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    for read in readers(store):
        with pytest.raises(UsageError, match=r"manifest\.json is damaged \(the SHA-256 of the entry files"):
            read()
    del manifest["files_hash"]  # as an earlier version wrote it
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert store.verify("pde", needs=["a.txt"]) == folder
    with pytest.raises(UsageError, match=r"manifest\.json is damaged \(it does not list b\.txt"):
        store.verify("pde", needs=["b.txt"])


DEEP = "[" * 100_000
HUGE = f'{{"format_version": 1, "files": {{}}, "keys": {{"a": {"9" * 5000}}}}}'


@pytest.mark.parametrize("text", ["", "null", "[]", '"x"', "{", DEEP, HUGE, HUGE.replace("9" * 5000, "1e999"), "\xff"])
def test_manifest_that_is_no_table(store, text):
    (compute(store) / "manifest.json").write_bytes(text.encode("latin-1"))
    for read in readers(store):
        with pytest.raises(UsageError, match=r"manifest\.json is damaged \(.*--overwrite"):
            read()


@pytest.mark.parametrize("name", ["../../passwd", "/dev/zero", "a\0b", "a" * 5000, "\ud800"])
def test_manifest_with_an_impossible_name(store, name):
    path = compute(store) / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["files_hash"]
    path.write_text(json.dumps(manifest | {"files": {name: FILE}}))
    for read in readers(store):
        with pytest.raises(UsageError, match=r"is missing: compute again"):
            read()


@OBSTACLES
def test_result_file_replaced(store, kind):
    replace(compute(store) / "spectrum.txt", kind)
    for read in readers(store):
        with pytest.raises(UsageError, match=r"spectrum\.txt is missing: compute again"):
            read()


@OBSTACLES
def test_manifest_replaced(store, kind):
    replace(compute(store) / "manifest.json", kind)
    with pytest.raises(UsageError, match="there is no pde result"):
        store.verify("pde")
    for read in readers(store)[1:]:
        with pytest.raises(UsageError, match=r"out/pde is not a result of freqbias: move this folder away"):
            read()


@pytest.mark.parametrize("kind", ["pipe", "device", "loop", "dangling link"])
@pytest.mark.parametrize("name", ["pde", "pde.partial"])
@pytest.mark.parametrize("flags", [{}, {"resume": True}, {"overwrite": True}], ids=str)
def test_folder_replaced(store, name, kind, flags):
    store.root.mkdir()
    in_the_place_of(store.root / name)[kind]()
    for begin in (store.check, store.open):
        with pytest.raises(UsageError, match=rf"out/{name} is not a result of freqbias: move this folder away"):
            begin("pde", keys=KEYS, **flags)


@OBSTACLES
@pytest.mark.parametrize("name", [".pde.old", ".pde.trash", ".overwrite.json", "pde.partial/.tmp"])
def test_leftovers_replaced(store, name, kind):
    """Hidden files never keep a stage from being computed again."""
    compute(store, "old")
    interrupted(store, overwrite=True)
    in_the_place_of(store.root / name)[kind]()
    assert not store.overwrite_interrupted({"pde": KEYS})
    assert (store.verify("pde") / "spectrum.txt").read_text() == "old"
    compute(store, "new", resume=True)
    assert (store.verify("pde") / "spectrum.txt").read_text() == "new"


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "loop"])
def test_lock_replaced(store, kind):
    interrupted(store)
    in_the_place_of(store.root / ".pde.lock")[kind]()
    with pytest.raises(UsageError, match=r"cannot write .*out/\.pde\.lock: .*; move .* away or choose another --out"):
        store.open("pde", keys=KEYS, resume=True)


def test_lock_never_follows_a_link(store, tmp_path):
    (tmp_path / "thesis").write_text("all my work")
    store.root.mkdir()
    (store.root / ".pde.lock").symlink_to(tmp_path / "thesis")
    with pytest.raises(UsageError, match=r"\.pde\.lock: .*; move this link away"):
        compute(store)
    assert (tmp_path / "thesis").read_text() == "all my work"


@OBSTACLES
def test_checkpoint_replaced(store, kind, caplog):
    interrupted(store)
    replace(store.root / "pde.partial/parts/step-1.safetensors", kind)
    with store.open("pde", keys=KEYS, resume=True) as stage, caplog.at_level(logging.WARNING, "freqbias"):
        assert stage.checkpoints() == []
        assert "step-1.safetensors is damaged" in caplog.text
        assert list((stage.folder / "parts").iterdir()) == []
        stage.finish()


def test_one_warning_for_all_damaged_checkpoints(store, caplog):
    with store.open("pde", keys=KEYS) as stage:
        for step in range(9):
            stage.save_checkpoint(f"step-{step}", {"v": np.arange(3)})
    for step in range(7):
        (stage.folder / f"parts/step-{step}.safetensors").write_bytes(b"")
    with store.open("pde", keys=KEYS, resume=True) as stage, caplog.at_level(logging.WARNING, "freqbias"):
        assert stage.checkpoints() == ["step-7", "step-8"]
    (warning,) = caplog.messages
    assert "step-0.safetensors is damaged (the SHA-256 does not match), and so are 6 more" in warning


def test_swapped_checkpoints(store, caplog):
    """Intact files with each other's names would give wrong numbers."""
    for name, other in (("pde", "nn"), ("nn", "pde")):
        with store.open(name, keys=KEYS) as stage:
            stage.save_checkpoint("a", {"v": np.arange(3)})
            stage.save_checkpoint("b", {"v": np.arange(4)})
            stage.save_checkpoint("c", {"v": np.arange(5)}, of=other)
    pde, nn = (store.root / f"{name}.partial" / "parts" for name in ("pde", "nn"))
    (pde / "a.safetensors").rename(pde / "kept")
    (pde / "b.safetensors").rename(pde / "a.safetensors")
    (pde / "kept").rename(pde / "b.safetensors")
    (nn / "c.safetensors").replace(pde / "c.safetensors")
    with store.open("pde", keys=KEYS, resume=True) as stage, caplog.at_level(logging.WARNING, "freqbias"):
        assert stage.checkpoints() == []
    assert "a.safetensors is damaged (it is the checkpoint pde/b), and so are 2 more" in caplog.text


@pytest.mark.parametrize(
    "text", ["", "null", "[]", '"x"', DEEP, '{"format_version": 1}', '{"format_version": 1, "keys": null}']
)
def test_damaged_list_of_keys_starts_again(store, text, caplog):
    interrupted(store)
    (store.root / "pde.partial/unfinished.json").write_text(text)
    with caplog.at_level(logging.WARNING, "freqbias"), store.open("pde", keys=KEYS, resume=True) as stage:
        assert not stage.resumed and stage.checkpoints() == []
        stage.finish()
    assert "unfinished.json is damaged" in caplog.messages[0] and "from the beginning" in caplog.messages[0]
    store.verify("pde", keys=KEYS)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")
def test_messages_name_no_internal_file(store):
    store.root.mkdir(mode=0o500)
    with pytest.raises(UsageError, match=r"cannot write \S+/out: Permission denied"):
        store.begin_overwrite({"pde": KEYS})
