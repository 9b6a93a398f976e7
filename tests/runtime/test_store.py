"""The rules of the result store: which results are refused, continued, kept."""

import logging
import os

import pytest

from freqbias.errors import UsageError
from freqbias.runtime import Store
from tests.runtime.results import KEYS, OTHER, compute, content, interrupted

# --- existing results


def test_finished_result_needs_a_flag(store):
    compute(store)
    before = content(store.root)
    with pytest.raises(UsageError, match=r"out/pde holds a finished result.*--resume.*--overwrite"):
        store.open("pde", keys=KEYS)
    assert content(store.root) == before


def test_unfinished_result_needs_a_flag(store):
    interrupted(store)
    before = content(store.root)
    with pytest.raises(UsageError, match=r"out/pde\.partial holds an unfinished result.*--resume.*--overwrite"):
        store.open("pde", keys=KEYS)
    assert content(store.root) == before


def test_contradicting_flags(store):
    with pytest.raises(UsageError, match=r"--resume.*--overwrite"):
        store.open("pde", keys=KEYS, resume=True, overwrite=True)
    assert not store.root.exists()


def test_resume_of_a_finished_stage(store):
    compute(store)
    before = content(store.root)
    with store.open("pde", keys=dict(reversed(KEYS.items())), resume=True) as stage:
        assert stage.finished and stage.folder == store.root / "pde"
        for write in (lambda: stage.save_checkpoint("a", {}), stage.finish, lambda: stage.writing("a").__enter__()):
            with pytest.raises(RuntimeError, match="finished"):
                write()
    assert content(store.root) == before


def test_resume_from_checkpoints(store):
    interrupted(store)
    with store.open("pde", keys=KEYS, resume=True) as stage:
        assert not stage.finished and stage.resumed
        assert stage.checkpoints() == ["step-1"]
        arrays, meta = stage.load_checkpoint("step-1")
        assert arrays["v"].tolist() == [0, 1, 2] and meta == {"time": 0.5}
        stage.finish()
    assert store.manifest("pde")["resumed"]


def test_resume_without_a_result(store):
    with store.open("pde", keys=KEYS, resume=True) as stage:
        assert not stage.finished and not stage.resumed and stage.checkpoints() == []


@pytest.mark.parametrize("earlier", [compute, interrupted])
def test_resume_with_a_changed_key(store, earlier):
    earlier(store)
    before = content(store.root)
    with pytest.raises(UsageError, match=r"density\.sigma: 10 -> 12\).*--overwrite"):
        store.open("pde", keys=OTHER, resume=True)
    assert content(store.root) == before


def test_resume_with_an_allowed_change(store):
    with store.open("pde", keys=KEYS) as stage:
        stage.allow_changes("density.sigma")
    with pytest.raises(UsageError, match="seed") as refused:
        store.open("pde", keys=OTHER | {"seed": 17}, resume=True)
    assert "sigma" not in str(refused.value)
    with store.open("pde", keys=OTHER, resume=True) as stage:
        assert stage.resumed
    with pytest.raises(UsageError, match=r"density\.sigma"):  # allowed once, not for ever
        store.open("pde", keys=KEYS, resume=True)
    with store.open("pde", keys=OTHER, resume=True) as stage:
        stage.finish()
    assert store.manifest("pde")["keys"] == OTHER


def test_allowed_change_lasts_one_resume(store):
    with store.open("pde", keys=KEYS) as stage:
        stage.allow_changes("density.sigma")
    store.open("pde", keys=KEYS, resume=True).close()
    with pytest.raises(UsageError, match=r"density\.sigma"):
        store.open("pde", keys=OTHER, resume=True)


def test_repair_of_a_killed_publication(store, monkeypatch):
    compute(store, "old")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("freqbias.runtime.stage.publish", lambda folder: (_ for _ in ()).throw(KeyboardInterrupt))
        compute(store, "new", overwrite=True)
    assert store.check("pde", keys=KEYS, resume=True)
    assert (store.root / "pde" / "spectrum.txt").read_text() == "old"
    store.repair("pde")
    assert (store.root / "pde" / "spectrum.txt").read_text() == "new"


def test_resume_of_a_damaged_result(store):
    (compute(store) / "spectrum.txt").write_text("Result")
    with pytest.raises(UsageError, match=r"spectrum\.txt has changed since it was written.*--overwrite"):
        store.open("pde", keys=KEYS, resume=True)


def test_overwrite_keeps_the_old_result(store):
    compute(store, "old")
    with store.open("pde", keys=OTHER, overwrite=True) as stage:
        with stage.writing("spectrum.txt") as path:
            path.write_text("new")
        assert (store.verify("pde", keys=KEYS) / "spectrum.txt").read_text() == "old"
        stage.finish()
    assert (store.verify("pde", keys=OTHER) / "spectrum.txt").read_text() == "new"
    assert [path.name for path in store.root.iterdir()] == ["pde"]


def test_overwrite_of_an_unfinished_stage(store):
    interrupted(store)
    with store.open("pde", keys=OTHER, overwrite=True) as stage:
        assert stage.checkpoints() == [] and not stage.resumed


def test_resume_of_an_interrupted_overwrite(store):
    compute(store, "old")
    interrupted(store, OTHER, overwrite=True)
    assert (store.verify("pde", keys=KEYS) / "spectrum.txt").read_text() == "old"
    with store.open("pde", keys=OTHER, resume=True) as stage:
        assert stage.checkpoints() == ["step-1"]


@pytest.mark.parametrize("folder", ["pde", "pde.partial"])
def test_foreign_folder_is_never_touched(store, folder):
    (store.root / folder).mkdir(parents=True)
    (store.root / folder / "__init__.py").write_text("code of the user")
    before = content(store.root)
    for how in ({}, {"resume": True}, {"overwrite": True}):
        with pytest.raises(UsageError, match=r"is not a result of freqbias.*--out"):
            store.open("pde", keys=KEYS, **how)
    assert content(store.root) == before


def test_overwrite_of_a_damaged_manifest(store):
    (compute(store) / "manifest.json").write_text("{")
    for read in (lambda: store.verify("pde"), lambda: store.open("pde", keys=KEYS, resume=True)):
        with pytest.raises(UsageError, match=r"manifest\.json is damaged.*--overwrite"):
            read()
    compute(store, "again", overwrite=True)
    assert (store.verify("pde") / "spectrum.txt").read_text() == "again"


def test_later_format_is_refused(store):
    path = compute(store) / "manifest.json"
    path.write_text(path.read_text().replace('"format_version": 1', '"format_version": 2'))
    with pytest.raises(UsageError, match="format_version 2"):
        store.verify("pde")


def test_run_file_with_other_keys_warns(store, caplog):
    compute(store)
    with store.open("nn", keys=OTHER) as stage, caplog.at_level(logging.WARNING, "freqbias"):
        store.save_run_file("first", {"pde": KEYS, "nn": KEYS, "compare": KEYS})
        assert not caplog.records
        store.save_run_file("second", {"pde": OTHER, "nn": OTHER, "compare": OTHER})
        stage.finish()
    (message,) = caplog.messages
    assert "out/pde was computed with other keys (density.sigma: 10 -> 12)" in message
    assert (store.root / "run.toml").read_text() == "second"
    caplog.clear()
    with store.open("pde", keys=OTHER, overwrite=True), caplog.at_level(logging.WARNING, "freqbias"):
        store.save_run_file("third", {"pde": OTHER, "nn": OTHER})
    assert not caplog.records


# --- damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_text("resulT"), "has changed since it was written"),
        (lambda path: path.unlink(), "is missing"),
    ],
)
def test_damaged_file_is_found(store, damage, message):
    damage(compute(store) / "spectrum.txt")
    with pytest.raises(UsageError, match=rf"spectrum\.txt {message}.*freqbias pde RUN\.toml --overwrite"):
        store.verify("pde")


def test_missing_stage_names_its_command(store):
    with pytest.raises(UsageError, match=r"no nn result in .*out.*freqbias nn RUN\.toml"):
        store.verify("nn")
    assert not store.root.exists()


def test_verify_names_the_changed_key(store):
    compute(store)
    with pytest.raises(UsageError, match=r"density\.sigma: 10 -> 12"):
        store.verify("pde", keys=OTHER)


# --- folders that cannot be written


@pytest.mark.parametrize("below", ["", "deeper"])
def test_file_in_place_of_the_folder(tmp_path, below):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UsageError, match=r"cannot write .*out.*a file is in the place of a folder"):
        Store(tmp_path / "out" / below).open("pde", keys=KEYS)
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.parametrize("below", ["", "deeper"])
def test_link_to_nothing_in_place_of_the_folder(tmp_path, below):
    (tmp_path / "out").symlink_to("nowhere")
    with pytest.raises(UsageError, match=r"cannot write .*out: this link leads to nothing; move this link away"):
        Store(tmp_path / "out" / below).open("pde", keys=KEYS)


def test_folder_without_permission(store):
    store.root.mkdir()
    store.root.chmod(0o555)
    nobody = 65534
    user = os.geteuid()
    if user == 0:  # root may write anywhere: become another user for a moment
        os.seteuid(nobody)
    try:
        with pytest.raises(UsageError, match=r"cannot write .*out.*Permission denied.*--out"):
            store.open("pde", keys=KEYS)
    finally:
        os.seteuid(user)
        store.root.chmod(0o755)
    assert not list(store.root.iterdir())
