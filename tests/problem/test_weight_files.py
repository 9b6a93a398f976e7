"""Weights of the samples from a file: they stay with their samples, whatever the program leaves out."""

from pathlib import Path

import numpy as np
import pytest
import tomli_w

from freqbias.errors import InputError
from freqbias.numerics import Grid, Scattered
from freqbias.problem import MeanSquare, SobolevLoss, WeightedSquare, build, load, resolved, trapezoidal_weights
from tests.problem.run_files import filled, table

RNG = np.random.default_rng(0)
WEIGHTS = RNG.uniform(0.5, 2.0, 40)


def built(folder, training, **sections):
    path = folder / "run.toml"
    path.write_text(tomli_w.dumps(table(replace=True, training={"weights": "w.npy"} | training, **sections)))
    return build(load(path))


def stations(folder, **keys):
    """40 scattered samples, of which three lack a value. The value of a sample is its number."""
    rows = np.column_stack([RNG.uniform(-1, 1, (40, 2)), np.arange(1.0, 41.0)])
    text = "\n".join(",".join("" if i in (0, 7, 39) and j == 2 else f"{v}" for j, v in enumerate(row))
                     for i, row in enumerate(rows))  # fmt: skip
    (folder / "a.csv").write_text(text + "\n")
    return {"kind": "file", "path": "a.csv", "layout": "scattered", "dimension": 2, "missing": "drop", **keys}


@pytest.mark.parametrize("keys", [{}, {"held_out": 0.4}, {"center": True, "standardize": True}])
@pytest.mark.parametrize("file", ["w.npy", "w.csv", "w.txt"])
def test_scattered_samples(tmp_path, keys, file):
    np.save(tmp_path / "w.npy", WEIGHTS)
    np.savetxt(tmp_path / "w.txt", WEIGHTS)
    (tmp_path / "w.csv").write_text("weight\n" + "\n".join(map(str, WEIGHTS)) + "\n")
    problem = built(tmp_path, {"weights": file}, data=stations(tmp_path, **keys))
    numbers = problem.samples.restore(problem.samples.values)[0]  # the value of a sample is its number
    assert len(numbers) == (22 if "held_out" in keys else 37)
    own = WEIGHTS[np.round(numbers).astype(int) - 1]
    np.testing.assert_allclose(problem.loss.weights, own / own.mean(), rtol=1e-12)


def test_weights_of_rows_left_out_do_not_matter(tmp_path):
    weights = WEIGHTS.copy()
    weights[[0, 7, 39]] = np.nan
    np.save(tmp_path / "w.npy", weights)
    kept = np.delete(WEIGHTS, [0, 7, 39])
    loss = built(tmp_path, {}, data=stations(tmp_path)).loss
    np.testing.assert_allclose(loss.weights, kept / kept.mean(), rtol=1e-12)
    weights[5] = np.nan
    np.save(tmp_path / "w.npy", weights)
    with pytest.raises(InputError, match=r"weights = '.*w\.npy': 1 weight is not .* nan, number 6 in the file"):
        built(tmp_path, {}, data=stations(tmp_path))


def grid_file(folder, **keys):
    np.save(folder / "a.npy", np.arange(1.0, 49.0).reshape(8, 6))
    return {"kind": "file", "path": "a.npy", **keys}


@pytest.mark.parametrize("held_out", [0.0, 0.4, {"every": 2}, {"mask": "m.npy"}])
def test_grids(tmp_path, held_out):
    np.save(tmp_path / "m.npy", np.arange(48).reshape(8, 6) % 3 == 0)
    weights = RNG.uniform(0.5, 2.0, (8, 6))
    np.save(tmp_path / "w.npy", weights)
    problem = built(tmp_path, {}, data=grid_file(tmp_path, held_out=held_out))
    own = weights.ravel()[problem.samples.values[0].astype(int) - 1]
    np.testing.assert_allclose(problem.loss.weights, own / own.mean(), rtol=1e-12)


def test_an_image_of_weights(tmp_path):
    from PIL import Image

    levels = RNG.integers(1, 255, (6, 8)).astype(np.uint8)  # rows from the top
    Image.fromarray(levels).save(tmp_path / "w.png")
    loss = built(tmp_path, {"weights": "w.png"}, data=grid_file(tmp_path)).loss
    np.testing.assert_allclose(loss.weights, (levels[::-1].T / levels.mean()).ravel(), rtol=1e-12)


def test_averaged_data(tmp_path):
    """The weights are those of the averages."""
    np.save(tmp_path / "w.npy", np.ones((8, 6)))
    with pytest.raises(InputError, match=r"8 x 6 points, but the samples have 4 x 3; .* that \[data\] points leaves"):
        built(tmp_path, {}, data=grid_file(tmp_path, points=[4, 3]))
    weights = RNG.uniform(0.5, 2.0, (4, 3))
    np.save(tmp_path / "w.npy", weights)
    loss = built(tmp_path, {}, data=grid_file(tmp_path, points=[4, 3])).loss
    np.testing.assert_allclose(loss.weights, (weights / weights.mean()).ravel(), rtol=1e-12)


def test_sobolev_loss(tmp_path):
    np.save(tmp_path / "w.npy", 5 * WEIGHTS)
    problem = built(tmp_path, {"loss": "sobolev", "order": -1.0}, data=stations(tmp_path))
    kept, u = np.delete(WEIGHTS, [0, 7, 39]), RNG.normal(size=37)
    expected = SobolevLoss(problem.sites, -1.0, kept)
    np.testing.assert_allclose(problem.loss.residual(u), expected.residual(u), atol=1e-12)


def test_the_loss_of_a_run_file(tmp_path):
    np.save(tmp_path / "w.npy", np.ones(64))
    data = {"kind": "waves", "dimension": 1, "points": 64, "frequencies": [[2.0]]}
    assert isinstance(built(tmp_path, {"weights": "equal"}, data=data).loss, MeanSquare)
    assert isinstance(built(tmp_path, {}, data=data).loss, WeightedSquare)
    assert isinstance(
        built(tmp_path, {"weights": "density", "loss": "sobolev", "order": 1.0}, data=data).loss, SobolevLoss
    )
    run = load(tmp_path / "run.toml", ["training.weights=density"])
    assert run.training.weights_file is None


def test_cutoff_and_period(tmp_path):
    keys = {"weights": "density", "loss": "sobolev", "order": 1.0, "cutoff": 1.5, "period": [2.5, 3.0]}
    problem = built(tmp_path, keys, data=stations(tmp_path))
    weights = trapezoidal_weights(problem.sites, period=[2.5, 3.0])
    expected = SobolevLoss(problem.sites, 1.0, weights, cutoff=1.5, period=[2.5, 3.0])
    u = RNG.normal(size=37)
    np.testing.assert_allclose(problem.loss.residual(u), expected.residual(u), atol=1e-12)
    other = built(tmp_path, keys | {"period": 3.0, "cutoff": 1.4}, data=stations(tmp_path)).loss
    assert np.linalg.norm(other.residual(u) - expected.residual(u)) > 0.01 * np.linalg.norm(expected.residual(u))


def test_relative_paths(tmp_path, monkeypatch):
    (tmp_path / "deep").mkdir()
    np.save(tmp_path / "w.npy", np.ones(64))
    (tmp_path / "deep" / "run.toml").write_text(tomli_w.dumps(table(training={"weights": "../w.npy"})))
    monkeypatch.chdir("/")
    run = load(tmp_path / "deep" / "run.toml")
    (tmp_path / "copy.toml").write_text(resolved(run))
    assert load(tmp_path / "copy.toml").training == filled(run).training
    assert Path(run.training.weights_file).samefile(tmp_path / "w.npy")


def test_quadrature_weights_have_mean_1_and_are_checked():
    sites, u = Scattered(RNG.uniform(-1, 1, (40, 1))), RNG.normal(size=40)
    expected = SobolevLoss(sites, 1.0, WEIGHTS / WEIGHTS.mean()).residual(u)
    np.testing.assert_allclose(SobolevLoss(sites, 1.0, 7 * WEIGHTS).residual(u), expected, rtol=1e-10)
    for wrong, message in ((WEIGHTS[:3], "3 weights for 40"), (-WEIGHTS, "positive"), (10.0 ** np.arange(40), "ratio")):
        with pytest.raises(InputError, match=message):
            SobolevLoss(sites, 1.0, wrong)
    assert SobolevLoss(Grid((8,), (1.0,)), 1.0, np.linspace(1, 2, 8)).smallest is None
