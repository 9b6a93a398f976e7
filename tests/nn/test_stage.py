"""The stage `nn`: its files, its refusals, and its resumption."""

import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from tensorboard.backend.event_processing import event_accumulator

from freqbias import problem as statement
from freqbias.errors import ComputationError, InputError, StoppedEarly, UsageError
from freqbias.nn import plan_training, train
from freqbias.nn.run import run_nn
from freqbias.problem import ErrorHistory, Training
from freqbias.runtime import Stage, StopRequest, Store

TRAINING_KEYS = {"sgd": {"batch": 9}, "adam": {"step": 0.01}}  # keys that an integrator needs
TRAININGS = get_args(Training.model_fields["integrator"].annotation)
REPOSITORY = Path(__file__).parents[2]
TABLES = {
    "name": "small",
    "density": {"kind": "gaussian", "sigma": 5.0},
    "data": {"kind": "waves", "dimension": 1, "points": 48, "frequencies": [[2.0], [7.0]], "window": 0.15},
    "network": {"width": 200, "sigma_a": 1.0},
    "time": {"end": 80.0, "outputs": 8},
    "training": {"step": 0.5, "checkpoint": 0.0},
}
SHORT = {"time": {"end": 10.0, "outputs": 4}}  # 20 steps, 5 before each output time


class StopAfter(StopRequest):
    """Requests a stop when asked for the n-th time."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self._left = n

    def requested(self, comm=None) -> bool:
        self._left -= 1
        if self._left <= 0:
            self._reason = "enough"
        return self._left <= 0


def run_in(folder: Path, *, resume=False, overwrite=False, stop=None, **changes) -> Store:
    run, store = statement.parse(TABLES | SHORT | changes), Store(folder)
    run_nn(run, statement.build(run), store, resume=resume, overwrite=overwrite, stop=stop or StopRequest())
    return store


def history_in(folder: Path) -> ErrorHistory:
    return ErrorHistory.load(folder / "nn" / "error.nc")


def assert_same(one: ErrorHistory, other: ErrorHistory) -> None:
    for name in ("time", "position", "error", "loss"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.attributes == other.attributes


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> ErrorHistory:
    folder = tmp_path_factory.mktemp("whole")
    run_in(folder)
    return history_in(folder)


def test_stage_writes_result_and_run_file(tmp_path, uninterrupted):
    store = run_in(tmp_path)
    names = ["error.nc", "manifest.json", "network.json", "network.safetensors"]
    assert sorted(path.name for path in store.verify("nn").iterdir()) == names
    assert_same(history_in(tmp_path), uninterrupted)
    run = statement.parse(TABLES | SHORT)
    np.testing.assert_array_equal(uninterrupted.error, train(statement.build(run), run.training).error)
    assert (tmp_path / "run.toml").read_text() == statement.resolved(run)
    assert store.manifest("nn")["keys"] == statement.stage_keys(run, "nn")


def test_finished_stage_is_kept(tmp_path):
    run_in(tmp_path)
    before = (tmp_path / "nn" / "error.nc").read_bytes()
    with pytest.raises(UsageError, match=r"--resume.*--overwrite"):
        run_in(tmp_path)
    run_in(tmp_path, resume=True)
    with pytest.raises(UsageError, match="seed"):
        run_in(tmp_path, resume=True, seed=1)
    assert (tmp_path / "nn" / "error.nc").read_bytes() == before
    run_in(tmp_path, overwrite=True, seed=1)
    assert history_in(tmp_path).attributes["seed"] == 1


def test_finished_stage_is_not_planned_again(tmp_path, monkeypatch):
    """A GPU that has been removed since must not matter."""
    run_in(tmp_path)
    monkeypatch.setattr("freqbias.nn.stage.plan_training", lambda *_, **__: pytest.fail("planned again"))
    run_in(tmp_path, resume=True)
    with pytest.raises(UsageError, match=r"--resume.*--overwrite"):
        run_in(tmp_path)


def test_resume_after_a_stop_at_the_last_of_automatic_steps(tmp_path):
    """Then no step is left, and only the result is to be written."""
    automatic = {"training": {"checkpoint": 0.0, "tolerance": 1e-2}}
    run_in(tmp_path / "whole", **automatic)
    steps = history_in(tmp_path / "whole").attributes["steps"]
    with pytest.raises(StoppedEarly):
        run_in(tmp_path / "part", stop=StopAfter(steps + 1), **automatic)
    run_in(tmp_path / "part", resume=True, **automatic)
    assert_same(history_in(tmp_path / "part"), history_in(tmp_path / "whole"))


@pytest.mark.parametrize("asked", [1, 2, 12, 20, 21])
def test_resume_after_stop_is_bit_identical(tmp_path, uninterrupted, asked):
    with pytest.raises(StoppedEarly, match="--resume"):
        run_in(tmp_path, stop=StopAfter(asked))
    assert not (tmp_path / "nn").exists()
    run_in(tmp_path, resume=True)
    assert_same(history_in(tmp_path), uninterrupted)


@pytest.mark.parametrize("integrator", TRAININGS)
def test_resume_of_each_integrator(tmp_path, integrator):
    training = {"integrator": integrator, "step": 0.5} | TRAINING_KEYS.get(integrator, {})
    time = {"end": 20 * training["step"], "outputs": 4}
    run_in(tmp_path / "whole", training=training, time=time)
    with pytest.raises(StoppedEarly):
        run_in(tmp_path / "parts", training=training, time=time, stop=StopAfter(12))
    run_in(tmp_path / "parts", training=training, time=time, resume=True)
    assert_same(history_in(tmp_path / "parts"), history_in(tmp_path / "whole"))


@pytest.mark.parametrize(
    ("damaged", "message"),
    [("state-0", "resuming after step "), ("state-1", "resuming after step "),
     ("output-000001", "starts from the beginning"), ("output-000003", "starts from the beginning")],
)  # fmt: skip
def test_damaged_part_is_recomputed(tmp_path, uninterrupted, damaged, message, caplog):
    with pytest.raises(StoppedEarly):
        run_in(tmp_path, stop=StopAfter(18))
    part = tmp_path / "nn.partial" / "parts" / f"{damaged}.safetensors"
    part.write_bytes(part.read_bytes()[:-8])
    with caplog.at_level("INFO", "freqbias"):
        run_in(tmp_path, resume=True)
    assert f"{damaged}.safetensors is damaged" in caplog.text and message in caplog.text
    assert_same(history_in(tmp_path), uninterrupted)


def test_resume_keeps_the_step_sizes(tmp_path, monkeypatch):
    auto = {"training": {}, "time": TABLES["time"]}
    run_in(tmp_path / "whole", **auto)
    with pytest.raises(StoppedEarly):
        run_in(tmp_path / "parts", **auto, stop=StopAfter(20))
    monkeypatch.setattr(
        "freqbias.nn.runge_kutta.RungeKutta.largest_step", lambda *_: 0.1
    )  # as if another version decided
    run_in(tmp_path / "parts", **auto, resume=True)
    np.testing.assert_array_equal(history_in(tmp_path / "parts").error, history_in(tmp_path / "whole").error)


LONG = {"time": {"end": 400.0, "outputs": 5}, "network": {"width": 1000, "sigma_a": 1.0}}  # its kernel hardly changes


def diverge(folder: Path, checkpoint: float = 0.0) -> dict[str, object]:
    """Train until the fastest mode diverges; before, the loss falls for a while. Returns the training settings."""
    lambda_max = plan_training(statement.build(statement.parse(TABLES | LONG))).lambda_max
    training = {"step": 2.6 / lambda_max, "integrator": "gradient-descent", "checkpoint": checkpoint}
    with pytest.raises(ComputationError, match="diverged at step"):
        run_in(folder, training=training, **LONG)
    return training


@pytest.mark.parametrize("checkpoint", [0.0, 30.0], ids=["states near the divergence", "no states"])
def test_resume_after_divergence(tmp_path, checkpoint, caplog):
    finer = {"step": 2.0, "integrator": "gradient-descent"}
    diverge(tmp_path / "mended", checkpoint)
    assert not (tmp_path / "mended" / "nn").exists()
    with pytest.raises(UsageError, match="seed"):
        run_in(tmp_path / "mended", resume=True, training=finer, **LONG, seed=1)
    with caplog.at_level("INFO", "freqbias"):
        store = run_in(tmp_path / "mended", resume=True, training=finer, **LONG)
    (resuming,) = [text for text in caplog.messages if "resuming after step" in text]
    assert int(resuming.split()[4]) >= 3
    assert [text for text in caplog.messages if "--overwrite computes all output times with the new step" in text]
    assert store.manifest("nn")["keys"]["training"]["step"] == 2.0
    run_in(tmp_path / "whole", training=finer, **LONG)
    mended, whole = history_in(tmp_path / "mended"), history_in(tmp_path / "whole")
    assert mended.attributes["steps"] < whole.attributes["steps"] and mended.attributes["last_step"] == 2.0
    assert mended.attributes["first_step"] > mended.attributes["step"] == whole.attributes["first_step"] == 2.0
    np.testing.assert_allclose(mended.loss, whole.loss, rtol=0.05)
    assert (np.diff(mended.loss) < 0).all()


def test_auto_step_after_divergence(tmp_path):
    training = diverge(tmp_path)
    with pytest.raises(ComputationError, match="diverged at step"):
        run_in(tmp_path, resume=True, training=training, **LONG)
    run_in(tmp_path, resume=True, training={"integrator": "gradient-descent", "tolerance": 0.1}, **LONG)
    assert (np.diff(history_in(tmp_path).loss) < 0).all()


def test_stopped_training_keeps_its_step(tmp_path):
    with pytest.raises(StoppedEarly):
        run_in(tmp_path, stop=StopAfter(18))
    with pytest.raises(UsageError, match=r"training.step: 0.5 -> 0.25"):
        run_in(tmp_path, resume=True, training={"step": 0.25})


def test_bad_input_leaves_no_files(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(InputError, match="device"):
        run_in(tmp_path / "out", training={"device": "cuda:7"})
    monkeypatch.setattr("freqbias.nn.device.device_memory", lambda device: 2.0**30)
    with pytest.raises(InputError, match="width"):
        run_in(tmp_path / "out", network={"width": 10**9, "sigma_a": 1.0})
    assert not (tmp_path / "out").exists()


def test_checkpoint_interval(tmp_path, monkeypatch):
    kept, save = [], Stage.save_checkpoint

    def recorded(stage, name, *arguments, **meta):
        kept.append(meta["step"] if name.startswith("state") else name)
        save(stage, name, *arguments, **meta)

    monkeypatch.setattr(Stage, "save_checkpoint", recorded)
    run_in(tmp_path / "each", time={"end": 2.0, "outputs": 1})
    assert kept == ["output-000000", 0, 1, 2, 3, "output-000001", 4]
    kept.clear()
    run_in(tmp_path / "none", time={"end": 2.0, "outputs": 1}, training={"step": 0.5})
    assert kept == ["output-000000", "output-000001"]


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """The scalars (step, value) in the TensorBoard log of a result."""
    events = event_accumulator.EventAccumulator(str(folder / "nn" / "tensorboard"))
    events.Reload()
    return {name: [(each.step, each.value) for each in events.Scalars(name)] for name in events.Tags()["scalars"]}


def test_tensorboard_logs_each_step_once(tmp_path, monkeypatch):
    monkeypatch.setattr("freqbias.nn.tensorboard_log.LOG_SECONDS", 0.0)
    watched = {"step": 0.5, "tensorboard": True}
    run_in(tmp_path / "whole", training=watched)
    shown = scalars(tmp_path / "whole")
    assert sorted(shown) == ["lambda_max", "loss", "seconds a step", "step"]
    assert [step for step, _ in shown["loss"]] == list(range(21))
    history = history_in(tmp_path / "whole")
    np.testing.assert_allclose([loss for _, loss in shown["loss"]][::5], history.loss, rtol=1e-6)
    assert {value for _, value in shown["step"]} == {0.5}
    np.testing.assert_allclose(shown["lambda_max"][0][1], history.attributes["lambda_max"], rtol=1e-6)

    def interrupt(stage, *_, **__):
        raise KeyboardInterrupt

    with pytest.raises(StoppedEarly):
        run_in(tmp_path / "parts", training=watched, stop=StopAfter(12))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):  # 4 more steps, without a checkpoint
        patch.setattr(Stage, "save_checkpoint", interrupt)
        run_in(tmp_path / "parts", training=watched, resume=True)
    run_in(tmp_path / "parts", training=watched, resume=True)
    assert scalars(tmp_path / "parts")["loss"] == shown["loss"]


def test_missing_tensorboard_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("freqbias.nn.training_plan.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"\[training\] tensorboard = true.*uv sync --extra tensorboard"):
        run_in(tmp_path / "out", training={"tensorboard": True})
    assert not (tmp_path / "out").exists()


def test_command_imports_nothing_heavy():
    heavy = "{'torch', 'numpy', 'scipy', 'xarray', 'pydantic', 'finufft'} & set(sys.modules)"
    code = f"import sys, freqbias.nn, freqbias.nn.cli; assert not ({heavy}), {heavy}"
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True)
