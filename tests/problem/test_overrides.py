"""Keys of a run file that the command line overrides."""

from pathlib import Path

import pytest

from freqbias.errors import InputError
from freqbias.problem import load
from freqbias.problem.overrides import parse_overrides, with_values

RUN = """
[density]
kind = "gaussian"
sigma = 4.0
[data]
kind = "waves"
dimension = 1
points = [64]
extent = [1.0]
frequencies = [[3.0]]
[network]
width = 100
sigma_a = 1.0
[time]
end = 1.0
"""


@pytest.fixture
def path(tmp_path):
    (tmp_path / "my.toml").write_text(RUN)
    return tmp_path / "my.toml"


def test_an_override_counts_as_if_it_were_in_the_file(path):
    run = load(path, ["density.sigma=12", "network.width=8000", "seed = 3", "name=wide", "data.points=[128]"])
    text = RUN.replace("4.0", "12").replace("width = 100", "width = 8000").replace("[64]", "[128]")
    path.write_text('seed = 3\nname = "wide"\n' + text)
    assert run == load(path)
    assert (run.density.sigma, run.network.width, run.seed, run.name, run.data.points) == (12, 8000, 3, "wide", [128])


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("-laplace + 30", {"laplace": -1.0, "1": 30.0}),
        ("-dx", {"dx": -1.0}),
        ("dxx+dx", {"dxx": 1.0, "dx": 1.0}),
        ('"-laplace"', {"laplace": -1.0}),
        ("{ dxx = -1.0 }", {"dxx": -1.0}),
    ],
)
def test_an_operator_needs_no_quotes(path, text, terms):
    assert load(path, [f"training.operator={text}"]).training.operator == terms


def test_the_last_override_counts_and_tables_are_made(path):
    run = load(path, ["density.sigma=1", "density.sigma=2", "training.rates.frequencies=0", "training.integrator=heun"])
    assert run.density.sigma == 2 and run.training.rates.frequencies == 0 and run.training.integrator == "heun"


def test_paths_are_relative_to_the_current_folder(path, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a b.csv").write_text("0.1\n0.2\n0.4\n")
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert with_values({}, parse_overrides(["data.path=a b.csv"])) == {
        "data": {"path": str(tmp_path / "elsewhere" / "a b.csv")}
    }
    assert with_values({}, parse_overrides(["data.path=matplotlib:membrane.dat"])) == {
        "data": {"path": "matplotlib:membrane.dat"}
    }
    assert with_values({}, parse_overrides(["data.path=~/x.csv"])) == {"data": {"path": str(Path.home() / "x.csv")}}
    assert parse_overrides(["training.weights=w.npy", "pde.initial=e.nc"]) == {
        "training.weights": str(tmp_path / "elsewhere" / "w.npy"),
        "pde.initial": str(tmp_path / "elsewhere" / "e.nc"),
    }
    assert parse_overrides(["training.weights=density"]) == {"training.weights": "density"}


@pytest.mark.parametrize("override, message", [
    ("density.sigma", "'density.sigma' sets no key; write KEY=VALUE, for example density.sigma=12"),
    ("=3", "'=3' sets no key"),
    ("density..sigma=3", "sets no key"),
    ("density.sigma=4,8", "density.sigma = '4,8' is no value; write one number, word or list, or text in quotes"),
    ("density.sigma=", "density.sigma = '' is no value"),
    ("density.sigma=1\nseed = 2", "is no value"),
    ("density.sigma=-1", r"\[density\] sigma = -1"),
    ("density.sigm=1", r"\[density\] sigm"),
    ("densty.sigma=1", "densty"),
    ("density.sigma.a=1", "density.sigma.a: the run file has sigma = 4.0, which is no table; set sigma as a whole"),
    ("network.width=" + "[" * 3000, "is no value"),
])  # fmt: skip
def test_wrong_overrides_are_refused(path, override, message):
    with pytest.raises(InputError, match=message) as raised:
        load(path, [override])
    assert str(raised.value).startswith(f"{path} with ")


def test_an_override_may_replace_a_table():
    assert with_values({"a": {"b": 1, "c": 2}}, parse_overrides(["a={b = 3}", 'd="x, y"'])) == {
        "a": {"b": 3},
        "d": "x, y",
    }
