"""`run`: interruption and --resume, with and without --overwrite, for any finished stages."""

import logging
import shutil
from dataclasses import replace

import numpy as np
import pytest

from freqbias.compare.stages import pipeline, run_compare
from freqbias.errors import StoppedEarly, UsageError
from freqbias.nn import EmpiricalKernel
from freqbias.problem import build, parse, stage_keys
from freqbias.runtime import StopRequest, Store
from tests.compare.build import fabricated
from tests.compare.test_stage import TABLES, metrics

RUN = parse(TABLES)
OTHER = parse({**TABLES, "unit": "m", "pde": {"tolerance": 2e-3}})


class Bench:
    """A result folder and `run` on it; the stages before compare are replaced by ones that write fabricated results.

    factor: scales the network's errors. stop_in: the stage to interrupt. made: the stages computed.
    """

    def __init__(self, root, monkeypatch):
        self.store, self.factor, self.stop_in, self.made = Store(root), 1.1, None, []
        whole = pipeline.stage_function
        monkeypatch.setattr(
            pipeline, "stage_function", lambda name: whole(name) if name == "compare" else self.standing_in(name)
        )
        monkeypatch.setattr("freqbias.compare.stages.compare_stage.write", self.write)

    def run(self, run=RUN, *, resume=False, overwrite=False, stop_in=None):
        self.made, self.stop_in = [], stop_in
        with StopRequest() as stop:
            pipeline.run_all(run, build(run), self.store, resume=resume, overwrite=overwrite, stop=stop)

    def standing_in(self, name):
        def run_stage(run, problem, store, *, resume, overwrite, stop, petsc=(), plan=None):
            with store.open(name, keys=stage_keys(run, name), resume=resume, overwrite=overwrite) as stage:
                self.interrupted(name)
                spectrum, history = fabricated(problem, cells=(32,))
                history = replace(history, error=self.factor * history.error)
                file = {"pde": "spectrum.nc", "nn": "error.nc", "ntk": "infinite-width.nc"}[name]
                with stage.writing(file) as path:
                    (spectrum if name == "pde" else history).save(path)
                stage.finish()

        return run_stage

    def write(self, stage, comparison, run, problem, stop):
        self.interrupted("compare")
        with stage.writing("metrics.csv") as path:
            comparison.save_metrics(path)

    def interrupted(self, name):
        if name == self.stop_in:
            raise StoppedEarly("on purpose")
        self.made.append(name)

    @property
    def error(self):
        return metrics(self.store)["relative_l2_error"][-1]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A result folder with all stages."""
    root = tmp_path_factory.mktemp("finished") / "out"
    with pytest.MonkeyPatch.context() as patch:
        bench = Bench(root, patch)
        bench.run()
    assert bench.made == list(pipeline.STAGES)
    return root


@pytest.fixture
def bench(finished, tmp_path, monkeypatch):
    """A copy of the finished results."""
    shutil.copytree(finished, tmp_path / "out")
    return Bench(tmp_path / "out", monkeypatch)


@pytest.mark.parametrize("run", [RUN, OTHER], ids=["same keys", "other keys"])
@pytest.mark.parametrize("stage", pipeline.STAGES)
def test_interrupted_overwrite_is_resumed(bench, run, stage):
    bench.factor = 1.2
    with pytest.raises(StoppedEarly):
        bench.run(run, overwrite=True, stop_in=stage)
    before = bench.made
    assert bench.error == pytest.approx(0.1 / 1.1), "until the new result is complete the old one can be read"
    with pytest.raises(UsageError, match="--resume"):
        bench.run(run)
    bench.run(run, resume=True)
    assert before + bench.made == list(pipeline.STAGES)
    assert bench.error == pytest.approx(0.2 / 1.2)
    bench.run(run, resume=True)
    assert bench.made == []


def test_killed_overwrite_is_repeated(bench, monkeypatch):
    bench.factor = 1.2
    monkeypatch.setattr(bench.store, "overwrite_interrupted", lambda keys: True)
    bench.run(resume=True)
    assert bench.made == list(pipeline.STAGES) and bench.error == pytest.approx(0.2 / 1.2)


def test_outdated_comparison_is_repeated(bench, caplog):
    bench.factor = 1.3
    with StopRequest() as stop:
        bench.standing_in("nn")(RUN, build(RUN), bench.store, resume=False, overwrite=True, stop=stop)
    with caplog.at_level("INFO", "freqbias"):
        bench.run(resume=True)
    assert bench.made == ["compare"] and bench.error == pytest.approx(0.3 / 1.3)
    assert "compare: the sources have changed (sources.nn" in caplog.text


def test_own_errors_give_way_to_the_network(bench, tmp_path, caplog):
    _, history = fabricated(build(RUN))
    replace(history, error=2.0 * history.error).save(tmp_path / "mine.nc")
    with StopRequest() as stop:
        run_compare(
            RUN, build(RUN), bench.store, resume=False, overwrite=True, stop=stop, error_files=[tmp_path / "mine.nc"]
        )
    assert bench.error == pytest.approx(0.5)
    with caplog.at_level("INFO", "freqbias"):
        bench.run(resume=True)
    assert bench.error == pytest.approx(0.1 / 1.1)
    assert "compare: the sources have changed (sources.error" in caplog.text


def test_changed_key_is_refused_first(bench):
    with pytest.raises(UsageError, match=r"pde\.tolerance: 0.001 -> 0.002"):
        bench.run(OTHER, resume=True)
    assert bench.made == []
    np.testing.assert_allclose(bench.error, 0.1 / 1.1)


def test_network_is_planned_once(tmp_path, monkeypatch):
    """A plan draws the network and its kernel, for lambda_max; for a deep network that takes seconds to minutes."""
    planned = []

    def counted(*arguments, **settings):
        planned.append(EmpiricalKernel(*arguments, **settings))
        return planned[-1]

    monkeypatch.setattr("freqbias.nn.training_plan.EmpiricalKernel", counted)
    with StopRequest() as stop:
        pipeline.run_all(
            RUN, build(RUN), Store(tmp_path), resume=False, overwrite=False, stop=stop, stages=("nn", "ntk")
        )
    assert len(planned) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"run.toml", "nn", "ntk"}


def test_unlearnable_target_warning(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(logging.getLogger("freqbias"), "propagate", True)
    bench = Bench(tmp_path, monkeypatch)
    bench.run()
    assert "never learnt" not in caplog.text and "of the target" not in caplog.text
    low = parse({**TABLES, "density": {"kind": "gaussian", "sigma": 0.05}})
    bench.run(low, overwrite=True)
    assert "of the target lies outside the mesh" in caplog.text


def test_the_seconds_of_all_stages_add_up(bench, monkeypatch):
    monkeypatch.setattr(pipeline, "seconds_since_start", lambda: 10.0)
    assert pipeline._times(bench.store, {"pde": 1.0, "nn": 2.0, "ntk": 0.5, "compare": 4.0}) == (
        "10.0 s = 2.5 s start and checks + 1.0 s pde + 2.0 s nn + 0.5 s ntk + 4.0 s compare"
    )
    now, earlier = pipeline._times(bench.store, {"compare": 4.0}).split("; earlier: ")
    assert now == "10.0 s = 6.0 s start and checks + 4.0 s compare"
    assert [part.split(" s ")[1] for part in earlier.split(", ")] == ["pde", "nn", "ntk"]
