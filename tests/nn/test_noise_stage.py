"""Noisy labels in the stage `ntk`: from the run file to the result files."""

from pathlib import Path

import numpy as np
import pytest

from freqbias import problem as statement
from freqbias.errors import InputError, StoppedEarly
from freqbias.nn.run import run_ntk
from freqbias.problem import ErrorHistory
from freqbias.runtime import StopRequest, Store
from tests import oracle
from tests.nn.test_stage import TABLES, StopAfter

SCALE = 30.0  # of the values in the file


@pytest.fixture
def signal(tmp_path, monkeypatch):
    """A file with two channels on 60 points."""
    monkeypatch.chdir(tmp_path)
    x = np.linspace(-0.5, 0.5, 60, endpoint=False)
    noise = np.random.default_rng(0).normal(size=(60, 2))
    clean = np.stack([np.sin(12 * x), np.cos(20 * x)], axis=1)
    np.save("a.npy", 5 + SCALE * (clean + 0.3 * noise))


def run_in(folder, *, resume=False, stop=None, training=None, **data):
    data = {"kind": "file", "path": "a.npy", "dimension": 1} | data
    tables = TABLES | {
        "time": {"end": 20.0, "outputs": 8},
        "data": data,
        "training": TABLES["training"] | (training or {}),
    }
    run, store = statement.parse(tables), Store(Path(folder))
    problem = statement.build(run)
    run_ntk(run, problem, store, resume=resume, overwrite=False, stop=stop or StopRequest())
    return problem, {path.stem: ErrorHistory.load(path) for path in (Path(folder) / "ntk").glob("*.nc")}


def test_level_is_in_the_units_of_the_file(signal, caplog):
    """With standardize the network sees s / value_scale."""
    caplog.set_level("INFO", logger="freqbias")
    problem, found = run_in("out", standardize=True, noise_level=[0.3 * SCALE, 0.2 * SCALE])
    level = np.array([0.3, 0.2]) * SCALE / problem.samples.normalisation.value_scale
    assert 0.2 < level[1] < level[0] < 0.6
    values = np.linalg.eigvalsh(oracle.dense_kernel(oracle.grid((60,), (1.0,)), oracle.gaussian(5.0), 1.0))
    flow, steps = found["infinite-width"], found["infinite-width-steps"]
    np.testing.assert_allclose(flow.noise.noise_level, level, rtol=1e-12)
    trace = np.exp(-np.outer(flow.time, values)).mean(axis=1)
    expected = flow.loss + (level**2).sum() * (0.5 - trace)
    spread = flow.noise.clean_loss_standard_error
    assert (np.abs(flow.noise.clean_loss - expected) <= 5 * spread + 1e-6).all()
    assert (5 * spread[1:] < 0.5 * (level**2).sum() * (1 - trace[1:])).all()
    apart = (steps.noise.clean_loss - steps.loss) - (flow.noise.clean_loss - flow.loss)
    assert 1e-8 < np.abs(apart).max() < 0.01
    assert found["empirical"].noise is not None and found["empirical-steps"].noise is not None
    traces = trace, np.exp(-2 * np.outer(flow.time, values)).mean(axis=1)
    variance = (level**4).sum() * (traces[1] - 2 * traces[0] + 0.5) + (flow.error**2).mean(axis=2) @ level**2
    np.testing.assert_allclose(flow.noise.clean_loss_standard_deviation, np.sqrt(variance / 60), rtol=0.1)
    assert "with noise of standard deviation 9, 6 in the labels, the expected loss without noise is" in caplog.text


@pytest.mark.parametrize("training", [{"decay": 0.5}, {"integrator": "gauss-newton", "damping": 0.1}])
def test_expected_loss_of_other_trainings(signal, training):
    """The trace is that of q with the weight decay, or of the damped rates."""
    if "damping" in training:
        training = training | {"step": 0.5, "precision": "double"}
    problem, found = run_in("out", training=training, standardize=True, noise_level=0.3 * SCALE)
    values = np.linalg.eigvalsh(oracle.dense_kernel(oracle.grid((60,), (1.0,)), oracle.gaussian(5.0), 1.0))
    flow, decay = found["infinite-width"], training.get("decay", 0.0)
    rates = values / (values + 0.1 * values.max()) if "damping" in training else values + decay
    left = np.exp(-np.outer(flow.time, rates))
    left = left + decay * (1 - left) / rates
    level = 0.3 * SCALE / np.array(problem.samples.normalisation.value_scale)
    expected = flow.loss + (level**2).sum() * (0.5 - left.mean(axis=1))
    assert (np.abs(flow.noise.clean_loss - expected) <= 5 * flow.noise.clean_loss_standard_error + 1e-6).all()
    plain = np.exp(-np.outer(flow.time, values)).mean(axis=1)
    apart = (level**2).sum() * np.abs(left.mean(axis=1) - plain)
    assert (apart > 10 * flow.noise.clean_loss_standard_error).any(), "another training, another loss"


def test_noise_that_the_program_adds(signal):
    """Its level is known, and it adds to that of the file, except on held-out samples."""
    _, found = run_in("added", noise=0.4, standardize=True, held_out=0.2, predict_points=20)
    noise = found["empirical"].noise
    np.testing.assert_allclose(noise.noise_level, 0.4)
    np.testing.assert_array_equal(noise.held_out_clean_loss, found["empirical"].held_out_loss)
    assert noise.held_out_noise.shape == noise.prediction_noise.shape == (9, 2)
    assert not noise.prediction_noise[0].any() and (noise.prediction_noise[-1] > 0.02).all()
    assert (noise.prediction_noise[-1] < 0.4).all()
    problem, found = run_in("both", noise=0.4, noise_level=0.2 * SCALE, held_out=0.2)
    np.testing.assert_allclose(found["empirical"].noise.noise_level, np.hypot(0.2 * SCALE, 0.4))
    np.testing.assert_allclose(
        found["empirical"].noise.held_out_clean_loss, found["empirical"].held_out_loss - (0.2 * SCALE) ** 2
    )
    tables = TABLES | {"data": {"kind": "file", "path": "a.npy", "dimension": 1, "held_out": 0.2}}
    clean = statement.build(statement.parse(tables)).samples.values
    np.testing.assert_allclose(problem.samples.values - problem.noise.added, clean, atol=1e-12)


def test_estimated_level(signal):
    problem, found = run_in("out", standardize=True, noise_level="estimate")
    level = 0.3 * SCALE / np.array(problem.samples.normalisation.value_scale)
    np.testing.assert_allclose(found["empirical"].noise.noise_level, level, rtol=0.3)
    np.testing.assert_array_equal(found["empirical"].noise.noise_level, found["infinite-width"].noise.noise_level)


def test_without_noise(signal):
    _, found = run_in("out", noise_level=0.0)
    assert all(history.noise is None for history in found.values())


@pytest.mark.parametrize(("level", "asked"), [(0.3 * SCALE, 60), ("estimate", 100)], ids=["vectors", "estimate"])
def test_resume(signal, level, asked):
    """The stage is stopped while it follows the random vectors, or while it estimates the level."""
    _, whole = run_in("whole", noise_level=level)
    with pytest.raises(StoppedEarly):
        run_in("out", noise_level=level, stop=StopAfter(asked))
    assert Path("out/ntk.partial/parts/krylov-infinite-width.safetensors").is_file() == (level != "estimate")
    _, found = run_in("out", noise_level=level, resume=True)
    assert found.keys() == whole.keys()
    for name, history in found.items():
        np.testing.assert_array_equal(history.error, whole[name].error)
        for key, array in whole[name].noise.arrays().items():
            np.testing.assert_array_equal(getattr(history.noise, key), array)


def test_level_for_each_channel(signal):
    tables = TABLES | {"data": {"kind": "file", "path": "a.npy", "dimension": 1, "noise_level": [0.1] * 3}}
    with pytest.raises(InputError, match=r"\[data\] noise_level = .*; give one number, or one for each of the 2 chan"):
        statement.build(statement.parse(tables))
