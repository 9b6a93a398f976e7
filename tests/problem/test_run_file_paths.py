"""The run file as a file: its name, its encoding, and the paths in it."""

import os
import tomllib
from pathlib import Path

import numpy as np
import pytest
import tomli_w

from freqbias.errors import InputError
from freqbias.problem import Table, build, load, parse, resolved
from tests.problem.run_files import filled, table


def test_name_and_relative_paths(tmp_path, monkeypatch):
    (tmp_path / "deep").mkdir()
    np.save(tmp_path / "signal.npy", np.arange(5.0))
    sections = table(name=None, data={"kind": "file", "path": "../signal.npy"}, replace=True)
    path = tmp_path / "deep" / "mine.toml"
    path.write_text(tomli_w.dumps(sections), encoding="utf-8")
    monkeypatch.chdir(tmp_path / "deep")
    from_here, from_afar = load("mine.toml"), load(path)
    monkeypatch.chdir("/")
    assert from_here == from_afar == load(path)
    assert from_afar.name == "mine"
    (tmp_path / "copy.toml").write_text(resolved(from_afar))
    assert load(tmp_path / "copy.toml") == filled(from_afar)


@pytest.mark.parametrize("kind", ["table", "mixture"])
def test_relative_paths_of_density_tables(tmp_path, kind):
    np.save(tmp_path / "law.npy", [[1.0, 2.0], [2.0, 1.0]])
    part = {"kind": "table", "path": "law.npy", "half_width": [3.0, 4.0]}
    density = part if kind == "table" else {"kind": "mixture", "weights": [2.0], "parts": [part]}
    data = {"dimension": 2, "frequencies": [[1.0, 2.0]]}
    (tmp_path / "run.toml").write_text(tomli_w.dumps(table(density=density | {"sigma": None}, data=data)))
    run = load(tmp_path / "run.toml")
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "run.toml").write_text(resolved(run))
    assert load(tmp_path / "copy" / "run.toml") == filled(run)
    law, xi = build(run).density, np.random.default_rng(0).uniform(-5, 5, size=(20, 2))
    np.testing.assert_allclose(law.density(xi), Table(np.array([[1.0, 2.0], [2.0, 1.0]]), (3.0, 4.0)).density(xi))


def test_symbolic_links_keep_their_name(tmp_path):
    """Data managers make links to files without endings."""
    np.save(tmp_path / "store.npy", np.arange(5.0))
    (tmp_path / "store.npy").rename(tmp_path / "0a1b2c")
    (tmp_path / "signal.npy").symlink_to("0a1b2c")
    path = tmp_path / "run.toml"
    path.write_text(tomli_w.dumps(table(data={"kind": "file", "path": "signal.npy"}, replace=True)))
    run = load(path)
    assert load(path).data.path == str(tmp_path.resolve() / "signal.npy")
    assert parse(tomllib.loads(resolved(run))) == filled(run)


@pytest.mark.parametrize(("make", "what"), [(os.mkfifo, "a pipe or a device"), (Path.mkdir, "a folder")])
def test_run_file_that_is_no_file(make, what, tmp_path):
    """Nobody writes into the pipe: reading it would never end."""
    make(tmp_path / "run.toml")
    with pytest.raises(InputError, match=rf"run\.toml: this is {what}, not a file"):
        load(tmp_path / "run.toml")
    with pytest.raises(InputError, match="/dev/zero: this is a pipe or a device"):
        load(Path("/dev/zero"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_text_of_any_system(encoding, newline, tmp_path):
    text = tomli_w.dumps(table(name="größe")).replace("\n", newline)
    (tmp_path / "run.toml").write_bytes(text.encode(encoding))
    assert load(tmp_path / "run.toml").name == "größe"
