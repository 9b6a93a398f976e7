"""The rules of the result store: what is refused, what goes on, what stays."""

import json
import logging
import os

import numpy as np
import pytest

from runtime import Store, UsageError, key_hash, sha256_of
from tests.runtime.test_files import file_size_limit

KEYS = {"density": {"kind": "gaussian", "sigma": 10.0}, "seed": 0}
OTHER = {"density": {"kind": "gaussian", "sigma": 12.0}, "seed": 0}


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "out")


def compute(store, content="result", keys=KEYS, **how):
    """A whole stage."""
    with store.open("pde", keys=keys, **how) as stage:
        stage.save_part("step-1", {"v": np.arange(3)})
        with stage.writing("spectrum.txt") as path:
            path.write_text(content)
        return stage.finish()


def interrupted(store, keys=KEYS, **how):
    """A stage that ends with one part."""
    with store.open("pde", keys=keys, **how) as stage:
        stage.save_part("step-1", {"v": np.arange(3)}, time=0.5)


def content(root):
    """Everything below root: names, and bytes of files."""
    return {path: path.read_bytes() if path.is_file() else None for path in sorted(root.rglob("*"))}


# --- a stage from start to end


def test_a_finished_stage_holds_its_files_and_nothing_else(store):
    folder = compute(store)
    assert folder == store.root / "pde"
    assert {path.name for path in store.root.rglob("*")} == {"pde", "spectrum.txt", "manifest.json"}
    assert store.verify("pde", keys=KEYS) == folder


def test_the_manifest_says_what_the_result_is(store):
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


def test_until_the_end_readers_see_no_result(store):
    with store.open("pde", keys=KEYS) as stage:
        assert not stage.finished
        assert stage.folder.name == "pde.partial"
        assert not (store.root / "pde").exists()
        with pytest.raises(UsageError, match=r"unfinished.*--resume"):
            store.verify("pde")


def test_parts_give_back_what_was_saved(store):
    arrays = {
        "file": np.arange(6).reshape(2, 3).T,
        "complex": np.array([1 + 2j, np.nan]),
        "single": np.array([0.1], dtype=np.float32),
        "scalar": np.array(3.5),
        "empty": np.zeros((0, 4)),
    }
    with store.open("pde", keys=KEYS) as stage:
        stage.save_part("b", arrays, time=0.1, losses=[1.0, np.float64(2.5)], steps=np.int64(7))
        stage.save_part("a", {})
        assert stage.parts() == ["a", "b"]
        back, meta = stage.load_part("b")
    assert meta == {"time": 0.1, "losses": [1.0, 2.5], "steps": 7}
    assert list(back) == list(arrays)
    for name, array in arrays.items():
        assert back[name].dtype == array.dtype
        np.testing.assert_array_equal(back[name], array)


def test_a_part_saved_again_replaces_the_earlier(store):
    with store.open("pde", keys=KEYS) as stage:
        for step in range(3):
            stage.save_part("checkpoint", {"w": np.full(2, step)}, step=step)
        assert stage.parts() == ["checkpoint"] and stage.load_part("checkpoint")[1] == {"step": 2}
        with pytest.raises(UsageError, match="never"):
            stage.load_part("never")


@pytest.mark.parametrize(
    ("arrays", "meta", "error"),
    [
        ({"a": np.array([{}, 1], dtype=object)}, {}, ValueError),
        ({}, {"loss": float("nan")}, ValueError),
        ({}, {"f": open}, TypeError),
    ],
)
def test_what_would_need_pickle_or_is_nan_is_refused(store, arrays, meta, error):
    with store.open("pde", keys=KEYS) as stage:
        with pytest.raises(error):
            stage.save_part("a", arrays, **meta)
        assert stage.parts() == []


@pytest.mark.parametrize("name", ["", "a/b", "../a", ".hidden", "a b"])
def test_names_cannot_leave_the_folder(store, name):
    with pytest.raises(ValueError, match="cannot name a stage"):
        store.open(name, keys=KEYS)
    with store.open("pde", keys=KEYS) as stage, pytest.raises(ValueError, match="cannot name a part"):
        stage.save_part(name, {})


@pytest.mark.parametrize("name", ["../escaped", "/escaped"])
def test_written_files_cannot_leave_the_folder(store, name):
    with store.open("pde", keys=KEYS) as stage, pytest.raises(ValueError, match="inside"), stage.writing(name):
        pytest.fail("the body must not start")


def test_writing_brings_the_files_beside_the_named_one_which_comes_last(store, monkeypatch):
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


def test_writing_that_fails_leaves_the_earlier_file(store):
    with store.open("pde", keys=KEYS) as stage:
        with stage.writing("a.txt") as path:
            path.write_text("first")
        with pytest.raises(ZeroDivisionError), stage.writing("a.txt") as path:
            path.write_text("second")
            1 / 0  # noqa: B018
        with pytest.raises(FileNotFoundError, match="nothing was written"), stage.writing("a.txt"):
            pass
        assert (stage.folder / "a.txt").read_text() == "first"


# --- what exists


def test_a_finished_result_is_not_touched_unasked(store):
    compute(store)
    before = content(store.root)
    with pytest.raises(UsageError, match=r"out/pde holds a finished result.*--resume.*--overwrite"):
        store.open("pde", keys=KEYS)
    assert content(store.root) == before


def test_an_unfinished_result_is_not_touched_unasked(store):
    interrupted(store)
    before = content(store.root)
    with pytest.raises(UsageError, match=r"out/pde\.partial holds an unfinished result.*--resume.*--overwrite"):
        store.open("pde", keys=KEYS)
    assert content(store.root) == before


def test_both_flags_contradict_each_other_and_nothing_is_created(store):
    with pytest.raises(UsageError, match=r"--resume.*--overwrite"):
        store.open("pde", keys=KEYS, resume=True, overwrite=True)
    assert not store.root.exists()


def test_resume_of_a_finished_stage_has_nothing_to_do(store):
    compute(store)
    before = content(store.root)
    with store.open("pde", keys=dict(reversed(KEYS.items())), resume=True) as stage:
        assert stage.finished and stage.folder == store.root / "pde"
        for write in (lambda: stage.save_part("a", {}), stage.finish, lambda: stage.writing("a").__enter__()):
            with pytest.raises(RuntimeError, match="finished"):
                write()
    assert content(store.root) == before


def test_resume_goes_on_from_the_parts(store):
    interrupted(store)
    with store.open("pde", keys=KEYS, resume=True) as stage:
        assert not stage.finished and stage.resumed
        assert stage.parts() == ["step-1"]
        arrays, meta = stage.load_part("step-1")
        assert arrays["v"].tolist() == [0, 1, 2] and meta == {"time": 0.5}
        stage.finish()
    assert store.manifest("pde")["resumed"]


def test_resume_starts_where_nothing_is(store):
    with store.open("pde", keys=KEYS, resume=True) as stage:
        assert not stage.finished and not stage.resumed and stage.parts() == []


@pytest.mark.parametrize("earlier", [compute, interrupted])
def test_resume_with_a_changed_key_is_refused_by_name(store, earlier):
    earlier(store)
    before = content(store.root)
    with pytest.raises(UsageError, match=r"density\.sigma: 10 -> 12\).*--overwrite"):
        store.open("pde", keys=OTHER, resume=True)
    assert content(store.root) == before


def test_resume_of_a_damaged_result_is_refused(store):
    (compute(store) / "spectrum.txt").write_text("Result")
    with pytest.raises(UsageError, match=r"spectrum\.txt is not what was written.*--overwrite"):
        store.open("pde", keys=KEYS, resume=True)


def test_overwrite_keeps_the_old_result_until_the_new_one_is_complete(store):
    compute(store, "old")
    with store.open("pde", keys=OTHER, overwrite=True) as stage:
        with stage.writing("spectrum.txt") as path:
            path.write_text("new")
        assert (store.verify("pde", keys=KEYS) / "spectrum.txt").read_text() == "old"
        stage.finish()
    assert (store.verify("pde", keys=OTHER) / "spectrum.txt").read_text() == "new"
    assert [path.name for path in store.root.iterdir()] == ["pde"]


def test_overwrite_starts_an_unfinished_stage_afresh(store):
    interrupted(store)
    with store.open("pde", keys=OTHER, overwrite=True) as stage:
        assert stage.parts() == [] and not stage.resumed


def test_an_interrupted_overwrite_is_what_resume_goes_on_from(store):
    compute(store, "old")
    interrupted(store, OTHER, overwrite=True)
    assert (store.verify("pde", keys=KEYS) / "spectrum.txt").read_text() == "old"
    with store.open("pde", keys=OTHER, resume=True) as stage:
        assert stage.parts() == ["step-1"]


@pytest.mark.parametrize("folder", ["pde", "pde.partial"])
def test_a_folder_that_is_not_ours_is_never_touched(store, folder):
    (store.root / folder).mkdir(parents=True)
    (store.root / folder / "__init__.py").write_text("somebody's code")
    before = content(store.root)
    for how in ({}, {"resume": True}, {"overwrite": True}):
        with pytest.raises(UsageError, match=r"is not a result of freqbias.*--out"):
            store.open("pde", keys=KEYS, **how)
    assert content(store.root) == before


def test_a_damaged_manifest_leaves_overwrite_as_the_way_out(store):
    (compute(store) / "manifest.json").write_text("{")
    for read in (lambda: store.verify("pde"), lambda: store.open("pde", keys=KEYS, resume=True)):
        with pytest.raises(UsageError, match=r"manifest\.json is damaged.*--overwrite"):
            read()
    compute(store, "again", overwrite=True)
    assert (store.verify("pde") / "spectrum.txt").read_text() == "again"


def test_a_result_of_a_later_format_is_refused(store):
    path = compute(store) / "manifest.json"
    path.write_text(path.read_text().replace('"format_version": 1', '"format_version": 2'))
    with pytest.raises(UsageError, match="format_version 2"):
        store.verify("pde")


def test_the_run_file_is_written_anew_with_a_warning_of_what_it_does_not_describe(store, caplog):
    compute(store)
    with store.open("nn", keys=OTHER) as stage, caplog.at_level(logging.WARNING, "freqbias"):
        store.keep_run_file("first", {"pde": KEYS, "nn": KEYS, "compare": KEYS})
        assert not caplog.records
        store.keep_run_file("second", {"pde": OTHER, "nn": OTHER, "compare": OTHER})
        stage.finish()
    (said,) = caplog.messages
    assert "out/pde was computed with other keys (density.sigma: 10 -> 12)" in said
    assert (store.root / "run.toml").read_text() == "second"
    caplog.clear()
    with store.open("pde", keys=OTHER, overwrite=True), caplog.at_level(logging.WARNING, "freqbias"):
        store.keep_run_file("third", {"pde": OTHER, "nn": OTHER})
    assert not caplog.records


# --- damage


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[:-1], lambda data: data[:100], lambda data: b"", lambda data: data[:-9] + b"x" + data[-8:]],
)
def test_a_damaged_part_is_dropped_with_a_warning(store, damage, caplog):
    interrupted(store)
    with store.open("pde", keys=KEYS, resume=True) as stage:
        stage.save_part("step-2", {"v": np.ones(4)})
    path = store.root / "pde.partial/parts/step-1.part"
    path.write_bytes(damage(path.read_bytes()))
    with store.open("pde", keys=KEYS, resume=True) as stage, caplog.at_level(logging.WARNING, "freqbias"):
        with pytest.raises(UsageError, match=r"step-1\.part is damaged"):
            stage.load_part("step-1")
        assert stage.parts() == ["step-2"]
    assert "step-1.part is damaged" in caplog.text
    assert not path.exists()


@pytest.mark.parametrize(
    ("damage", "said"),
    [(lambda path: path.write_text("resulT"), "is not what was written"), (lambda path: path.unlink(), "is missing")],
)
def test_a_damaged_file_is_found(store, damage, said):
    damage(compute(store) / "spectrum.txt")
    with pytest.raises(UsageError, match=rf"spectrum\.txt {said}.*freqbias pde RUN\.toml --overwrite"):
        store.verify("pde")


def test_a_missing_stage_names_the_command_that_makes_it(store):
    with pytest.raises(UsageError, match=r"no nn result in .*out.*freqbias nn RUN\.toml"):
        store.verify("nn")
    assert not store.root.exists()


def test_verify_names_the_key_that_differs(store):
    compute(store)
    with pytest.raises(UsageError, match=r"density\.sigma: 10 -> 12"):
        store.verify("pde", keys=OTHER)


# --- places that cannot be written


def test_a_full_disk_keeps_what_there_is(store):
    with store.open("pde", keys=KEYS) as stage:
        stage.save_part("checkpoint", {"w": np.zeros(10)}, step=1)
        with file_size_limit(20_000):
            with pytest.raises(UsageError, match=r"cannot write .*checkpoint\.part.*--resume"):
                stage.save_part("checkpoint", {"w": np.zeros(10_000)}, step=2)
            with (
                pytest.raises(UsageError, match=r"cannot write .*spectrum\.nc.*--resume"),
                stage.writing("spectrum.nc") as path,
            ):
                path.write_bytes(bytes(30_000))
        assert stage.load_part("checkpoint")[1] == {"step": 1}
        assert not (stage.folder / "spectrum.nc").exists()


@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_file_in_the_place_of_the_folder_is_named(tmp_path, below):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UsageError, match=r"cannot write .*out.*a file stands where a folder is needed"):
        Store(tmp_path / "out" / below).open("pde", keys=KEYS)
    assert (tmp_path / "out").read_text() == "mine"


def test_a_folder_without_permission_is_named(store):
    store.root.mkdir()
    store.root.chmod(0o555)
    nobody = 65534
    user = os.geteuid()
    if user == 0:  # root may write anywhere: be somebody else for a moment
        os.seteuid(nobody)
    try:
        with pytest.raises(UsageError, match=r"cannot write .*out.*Permission denied.*--out"):
            store.open("pde", keys=KEYS)
    finally:
        os.seteuid(user)
        store.root.chmod(0o755)
    assert not list(store.root.iterdir())
