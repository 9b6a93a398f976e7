"""The rules of the result store: what is refused, what goes on, what stays."""

import logging
import os

import pytest

from freqbias.errors import UsageError
from freqbias.runtime import Store
from tests.runtime.results import KEYS, OTHER, compute, content, interrupted

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
        for write in (lambda: stage.save_checkpoint("a", {}), stage.finish, lambda: stage.writing("a").__enter__()):
            with pytest.raises(RuntimeError, match="finished"):
                write()
    assert content(store.root) == before


def test_resume_goes_on_from_the_parts(store):
    interrupted(store)
    with store.open("pde", keys=KEYS, resume=True) as stage:
        assert not stage.finished and stage.resumed
        assert stage.checkpoints() == ["step-1"]
        arrays, meta = stage.load_checkpoint("step-1")
        assert arrays["v"].tolist() == [0, 1, 2] and meta == {"time": 0.5}
        stage.finish()
    assert store.manifest("pde")["resumed"]


def test_resume_starts_where_nothing_is(store):
    with store.open("pde", keys=KEYS, resume=True) as stage:
        assert not stage.finished and not stage.resumed and stage.checkpoints() == []


@pytest.mark.parametrize("earlier", [compute, interrupted])
def test_resume_with_a_changed_key_is_refused_by_name(store, earlier):
    earlier(store)
    before = content(store.root)
    with pytest.raises(UsageError, match=r"density\.sigma: 10 -> 12\).*--overwrite"):
        store.open("pde", keys=OTHER, resume=True)
    assert content(store.root) == before


def test_keys_that_may_change_are_taken_as_they_are_now_and_others_refused(store):
    with store.open("pde", keys=KEYS) as stage:
        stage.allow_changes("density.sigma")
    with pytest.raises(UsageError, match="seed") as refused:
        store.open("pde", keys=OTHER | {"seed": 17}, resume=True)
    assert "sigma" not in str(refused.value)
    with store.open("pde", keys=OTHER, resume=True) as stage:
        assert stage.resumed
    with pytest.raises(UsageError, match=r"density\.sigma"):  # once allowed, not for ever
        store.open("pde", keys=KEYS, resume=True)
    with store.open("pde", keys=OTHER, resume=True) as stage:
        stage.finish()
    assert store.manifest("pde")["keys"] == OTHER


def test_keys_that_may_change_are_fixed_once_it_goes_on(store):
    with store.open("pde", keys=KEYS) as stage:
        stage.allow_changes("density.sigma")
    store.open("pde", keys=KEYS, resume=True).close()
    with pytest.raises(UsageError, match=r"density\.sigma"):
        store.open("pde", keys=OTHER, resume=True)


def test_what_was_killed_while_it_was_published_is_brought_to_its_place(store, monkeypatch):
    compute(store, "old")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("freqbias.runtime.stage.publish", lambda folder: (_ for _ in ()).throw(KeyboardInterrupt))
        compute(store, "new", overwrite=True)
    assert store.check("pde", keys=KEYS, resume=True)
    assert (store.root / "pde" / "spectrum.txt").read_text() == "old"
    store.repair("pde")
    assert (store.root / "pde" / "spectrum.txt").read_text() == "new"


def test_resume_of_a_damaged_result_is_refused(store):
    (compute(store) / "spectrum.txt").write_text("Result")
    with pytest.raises(UsageError, match=r"spectrum\.txt has changed since it was written.*--overwrite"):
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
        assert stage.checkpoints() == [] and not stage.resumed


def test_an_interrupted_overwrite_is_what_resume_goes_on_from(store):
    compute(store, "old")
    interrupted(store, OTHER, overwrite=True)
    assert (store.verify("pde", keys=KEYS) / "spectrum.txt").read_text() == "old"
    with store.open("pde", keys=OTHER, resume=True) as stage:
        assert stage.checkpoints() == ["step-1"]


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
        store.save_run_file("first", {"pde": KEYS, "nn": KEYS, "compare": KEYS})
        assert not caplog.records
        store.save_run_file("second", {"pde": OTHER, "nn": OTHER, "compare": OTHER})
        stage.finish()
    (said,) = caplog.messages
    assert "out/pde was computed with other keys (density.sigma: 10 -> 12)" in said
    assert (store.root / "run.toml").read_text() == "second"
    caplog.clear()
    with store.open("pde", keys=OTHER, overwrite=True), caplog.at_level(logging.WARNING, "freqbias"):
        store.save_run_file("third", {"pde": OTHER, "nn": OTHER})
    assert not caplog.records


# --- damage


@pytest.mark.parametrize(
    ("damage", "said"),
    [(lambda path: path.write_text("resulT"), "has changed since it was written"), (lambda path: path.unlink(), "is missing")],
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


@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_file_in_the_place_of_the_folder_is_named(tmp_path, below):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UsageError, match=r"cannot write .*out.*a file is in the place of a folder"):
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
