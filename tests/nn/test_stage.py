"""The stage `nn`: what it writes, refuses, and goes on from."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import problem as statement
from nn import train
from nn.stage import run_stage
from problem import ComputationError, ErrorHistory, InputError
from runtime import StoppedEarly, StopRequest, Store, UsageError

REPOSITORY = Path(__file__).parents[2]
TABLES = {
    "name": "small",
    "density": {"kind": "gaussian", "sigma": 5.0},
    "data": {"kind": "waves", "dimension": 1, "points": 48, "frequencies": [[2.0], [7.0]], "window": 0.15},
    "network": {"width": 1000, "sigma_a": 1.0},
    "time": {"end": 80.0, "outputs": 8},
    "training": {"step": 0.5},
}


class StopAfter(StopRequest):
    """Asks to stop at the n-th question."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self._left = n

    def requested(self, comm=None) -> bool:
        self._left -= 1
        if self._left <= 0:
            self._reason = "enough"
        return self._left <= 0


def run_in(folder: Path, *, resume=False, overwrite=False, stop=None, **changes) -> Store:
    run, store = statement.parse(TABLES | changes), Store(folder)
    run_stage(run, statement.build(run), store, resume=resume, overwrite=overwrite, stop=stop or StopRequest())
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


def test_the_stage_writes_the_training_and_the_run_file(tmp_path, uninterrupted):
    store = run_in(tmp_path)
    assert sorted(path.name for path in store.verify("nn").iterdir()) == ["error.nc", "manifest.json"]
    assert_same(history_in(tmp_path), uninterrupted)
    run = statement.parse(TABLES)
    np.testing.assert_array_equal(uninterrupted.error, train(statement.build(run), run.training).error)
    assert (tmp_path / "run.toml").read_text() == statement.resolved(run)
    assert store.manifest("nn")["keys"] == statement.stage_keys(run, "nn")


def test_a_finished_stage_is_kept_unless_told_otherwise(tmp_path):
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


def test_a_finished_stage_is_not_prepared_again(tmp_path, monkeypatch):
    """A GPU that is gone since matters no more."""
    run_in(tmp_path)
    monkeypatch.setattr("nn.stage.prepare", lambda *_, **__: pytest.fail("prepared"))
    run_in(tmp_path, resume=True)
    with pytest.raises(UsageError, match=r"--resume.*--overwrite"):
        run_in(tmp_path)


@pytest.mark.parametrize("asked", [1, 2, 77, 160, 161])
def test_a_training_that_was_stopped_goes_on_to_the_same_bits(tmp_path, uninterrupted, asked):
    with pytest.raises(StoppedEarly, match="--resume"):
        run_in(tmp_path, stop=StopAfter(asked))
    assert not (tmp_path / "nn").exists()
    run_in(tmp_path, resume=True)
    assert_same(history_in(tmp_path), uninterrupted)


@pytest.mark.parametrize(
    ("damaged", "said"),
    [("state-0", "going on after step "), ("state-1", "going on after step "),
     ("output-000001", "starting again"), ("output-000003", "starting again")],
)  # fmt: skip
def test_a_damaged_part_is_computed_again_from_the_last_good_state(tmp_path, uninterrupted, damaged, said, caplog):
    with pytest.raises(StoppedEarly):
        run_in(tmp_path, stop=StopAfter(90))
    part = tmp_path / "nn.partial" / "parts" / f"{damaged}.safetensors"
    part.write_bytes(part.read_bytes()[:-8])
    with caplog.at_level("INFO", "freqbias"):
        run_in(tmp_path, resume=True)
    assert f"{damaged}.safetensors is damaged" in caplog.text and said in caplog.text
    assert_same(history_in(tmp_path), uninterrupted)


def test_a_resumed_training_keeps_the_steps_it_began_with(tmp_path, monkeypatch):
    run_in(tmp_path / "whole", training={})
    with pytest.raises(StoppedEarly):
        run_in(tmp_path / "parts", training={}, stop=StopAfter(20))
    monkeypatch.setattr("nn.ntk.MARGIN", 2.0)  # another version decides on other steps
    run_in(tmp_path / "parts", training={}, resume=True)
    np.testing.assert_array_equal(history_in(tmp_path / "parts").error, history_in(tmp_path / "whole").error)


def test_what_was_reached_before_a_divergence_is_kept(tmp_path):
    with pytest.raises(ComputationError, match="diverged at step"):
        run_in(tmp_path, training={"step": 25.0, "integrator": "gradient-descent"})
    assert (tmp_path / "nn.partial" / "parts" / "output-000000.safetensors").is_file()
    assert not (tmp_path / "nn").exists()


def test_what_cannot_be_trained_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(InputError, match="device"):
        run_in(tmp_path / "out", training={"device": "cuda:7"})
    monkeypatch.setattr("nn.device.memory_there", lambda device: 2.0**30)
    with pytest.raises(InputError, match="width"):
        run_in(tmp_path / "out", network={"width": 10**9, "sigma_a": 1.0})
    assert not (tmp_path / "out").exists()


def test_the_command_imports_nothing_heavy_before_it_works():
    heavy = "{'torch', 'numpy', 'scipy', 'xarray', 'pydantic', 'finufft'} & set(sys.modules)"
    code = f"import sys, nn, nn.cli; assert not ({heavy}), {heavy}"
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True)
