"""The stages that must be computed again when a key changes: one row for every key of the run file."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from freqbias.errors import InputError, UsageError
from freqbias.problem import parse, stage_keys
from freqbias.runtime import Store, changed_keys
from tests.problem.run_files import every_key, table
from tests.problem.stage_key_rows import ALL, DESCENT, FILE, MIXTURE, MORE, PART, PARTS, ROWS, STAGES, STATIONS, TABLE


def changed(base, change):
    """The stages whose keys differ between the base and the base with the change."""
    both = {}
    for sections in (base, change):
        for name, content in sections.items():
            is_file = isinstance(content, dict) and content.get("kind") == "file"
            both[name] = content if is_file or not isinstance(content, dict) else {**both.get(name, {}), **content}
    if change.get("data") == {}:  # from a file back to waves
        both["data"] = {}
    one, other = (parse(full(sections)) for sections in (base, both))
    return {stage for stage in STAGES if stage_keys(one, stage) != stage_keys(other, stage)}


def full(sections):
    data = sections.get("data", {})
    if data.get("kind") == "file":
        return table(**sections) | {"data": data}
    return table(**sections)


@pytest.fixture(autouse=True)
def data_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("a.npz", a=np.arange(6.0))
    np.savez("other.npz", a=np.arange(7.0))
    np.arange(6, dtype="int16").tofile("a.dat")
    for name in ("start", "same", "other"):
        Path(f"{name}.nc").write_bytes(b"other" if name == "other" else b"start")
    for name, weight in (("ones", 1.0), ("same", 1.0), ("other", 2.0)):
        np.save(f"{name}.npy", np.full(64, weight))
    np.savetxt("a.csv", np.eye(2), delimiter=",")


def test_every_key_has_a_row():
    assert list(ROWS) == every_key()


@pytest.mark.parametrize("key", list(ROWS))
def test_stages_of_each_key(key):
    base, change, expected = ROWS[key]
    assert changed(base, change) == expected


@pytest.mark.parametrize(("base", "change", "expected"), [row[1:] for row in MORE], ids=[row[0] for row in MORE])
def test_combinations(base, change, expected):
    assert changed(base, change) == expected


def test_content_of_data_files():
    shutil.copy("a.npz", "b.npz")
    assert changed({"data": FILE}, {"data": FILE | {"path": "b.npz"}}) == set()
    before = [stage_keys(parse(full({"data": FILE})), stage) for stage in STAGES]
    np.savez("a.npz", a=np.arange(6.0)[::-1])
    after = [stage_keys(parse(full({"data": FILE})), stage) for stage in STAGES]
    assert all(old != new for old, new in zip(before, after, strict=True))


@pytest.mark.parametrize("kind", ["table", "part of a mixture"])
def test_content_of_density_files(kind):
    def sections(path):
        part = {"kind": "table", "path": path, "half_width": 2.0}
        mixture = {"kind": "mixture", "weights": [1.0], "parts": [part]}
        return {"density": (part if kind == "table" else mixture) | {"sigma": None}}

    shutil.copy("a.npz", "b.npz")
    assert changed(sections("a.npz"), sections("b.npz")) == set()
    assert changed(sections("a.npz"), sections("other.npz")) == ALL


def test_added_keys_at_their_defaults_do_not_change_older_results():
    def keys(data):
        return stage_keys(parse(full({"data": data})), "pde")

    new = keys(STATIONS)
    old = {**new, "data": {name: value for name, value in new["data"].items() if name not in ("missing", "center")}}
    assert changed_keys(old, new) == []
    assert changed_keys(old, keys(STATIONS | {"center": True})) == ["data.center: false -> true"]


SGD = {"training": {"integrator": "sgd", "batch": 8, "step": 0.1}}
BOTH = {"draws", "minibatches", "design"}
OPTIONAL = [  # change that makes the base, change, which of these stages must be computed again
    ({}, {"training": {"rates": {"frequencies": 0.0}}}, BOTH),
    ({}, {"seed": 4}, BOTH),
    ({}, {"data": {"held_out": 0.2}}, BOTH),
    ({}, {"network": {"width": 66}}, BOTH),
    ({}, {"density": {"sigma": 4.5}}, {"draws", "minibatches"}),
    (SGD, {"training": SGD["training"] | {"batch": 4}}, {"minibatches"}),
    ({}, {"design": {"scales": 5}}, {"design"}),
    (DESCENT, {"pde": {"dynamics": "gradient-descent"}, **DESCENT}, {"draws"}),
    (DESCENT, {"training": DESCENT["training"] | {"step": 0.2}}, {"draws", "minibatches"}),
    ({}, {"pde": {"tolerance": 1e-2}, "training": {"tolerance": 1e-2}}, {"minibatches"}),
]


@pytest.mark.parametrize(("base", "change", "expected"), OPTIONAL)
def test_stages_that_few_runs_have(base, change, expected):
    one, other = parse(full(base)), parse(full({**base, **change}))
    assert {stage for stage in BOTH if stage_keys(one, stage) != stage_keys(other, stage)} == expected


def test_unknown_stage():
    with pytest.raises(ValueError, match="stage = 'mush'; use mesh, pde, nn, ntk, draws, minibatches, compare"):
        stage_keys(parse(table()), "mush")


@pytest.mark.parametrize(
    ("tables", "file", "key"),
    [
        ({"data": FILE}, "a.npz", "[data] path"),
        (TABLE, "a.npz", "[density] path"),
        ({"density": MIXTURE["density"] | {"parts": [PARTS[0], PART]}}, "a.npz", "[density.parts 2] path"),
        ({"mesh": {"path": "a.csv"}}, "a.csv", "[mesh] path"),
        ({"pde": {"initial": "start.nc"}}, "start.nc", "[pde] initial"),
        ({"training": {"weights": "ones.npy"}}, "ones.npy", "[training] weights"),
    ],
)
def test_a_changed_file_is_named(tables, file, key, tmp_path, caplog):
    """The message names the file and its key, and no hash. A change while a command runs is refused at once."""
    run, store = parse(full(tables)), Store(tmp_path / "out")
    with store.open("pde", keys=stage_keys(run, "pde")) as stage:
        stage.finish()
    Path(file).write_bytes(b"other content")
    with pytest.raises(InputError, match=rf"{re.escape(key.split()[-1])}.*'{file}': .* since this command started"):
        stage_keys(run, "nn")
    later = stage_keys(parse(full(tables)), "pde")
    with pytest.raises(UsageError) as failure:
        store.verify("pde", keys=later)
    assert str(failure.value) == (
        f"the file {file} ({key}) has changed since {store.root / 'pde'} was computed: restore the file, choose "
        "another --out, or compute the result again with --overwrite"
    )
    store.save_run_file("", {"pde": later})
    assert caplog.messages == [f"the file {file} ({key}) has changed since {store.root / 'pde'} was computed"]
    seed = {"network": {"sigma_a": 3.0}}
    with pytest.raises(UsageError, match=r"other keys \(.*sigma_a.*\): set these keys back") as failure:
        store.verify("pde", keys=stage_keys(parse(full(tables | seed)), "pde"))
    assert f"the file {file} ({key}) has changed" in str(failure.value)


def test_a_solution_of_gradient_descent_is_not_one_of_gauss_newton():
    """An old manifest lacks the damping, but its default is no excuse: the integrator was another one."""
    keys = {
        name: stage_keys(parse(full({"training": {"integrator": name}})), "pde") for name in ("rk4", "gauss-newton")
    }
    assert changed_keys(keys["rk4"], keys["gauss-newton"]) == ["training.damping: absent -> 0.001"]
