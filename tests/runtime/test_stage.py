"""A stage from start to end: checkpoints, files, manifest, and damage to them."""

import json
import logging
import os

import numpy as np
import pytest
from safetensors.numpy import load_file

from freqbias.errors import NotFiniteError, UsageError
from freqbias.runtime import key_hash, sha256_of
from tests.runtime.results import KEYS, compute, interrupted
from tests.runtime.test_files import file_size_limit


def test_files_of_a_finished_stage(store):
    folder = compute(store)
    assert folder == store.root / "pde"
    assert {path.name for path in store.root.rglob("*")} == {"pde", "spectrum.txt", "manifest.json"}
    assert store.verify("pde", keys=KEYS) == folder


def test_manifest_entries(store):
    with store.open("pde", keys=KEYS) as stage:
        with stage.writing("fields/a.vtu") as path:
            path.write_text("abc")
        stage.finish(versions={"dolfinx": "0.11.0"}, dofs=12)
    manifest = json.loads((store.root / "pde/manifest.json").read_text())
    assert manifest == store.manifest("pde")
    assert manifest["keys"] == KEYS and manifest["key_hash"] == key_hash(KEYS)
    assert manifest["files"] == {"fields/a.vtu": {"sha256": sha256_of(store.root / "pde/fields/a.vtu"), "size": 3}}
    assert manifest["versions"]["numpy"] == np.__version__ and manifest["versions"]["dolfinx"] == "0.11.0"
    assert (manifest["stage"], manifest["format_version"], manifest["dofs"], manifest["resumed"]) == (
        "pde",
        1,
        12,
        False,
    )
    assert manifest["when"].endswith("+00:00") and os.uname().nodename not in json.dumps(manifest["platform"])
    assert 0 <= manifest["seconds"] < 60


def test_unfinished_stage_is_invisible(store):
    with store.open("pde", keys=KEYS) as stage:
        assert not stage.finished
        assert stage.folder.name == "pde.partial"
        assert not (store.root / "pde").exists()
        with pytest.raises(UsageError, match=r"unfinished.*--resume"):
            store.verify("pde")


def test_checkpoint_round_trip(store):
    arrays = {
        "file": np.arange(6).reshape(2, 3).T,
        "complex": np.array([[1 + 2j, -0.5], [3j, 4.0], [0.0, -1j]]).T,
        "complex scalar": np.array(1 - 2j),
        "single": np.array([0.1], dtype=np.float32),
        "scalar": np.array(3.5),
        "empty": np.zeros((0, 4)),
    }
    with store.open("pde", keys=KEYS) as stage:
        stage.save_checkpoint("b", arrays, time=0.1, losses=[1.0, np.float64(2.5)], steps=np.int64(7))
        stage.save_checkpoint("a", {})
        assert stage.checkpoints() == ["a", "b"]
        back, meta = stage.load_checkpoint("b")
    assert meta == {"time": 0.1, "losses": [1.0, 2.5], "steps": 7}
    assert list(back) == list(arrays)
    for name, array in arrays.items():
        assert back[name].dtype == array.dtype
        np.testing.assert_array_equal(back[name], array)


def test_checkpoints_are_safetensors_files(store):
    with store.open("pde", keys=KEYS) as stage:
        stage.save_checkpoint("a", {"v": np.arange(6.0).reshape(2, 3).T}, sha256="not the hash")
        np.testing.assert_array_equal(load_file(stage.folder / "parts/a.safetensors")["v"], [[0, 3], [1, 4], [2, 5]])


def test_checkpoint_replaces_earlier_one(store):
    with store.open("pde", keys=KEYS) as stage:
        for step in range(3):
            stage.save_checkpoint("checkpoint", {"w": np.full(2, step)}, step=step)
        assert stage.checkpoints() == ["checkpoint"] and stage.load_checkpoint("checkpoint")[1] == {"step": 2}
        with pytest.raises(UsageError, match="never"):
            stage.load_checkpoint("never")


@pytest.mark.parametrize(
    ("arrays", "meta", "error"),
    [
        ({"a": np.array([{}, 1], dtype=object)}, {}, ValueError),
        ({}, {"loss": float("nan")}, ValueError),
        ({}, {"f": open}, TypeError),
    ],
)
def test_unstorable_values_are_refused(store, arrays, meta, error):
    with store.open("pde", keys=KEYS) as stage:
        with pytest.raises(error):
            stage.save_checkpoint("a", arrays, **meta)
        assert stage.checkpoints() == []


@pytest.mark.parametrize("bad", [np.nan, np.inf, complex(0, np.nan), np.float32(-np.inf)])
def test_nan_never_replaces_a_checkpoint(store, bad):
    with store.open("pde", keys=KEYS) as stage:
        stage.save_checkpoint("state", {"w": np.ones(3), "n": np.arange(2)}, step=1)
        with pytest.raises(NotFiniteError, match=r"w of checkpoint state has NaN or infinity.*--resume") as refused:
            stage.save_checkpoint("state", {"w": np.array([1.0, bad]), "n": np.arange(2)}, step=2)
        assert refused.value.exit_code == 3
        assert stage.load_checkpoint("state")[1] == {"step": 1}


@pytest.mark.parametrize("name", ["", "a/b", "../a", ".hidden", "a b"])
def test_names_that_escape_the_folder(store, name):
    with pytest.raises(ValueError, match="cannot be the name of a stage"):
        store.open(name, keys=KEYS)
    with store.open("pde", keys=KEYS) as stage, pytest.raises(ValueError, match="cannot be the name of a checkpoint"):
        stage.save_checkpoint(name, {})


@pytest.mark.parametrize("name", ["../escaped", "/escaped"])
def test_paths_that_escape_the_folder(store, name):
    with store.open("pde", keys=KEYS) as stage, pytest.raises(ValueError, match="inside"), stage.writing(name):
        pytest.fail("the body must not start")


def test_writing_moves_the_named_file_last(store, monkeypatch):
    moved = []
    replace = os.replace

    def recorded(source, target):
        moved.append(target.name)
        replace(source, target)

    monkeypatch.setattr(os, "replace", recorded)
    with store.open("pde", keys=KEYS) as stage:
        with stage.writing("maps/fields.pvd") as path:
            (path.parent / "fields_0.vtu").write_text("values")
            (path.parent / "z.vtu").write_text("values")
            path.write_text("fields_0.vtu")
            assert not (stage.folder / "maps").exists()
        assert moved[-3:] == ["fields_0.vtu", "z.vtu", "fields.pvd"]
        assert (stage.folder / "maps/fields.pvd").read_text() == "fields_0.vtu"
        assert (stage.folder / "maps/fields_0.vtu").read_text() == "values"


def test_failed_writing_keeps_earlier_file(store):
    with store.open("pde", keys=KEYS) as stage:
        with stage.writing("a.txt") as path:
            path.write_text("first")
        with pytest.raises(ZeroDivisionError), stage.writing("a.txt") as path:
            path.write_text("second")
            1 / 0  # noqa: B018
        with pytest.raises(FileNotFoundError, match="nothing was written"), stage.writing("a.txt"):
            pass
        assert (stage.folder / "a.txt").read_text() == "first"


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[:100],
        lambda data: b"",
        lambda data: data[:-9] + b"x" + data[-8:],
        lambda data: data.replace(b"names", b"name5"),
        lambda data: data.replace(b'"sha256":"', b'"sha256":"0')[: len(data)],
    ],
)
def test_damaged_checkpoint_is_dropped(store, damage, caplog):
    interrupted(store)
    with store.open("pde", keys=KEYS, resume=True) as stage:
        stage.save_checkpoint("step-2", {"v": np.ones(4)})
    path = store.root / "pde.partial/parts/step-1.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    with store.open("pde", keys=KEYS, resume=True) as stage, caplog.at_level(logging.WARNING, "freqbias"):
        with pytest.raises(UsageError, match=r"step-1\.safetensors is damaged"):
            stage.load_checkpoint("step-1")
        assert stage.checkpoints() == ["step-2"]
    assert "step-1.safetensors is damaged" in caplog.text
    assert not path.exists()


def test_full_disk_keeps_checkpoint(store):
    with store.open("pde", keys=KEYS) as stage:
        stage.save_checkpoint("checkpoint", {"w": np.zeros(10)}, step=1)
        with file_size_limit(20_000):
            with pytest.raises(UsageError, match=r"cannot write .*checkpoint\.safetensors.*--resume"):
                stage.save_checkpoint("checkpoint", {"w": np.zeros(10_000)}, step=2)
            with (
                pytest.raises(UsageError, match=r"cannot write .*spectrum\.nc.*--resume"),
                stage.writing("spectrum.nc") as path,
            ):
                path.write_bytes(bytes(30_000))
        assert stage.load_checkpoint("checkpoint")[1] == {"step": 1}
        assert not (stage.folder / "spectrum.nc").exists()
