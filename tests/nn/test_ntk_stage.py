"""The stage `ntk`: its files, its refusals, and its resumption."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from freqbias import nn, numerics
from freqbias import problem as statement
from freqbias.errors import InputError, StoppedEarly, UsageError
from freqbias.nn.run import run_nn, run_ntk
from freqbias.problem import ErrorHistory
from freqbias.runtime import StopRequest, Store
from tests import oracle
from tests.nn.test_stage import TABLES, StopAfter

FILES = {f"{name}.nc" for name in ("infinite-width", "infinite-width-steps", "empirical", "empirical-steps")}


def run_in(folder: Path, *, resume=False, overwrite=False, stop=None, **changes) -> Store:
    run, store = statement.parse(TABLES | changes), Store(folder)
    run_ntk(run, statement.build(run), store, resume=resume, overwrite=overwrite, stop=stop or StopRequest())
    return store


def read(folder: Path, name: str = "*") -> dict[str, ErrorHistory]:
    return {path.stem: ErrorHistory.load(path) for path in (folder / "ntk").glob(f"{name}.nc")}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    run_in(folder)
    return folder


@pytest.fixture(scope="module")
def predicted(whole) -> dict[str, ErrorHistory]:
    return read(whole)


def test_stage_writes_flows_and_steps(whole, predicted):
    run = statement.parse(TABLES)
    problem = statement.build(run)
    assert {path.name for path in Store(whole).verify("ntk").iterdir()} == FILES | {"manifest.json"}
    assert Store(whole).manifest("ntk")["keys"] == statement.stage_keys(run, "ntk")
    assert (whole / "run.toml").read_text() == statement.resolved(run)

    matrix = oracle.dense_kernel(oracle.grid((48,), (1.0,)), oracle.gaussian(5.0), 1.0)
    exact = oracle.flow(matrix, -problem.samples.values, problem.times)
    flow = predicted["infinite-width"]
    np.testing.assert_allclose(flow.error, exact, rtol=0, atol=2e-8 * np.linalg.norm(exact[0]))
    np.testing.assert_allclose(flow.loss, 0.5 * (flow.error**2).mean(axis=2).sum(axis=1), rtol=1e-12)
    assert flow.attributes["kernel"] == "infinite-width" and "width" not in flow.attributes
    steps = predicted["empirical-steps"]
    assert [steps.attributes[key] for key in ("width", "integrator", "step", "steps")] == [200, "rk4", 0.5, 160]

    trained, scale = nn.train(problem, run.training).error, np.linalg.norm(exact[0])
    apart = {name: np.linalg.norm(each.error - trained) / scale for name, each in predicted.items()}
    assert apart["empirical-steps"] < 0.5 * apart["infinite-width-steps"]


@pytest.mark.parametrize(
    "optimiser",
    [
        {"integrator": "momentum", "momentum": 0.7, "nesterov": True, "decay": 0.02, "rate_schedule": "cosine"},
        {"integrator": "sgd", "batch": 5, "warm_up": 0.3},
    ],
    ids=["nesterov", "sgd"],
)
def test_steps_of_optimisers(tmp_path, optimiser):
    """The stage predicts the mean over all minibatches, which explicit steps with the dense kernel give too."""
    run_in(tmp_path, training={"step": 0.5, **optimiser})
    history, problem = read(tmp_path)["infinite-width-steps"], statement.build(statement.parse(TABLES))
    matrix = oracle.dense_kernel(oracle.grid((48,), (1.0,)), oracle.gaussian(5.0), 1.0)
    mu, decay, nesterov = optimiser.get("momentum", 0.0), optimiser.get("decay", 0.0), optimiser.get("nesterov", False)
    start = u = -problem.samples.values
    v, expected = np.zeros_like(u), [u]
    for time, size in zip(history.step_time[1:], np.diff(history.step_time), strict=True):
        g = u @ matrix + decay * (u - start)
        v = mu * v + g
        u = u - (1 - mu) * size * (g + mu * v if nesterov else v)
        if time in problem.times:
            expected.append(u)
    sizes = np.diff(history.step_time)
    assert sizes.max() <= 0.5 and sizes.min() < 0.05
    np.testing.assert_allclose(history.error, expected, rtol=0, atol=1e-7 * np.linalg.norm(start))


@pytest.mark.parametrize("trained", [False, True])
def test_steps_change_between_output_times(tmp_path, trained):
    """With step = "auto" the steps grow, in the training and in its prediction."""
    training = {"precision": "double"}
    run = statement.parse(TABLES | {"training": training})
    problem = statement.build(run)
    if trained:
        run_nn(run, problem, Store(tmp_path), resume=False, overwrite=False, stop=StopRequest())
    run_in(tmp_path, training=training)
    found = read(tmp_path)
    steps, flow = found["empirical-steps"], found["empirical"]
    assert steps.error.shape == (len(problem.times), 1, 48) and np.isin(problem.times, steps.step_time).all()
    first = np.diff(steps.step_time[steps.step_time <= problem.times[1]])
    assert first.max() > 5 * first.min()  # steps change within one interval
    apart = np.linalg.norm(steps.error - flow.error, axis=(1, 2)).max() / np.linalg.norm(flow.error[0])
    assert 1e-7 < apart < 1e-3  # the tolerance


def test_steps_of_a_finished_training(tmp_path):
    """A narrow network with large values takes other steps than its linearisation, whose steps are predicted before."""
    changes = {"training": {"precision": "double"}, "network": TABLES["network"] | {"width": 20, "sigma_a": 0.1}}
    run = statement.parse(TABLES | changes)
    run_in(tmp_path / "before", **changes)
    run_nn(run, statement.build(run), Store(tmp_path / "after"), resume=False, overwrite=False, stop=StopRequest())
    run_in(tmp_path / "after", **changes)
    before, after = (
        read(tmp_path / name, "empirical-steps")["empirical-steps"].step_time for name in ("before", "after")
    )
    taken = ErrorHistory.load(tmp_path / "after" / "nn" / "error.nc").step_time
    np.testing.assert_allclose(after, taken, rtol=1e-12)
    assert after.size > before.size


def test_finished_stage_is_kept(whole):
    before = (whole / "ntk" / "manifest.json").read_bytes()
    with pytest.raises(UsageError, match=r"--resume.*--overwrite"):
        run_in(whole)
    with pytest.raises(UsageError, match="seed"):
        run_in(whole, resume=True, seed=1)
    run_in(whole, resume=True, training={"step": 0.5, "precision": "double"})  # on which predictions do not depend
    assert (whole / "ntk" / "manifest.json").read_bytes() == before


class Counting:
    """A kernel that counts its products."""

    def __init__(self, kernel, made):
        self.kernel, self.made = kernel, made

    def apply(self, values):
        self.made.append(len(values))
        return self.kernel.apply(values)


@pytest.mark.parametrize("asked", [1, 5, 25])
def test_resume_repeats_no_product(tmp_path, predicted, asked, monkeypatch):
    made = []
    monkeypatch.setattr(
        "freqbias.nn.ntk_stage.linearised_training",
        lambda problem, kernel, *rest, **options: nn.linearised_training(
            problem, Counting(kernel, made), *rest, **options
        ),
    )
    with pytest.raises(StoppedEarly, match="--resume"):
        run_in(tmp_path, stop=StopAfter(asked))
    assert not (tmp_path / "ntk").exists()
    kept = asked == 25
    assert (tmp_path / "ntk.partial" / "infinite-width.nc").is_file() == kept
    assert len(made) == asked - 1
    run_in(tmp_path, resume=True)
    resumed = read(tmp_path)
    assert resumed.keys() == predicted.keys()
    for name, history in resumed.items():
        np.testing.assert_array_equal(history.error, predicted[name].error)
        assert history.attributes == predicted[name].attributes
    assert len(made) == sum(predicted[name].attributes["products"] for name in ("infinite-width", "empirical"))


def test_resume_after_kill_while_publishing(tmp_path, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("freqbias.runtime.stage.publish", lambda folder: (_ for _ in ()).throw(KeyboardInterrupt))
        run_in(tmp_path)
    assert not (tmp_path / "ntk").exists()
    run_in(tmp_path, resume=True)
    assert {path.name for path in (tmp_path / "ntk").glob("*.nc")} == FILES


def test_diverging_steps_are_skipped(tmp_path, caplog):
    run_in(tmp_path, training={"step": 25.0, "integrator": "gradient-descent"})
    assert {path.stem for path in (tmp_path / "ntk").glob("*.nc")} == {"infinite-width", "empirical"}
    assert "empirical: empirical-steps.nc is skipped: the steps diverge" in caplog.text


@pytest.mark.parametrize(
    ("most", "left"), [(14, FILES), (12, {"infinite-width.nc", "infinite-width-steps.nc"}), (2, set())]
)
def test_limited_products(tmp_path, most, left, monkeypatch, caplog):
    for name in ("exponential", "gradient_descent"):
        monkeypatch.setattr(f"freqbias.nn.linearised.{name}", partial(getattr(numerics, name), max_steps=most))
    store = run_in(tmp_path, training={"step": 0.5, "tolerance": 1e-2})
    assert {path.name for path in store.verify("ntk").glob("*.nc")} == left
    skipped = {name for name in FILES if f": {name} is skipped: Lanczos: error bound" in caplog.text}
    assert skipped == FILES - left
    if left:
        flow = read(tmp_path, "infinite-width")["infinite-width"]
        matrix = oracle.dense_kernel(oracle.grid((48,), (1.0,)), oracle.gaussian(5.0), 1.0)
        exact = oracle.flow(matrix, flow.error[0], flow.time)
        apart = np.linalg.norm(flow.error - exact, axis=(1, 2)).max() / np.linalg.norm(exact[0])
        assert flow.attributes["products"] == most
        assert 1e-8 < apart <= flow.attributes["error_bound"] <= 1e-3


def test_bad_input_leaves_no_files(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(InputError, match="device"):
        run_in(tmp_path / "out", training={"device": "cuda:7"})
    assert not (tmp_path / "out").exists()
