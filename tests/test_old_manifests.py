"""Results of an earlier version, in whose manifests keys are absent: they count as their defaults, in every stage."""

import json
import pickle
from copy import deepcopy
from dataclasses import asdict

import pytest

from freqbias.compare.stages import Options
from freqbias.errors import UsageError
from freqbias.problem import parse, stage_keys
from freqbias.problem.stage_dependencies import STAGES
from freqbias.runtime import Store, changed_keys, key_hash
from tests.problem.run_files import table

PARTS = [{"kind": "ball", "radius": 2.0}, {"kind": "student-t", "sigma": 1.0, "freedom": 4.0}]
RUNS = {
    "defaults": {},
    "deep": {"network": {"depth": 3}, "pde": {"operator": "data"}},
    "own start": {"network": {"symmetric": False}, "data": {"noise": 0.1}},
    "descent": {
        "training": {"integrator": "gradient-descent", "step": 0.1},
        "pde": {"dynamics": "gradient-descent"},
    },
    "mixture": {"density": {"kind": "mixture", "weights": [1.0, 2.0], "parts": PARTS, "sigma": None}},
}
EVERY = (*STAGES, "kappa")


def keys_of(run, stage):
    if stage == "kappa":
        return stage_keys(run, "compare").with_options("kappa", asdict(Options()), defaults=asdict(Options()))
    return stage_keys(run, stage)


def names(keys, prefix=()):
    """The places of all values in nested tables."""
    for name, value in keys.items():
        if isinstance(value, dict):
            yield from names(value, (*prefix, name))
        yield (*prefix, name)


def without(keys, *places):
    keys = json.loads(json.dumps(keys))
    for *outer, last in places:
        content = keys
        for name in outer:
            content = content[name]
        content.pop(last, None)
    return keys


def finish(store, stage, keys):
    with store.open(stage, keys=keys) as opened:
        with opened.writing("result.txt") as path:
            path.write_text("42")
        opened.finish()


def as_an_earlier_version_wrote(path, *places):
    """Take keys out of a manifest or of the record of an unfinished stage, with the hash that belongs to the rest."""
    content = json.loads(path.read_text())
    content["keys"] = without(content["keys"], *places)
    content["key_hash"] = key_hash(content["keys"])
    path.write_text(json.dumps(content))


@pytest.mark.parametrize("sections", RUNS.values(), ids=RUNS)
@pytest.mark.parametrize("stage", EVERY)
def test_each_absent_key_counts_as_its_default(stage, sections):
    """A key whose value is the default may be absent; one with another value is reported, and so is a required one."""
    keys = keys_of(parse(table(**sections)), stage)
    for place in names(keys):
        old, name = without(keys, place), ".".join(place)
        default = keys.if_absent([name])
        for part in place:
            default = default.get(part, {}) if isinstance(default, dict) else {}
        value = deepcopy(keys)
        for part in place:
            value = value[part]
        changes = changed_keys(old, keys)
        assert (not changes) == (default == value), changes
        assert all(change.startswith(place[0]) for change in changes), changes


def test_which_keys_may_be_absent():
    keys = keys_of(parse(table()), "compare")
    may = {".".join(place) for place in names(keys) if not changed_keys(without(keys, place), keys)}
    assert {"pde.initial", "pde.degree", "pde", "mesh.adaptive", "mesh", "network.sampling", "compare"} <= may
    assert {"training.tolerance", "data.held_out", "data.standardize", "training.precision"} <= may
    assert not {"density.sigma", "density", "time.end", "network.width", "network", "data.window", "seed"} & may


def test_lists_of_tables():
    """A key that is absent in one part of a mixture; here the part has no key with a default, so it is reported."""
    keys = keys_of(parse(table(**RUNS["mixture"])), "pde")
    old = without(keys)
    del old["density"]["parts"][1]["freedom"]
    assert changed_keys(old, keys)[0].startswith("density.parts: ")
    del old["density"]["parts"][1]
    assert changed_keys(old, keys)[0].startswith("density.parts: ")


class Later(dict):
    """Keys of a later version, with a new key in a part, in a table, and a new table."""

    def if_absent(self, absent):
        assert list(absent) == ["later", "parts.0.turn", "pde.new"]
        return {"later": {}, "parts": [{"kind": "ball", "turn": 0}], "pde": {"new": "auto"}}


def test_new_keys_in_lists_and_tables():
    old = {"parts": [{"kind": "ball"}], "pde": {"degree": 6}}
    new = {"later": {}, "parts": [{"kind": "ball", "turn": 0}], "pde": {"degree": 6, "new": "auto"}}
    assert changed_keys(old, Later(new)) == []
    assert changed_keys(old, Later(new | {"pde": {"degree": 6, "new": 1}})) == ['pde.new: "auto" -> 1']
    turned = Later(new | {"parts": [{"kind": "ball", "turn": 1}]})
    assert changed_keys(old, turned) == ['parts: [{"kind":"ball","turn":0}] -> [{"kind":"ball","turn":1}]']


@pytest.mark.parametrize("stage", EVERY)
def test_old_results_are_read_and_resumed(stage, tmp_path):
    """Finished and unfinished stages without the keys [pde] initial, [pde] degree, ... are found as before."""
    absent = [("pde", "initial"), ("pde", "degree"), ("mesh", "adaptive"), ("network", "sampling"), ("compare",)]
    absent += [("kappa", "bands"), ("training", "momentum"), ("data", "held_out")]
    keys, store = keys_of(parse(table()), stage), Store(tmp_path)
    here = [place for place in absent if place in set(names(keys))]
    finish(store, stage, keys)
    as_an_earlier_version_wrote(store.root / stage / "manifest.json", *here)
    assert store.verify(stage, keys=keys) == store.root / stage
    assert store.check(stage, keys=keys, resume=True)
    with store.open(stage, keys=keys, resume=True) as opened:
        assert opened.finished
    with pytest.raises(UsageError, match=r"density\.sigma: 4 -> 5"):
        store.verify(stage, keys=keys_of(parse(table(density={"sigma": 5.0})), stage))

    with store.open(stage, keys=keys, overwrite=True) as opened:
        opened.save_checkpoint("part", {})
    as_an_earlier_version_wrote(store.root / f"{stage}.partial" / "unfinished.json", *here)
    with store.open(stage, keys=keys, resume=True) as opened:
        assert opened.checkpoints() == ["part"]


@pytest.mark.parametrize("stage", ["mesh", "pde"])
def test_a_section_of_which_the_stage_has_one_key_may_be_absent(stage):
    """Older meshes and solutions know nothing of [training] rates; [training] step must stay where it is."""
    keys = keys_of(parse(table(**RUNS["descent"])), stage)
    assert changed_keys(without(keys, ("training",)), keys) == []
    frozen = deepcopy(RUNS["descent"])
    frozen["training"]["rates"] = {"frequencies": 0.0}
    keys = keys_of(parse(table(**frozen)), stage)
    assert changed_keys(without(keys, ("training",)), keys) == ["training.rates.frequencies: 1 -> 0"]


def test_another_value_than_the_default_is_refused(tmp_path):
    store, run = Store(tmp_path), parse(table(pde={"degree": 4}))
    finish(store, "pde", stage_keys(run, "pde"))
    as_an_earlier_version_wrote(store.root / "pde" / "manifest.json", ("pde", "degree"))
    with pytest.raises(UsageError, match=r"pde\.degree: 6 -> 4"):
        store.verify("pde", keys=stage_keys(run, "pde"))


def test_other_finished_stages_are_not_called_stale(tmp_path, caplog):
    store, run = Store(tmp_path), parse(table())
    finish(store, "pde", stage_keys(run, "pde"))
    as_an_earlier_version_wrote(store.root / "pde" / "manifest.json", ("pde", "initial"))
    store.save_run_file("", {"pde": stage_keys(run, "pde")})
    assert not caplog.text
    store.save_run_file("", {"pde": stage_keys(parse(table(pde={"degree": 4})), "pde")})
    assert "pde was computed with other keys (pde.degree: 6 -> 4)" in caplog.text


def test_keys_travel_between_ranks():
    keys = stage_keys(parse(table()), "pde")
    again = pickle.loads(pickle.dumps(keys))  # noqa: S301  (our own bytes)
    assert again == keys and changed_keys(without(keys, ("pde", "degree")), again) == []
