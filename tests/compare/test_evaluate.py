"""`freqbias evaluate`: values of a trained network at any positions, in every kind of file."""

import csv

import matplotlib
import numpy as np
import pytest
import torch
import xarray as xr
from PIL import Image

import freqbias
from freqbias import nn
from freqbias.errors import InputError
from freqbias.nn.kept_network import KeptNetwork, make_module
from freqbias.nn.network_description import NetworkDescription
from freqbias.problem import Network
from tests.batch import attempt

WAVE = np.array([1.0, 0.5])  # cycles/length


def network(channels: int = 1, *, dimension: int = 2, mean: float = 0.5, scale: float = 0.5) -> KeptNetwork:
    """mean + scale cos(2 pi w.(x - shift)) / (c + 1) in channel c, exactly: one pair of equal neurons."""
    shift = [10.0, 20.0][:dimension]
    low, high = mean - abs(scale), mean + abs(scale)
    description = NetworkDescription(
        network=Network(width=2, sigma_a=1.0), dimension=dimension, channels=channels,
        value_mean=[mean] * channels, value_scale=[scale] * channels, position_shift=shift,
        box_lower=[s - 1 for s in shift], box_upper=[s + 2 for s in shift],
        value_lower=[low] * channels, value_upper=[high] * channels,
        unit="km", time=3.0, provenance={"name": "wave"},
    )  # fmt: skip
    cosine = torch.tensor([[2**-0.5 / (c + 1)] * 2 for c in range(channels)], dtype=torch.float64)
    weights = {"frequencies": torch.tensor(np.array([WAVE[:dimension]] * 2)), "cosine": cosine, "sine": 0 * cosine}
    return make_module(description, weights)


def expected(x: np.ndarray, channels: int = 1, *, mean: float = 0.5, scale: float = 0.5) -> np.ndarray:
    wave = np.cos(2 * np.pi * (x - np.array([10.0, 20.0])[: x.shape[-1]]) @ WAVE[: x.shape[-1]])
    return np.array([mean + scale * wave / (c + 1) for c in range(channels)])


def cell_centres(count: int, low: float, high: float) -> np.ndarray:
    return low + (np.arange(count) + 0.5) * (high - low) / count


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("kept") / "out ä"
    nn.save(network(2), path)
    return path


def test_values_on_a_grid():
    data = freqbias.evaluate(network(2), points=[5, 4])
    np.testing.assert_allclose(data["x_1"], cell_centres(5, 9, 12), rtol=1e-14)
    np.testing.assert_allclose(data["x_2"], cell_centres(4, 19, 22), rtol=1e-14)
    x = np.stack(np.meshgrid(data["x_1"], data["x_2"], indexing="ij"), axis=-1)
    np.testing.assert_allclose(data["value"], expected(x, 2), rtol=0, atol=1e-12)
    assert data.attrs == {"time": 3.0, "unit": "km", "name": "wave", "freqbias": ""}


def test_values_at_positions():
    x = np.random.default_rng(0).normal(size=(7, 2)) + np.array([10.0, 20.0])
    data = freqbias.evaluate(network(3), x)
    np.testing.assert_allclose(data["value"], expected(x, 3), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(data["x_2"], x[:, 1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "either positions or points"),
        ({"positions": np.zeros((2, 2)), "points": 3}, "either positions or points"),
        ({"positions": np.zeros((2, 3))}, r"shape \(2, 3\); give one row for each position, \(P, 2\)"),
        ({"points": [3]}, "one for each of the 2 axes"),
        ({"points": 0}, "at least 1 on each axis"),
        ({"points": 10**5}, "at most 100,000,000 points in all"),
    ],
)
def test_arguments_that_contradict(arguments, message):
    with pytest.raises(InputError, match=message):
        freqbias.evaluate(network(), **arguments)


def test_files_of_all_kinds(folder, tmp_path):
    points = tmp_path / "my points.csv"
    points.write_text("x,y\n10.0,20.0\n10.25,20.5\n")
    values = expected(np.array([[10.0, 20.0], [10.25, 20.5]]), 2)
    for ending in (".nc", ".csv", ".npy"):
        answer = attempt("evaluate", folder, points, "--out", tmp_path / f"at{ending}", "-q")
        assert (answer.returncode, answer.stderr) == (0, "")
    with (tmp_path / "at.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["x_1"]) for row in rows] == [10.0, 10.25]
    np.testing.assert_allclose([[float(row[f"value_{c}"]) for row in rows] for c in (1, 2)], values, atol=1e-12)
    np.testing.assert_allclose(np.load(tmp_path / "at.npy"), values.T, atol=1e-12)
    with xr.open_dataset(tmp_path / "at.nc") as data:
        np.testing.assert_allclose(data["value"], values, atol=1e-12)


def test_positions_outside_the_data_cause_a_warning(folder, tmp_path):
    """The box is 9 to 12 and 19 to 22."""
    (tmp_path / "at.csv").write_text("9,19\n12,22\n12.1,20\n10,18.9\n")
    done = attempt("evaluate", folder, tmp_path / "at.csv", "--out", tmp_path / "at.nc")
    assert "2 of the 4 positions lie outside the box of the training data" in done.stderr


def test_a_table_of_a_grid(folder, tmp_path):
    assert attempt("evaluate", folder, "--points", "3,2", "--out", tmp_path / "grid.csv").returncode == 0
    table = np.loadtxt(tmp_path / "grid.csv", delimiter=",", skiprows=1)
    np.testing.assert_allclose(table[:, :2], [[x, y] for x in cell_centres(3, 9, 12) for y in cell_centres(2, 19, 22)])
    np.testing.assert_allclose(table[:, 2:].T, expected(table[:, :2], 2), atol=1e-12)


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_a_picture_is_the_image(channels, mode, tmp_path):
    nn.save(network(channels), tmp_path / "net")
    assert attempt("evaluate", tmp_path / "net", "--points", "30,20", "--out", tmp_path / "fine.PNG").returncode == 0
    with Image.open(tmp_path / "fine.PNG") as image:
        assert (image.mode, image.size) == (mode, (30, 20))
        pixels = np.asarray(image).reshape(20, 30, channels)
    x = np.stack(np.meshgrid(cell_centres(30, 9, 12), cell_centres(20, 19, 22), indexing="ij"), axis=-1)
    top_down = expected(x, channels).transpose(2, 1, 0)[::-1]
    np.testing.assert_array_equal(pixels, np.rint(255 * top_down))


def test_a_picture_of_other_values_has_colours(tmp_path):
    """From that of the lowest training value to that of the highest."""
    nn.save(network(mean=100.0, scale=40.0), tmp_path / "net")
    assert attempt("evaluate", tmp_path / "net", "--points", "11", "--out", tmp_path / "map.png").returncode == 0
    value = freqbias.evaluate(tmp_path / "net", points=11)["value"].values[0].T[::-1]
    with Image.open(tmp_path / "map.png") as image:
        colours = np.asarray(image)
    np.testing.assert_array_equal(colours, np.rint(255 * matplotlib.colormaps["viridis"]((value - 60) / 80)[..., :3]))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give either a file of positions or --points N"),
        (["missing.csv", "--out", "there.nc"], "missing.csv: "),
        (["--points", "x", "--out", "there.nc"], "--points x: give a whole number"),
        (["--points", "x"], "--points x: give a whole number"),
        (["--points", "3", "--out", "a.txt"], "the ending '.txt' is unknown; use .nc, .csv, .npy, .png"),
        (["--points", "3", "--out", "a.png"], "one or three channels; write .nc, .csv or .npy"),
        (["--points", "3", "--out", "there.nc"], "there.nc exists already"),
        (["--points", "3", "--time", "2"], "time = 2: "),
        (["one.csv"], "one.csv: one.csv has 1 column; give one for each of the 2 axes"),
        (["words.csv"], "words.csv: "),
    ],
)
def test_bad_input_writes_nothing(words, message, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in {"there.nc": "mine", "one.csv": "1\n2\n", "words.csv": "x,y\n1,two\n"}.items():
        (tmp_path / name).write_text(text)
    before = sorted(tmp_path.rglob("*"))
    answer = attempt("evaluate", folder, *words)
    assert answer.returncode == 2 and message in answer.stderr and "Traceback" not in answer.stderr
    assert sorted(tmp_path.rglob("*")) == before and (tmp_path / "there.nc").read_text() == "mine"
    assert not (folder / "evaluated.nc").exists()


def test_overwrite(folder, tmp_path):
    out = tmp_path / "a.nc"
    out.write_text("old")
    assert attempt("evaluate", folder, "--points", "3", "--out", out, "--overwrite").returncode == 0
    with xr.open_dataset(out) as data:
        assert data.sizes == {"channel": 2, "x_1": 3, "x_2": 3}
