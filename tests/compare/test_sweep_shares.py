"""`freqbias sweep`: failures, stops, several processes at one sweep, and shares of a job array."""

import time
from types import SimpleNamespace

import numpy as np
import pytest

from freqbias.compare.sweep import SweepFolder, collect_sweep, end_table, processes
from freqbias.compare.sweep.processes import Deaths
from freqbias.compare.sweep.work import Worker
from freqbias.errors import StoppedEarly, UsageError
from freqbias.problem import load_sweep
from freqbias.runtime import FileLock, StopRequest
from tests.compare.sweeps import AXES, RUN, sweep_in

pytestmark = [  # one worker, for the sweep that these files share
    pytest.mark.xdist_group("sweeps"),
    pytest.mark.usefixtures("undrawn"),
]


def test_a_run_that_fails_is_recorded_and_does_not_stop_the_others(tmp_path):
    text = RUN.replace("[1.0, 4.0]", "[20.0, 100.0]") + "[training]\nintegrator = 'gradient-descent'\n"
    words, stages = ["training.step=1.0,20.0", "seed=0,1"], ["pde", "nn", "compare"]
    sweep = sweep_in(tmp_path / "out", words, text=text, stages=stages)
    data = collect_sweep(sweep)
    assert sweep.exit_code == 3
    assert np.isfinite(data.loss_nn.sel({"training.step": 1})).all()
    assert np.isfinite(data.loss_pde).all()  # the stages that do not fail are there
    assert np.isnan(data.loss_nn.sel({"training.step": 20})).all()
    for text_of_failure in data.failure.sel({"training.step": 20}).values:
        assert text_of_failure.startswith("nn: ") and "diverge" in text_of_failure
    assert "4 runs" not in end_table(data) and "2 runs failed; sweep.csv says why" in end_table(data)
    begun = {path: path.read_text() for path in sweep.runs.glob("*/nn.failed")}
    sweep = sweep_in(tmp_path / "out", words, text=text, resume=True, stages=stages)  # tries again
    assert sweep.exit_code == 3 and all(path.read_text() != old for path, old in begun.items())


def test_a_failure_ends_when_its_cause_does(tmp_path, monkeypatch):
    from freqbias.compare.sweep import work

    real = work.stage_function

    def failing(name):
        def stage(*args, **kwargs):
            raise MemoryError("no space")

        return stage if name == "nn" else real(name)

    monkeypatch.setattr(work, "stage_function", failing)
    sweep = sweep_in(tmp_path / "out", [], stages=["pde", "nn", "compare"])
    assert sweep.exit_code == 1 and collect_sweep(sweep).failure.values.tolist() == ["nn: MemoryError: no space"]
    monkeypatch.setattr(work, "stage_function", real)
    sweep = sweep_in(tmp_path / "out", [], stages=["pde", "nn", "compare"], resume=True)
    assert sweep.exit_code == 0 and collect_sweep(sweep).failure.values.tolist() == [""]
    assert not list(sweep.runs.rglob("*.failed"))


def test_a_second_command_may_start_while_the_first_computes(tmp_path):
    path = tmp_path / "my.toml"
    path.write_text(RUN)
    sweep = SweepFolder(tmp_path / "out", load_sweep(path, ["seed=0,1"], stages=["nn"]))
    sweep.prepare(overwrite=False)
    task = sweep.tasks[0]
    with sweep.store(task).open("nn", keys=task.keys):  # as the first command does
        again = SweepFolder(tmp_path / "out", load_sweep(path, ["seed=0,1"], stages=["nn"]))
        assert again.check(resume=True, overwrite=False) == 0
        with pytest.raises(UsageError, match="is working on"):
            again.check(resume=False, overwrite=True)


def test_a_failure_of_another_share_counts_and_is_not_tried_again(tmp_path):
    text = RUN.replace("[1.0, 4.0]", "[20.0, 100.0]") + "[training]\nintegrator = 'gradient-descent'\n"
    words = ["training.step=1.0,20.0"]
    second = sweep_in(tmp_path / "out", words, text=text, stages=["nn"], share=(2, 2))
    assert second.exit_code == 3 and not second.is_complete
    first = sweep_in(tmp_path / "out", words, text=text, stages=["nn"], share=(1, 2), resume=True)
    assert first.is_complete and first.exit_code == 0
    assert [text[:3] for text in collect_sweep(first).failure.values] == ["", "nn:"]


def test_a_stage_that_kills_two_processes_has_failed(tmp_path):
    path = tmp_path / "my.toml"
    path.write_text(RUN)
    sweep = SweepFolder(tmp_path / "out", load_sweep(path, ["seed=0,1"], stages=["nn"]))
    sweep.prepare(overwrite=False)
    deaths, claim = Deaths(sweep), sweep.runs / "seed=1" / ".nn.task"
    claim.write_text("123\n")  # as a killed process leaves it
    deaths.note(123, -9, [0, 1])
    assert sweep.state(1) == "ready"
    claim.write_text("124\n")
    deaths.note(124, -9, [0, 1])
    assert sweep.state(1) == "failed" and sweep.state(0) == "ready" and sweep.exit_code == 1
    assert "killed by signal 9" in sweep.failure_of("seed=1") and "use fewer --jobs" in sweep.failure_of("seed=1")
    deaths.note(125, 1, [0])
    deaths.note(126, 1, [0])
    with pytest.raises(RuntimeError, match="end before they work; the last one ended with exit code 1"):
        deaths.note(127, 1, [0])


def test_the_tasks_of_an_array_share_the_runs(tmp_path):
    first = sweep_in(tmp_path / "out", AXES, stages=["pde", "nn"], share=(1, 3))
    assert len(list(first.runs.glob("*/nn/manifest.json"))) == 2 and not first.is_complete
    for number in (2, 3):
        last = sweep_in(tmp_path / "out", AXES, stages=["pde", "nn"], share=(number, 3), resume=True)
    assert last.is_complete and len(list(last.runs.glob("*/nn/manifest.json"))) == 4
    with pytest.raises(UsageError, match="--overwrite contradicts --task"):
        sweep_in(tmp_path / "out", AXES, share=(1, 2), overwrite=True)


def test_a_stage_that_another_process_computes_is_left_to_it(tmp_path):
    path = tmp_path / "my.toml"
    path.write_text(RUN)
    sweep = SweepFolder(tmp_path / "out", load_sweep(path, ["seed=0,1"], stages=["nn"]))
    sweep.prepare(overwrite=False)
    claims = [sweep.claim(task) for task in sweep.tasks]
    assert claims[0].acquire()
    with StopRequest() as stop:
        worker = Worker(sweep, stop)
        assert worker._next() == 1
        worker._release()
        sweep.record_failure(sweep.tasks[1], ValueError("on purpose"))
        assert worker._next() == -1  # nothing now, but the first task is not finished
        claims[0].release()
        assert worker._next() == 0
        worker._release()
    assert isinstance(claims[0], FileLock)


def test_a_stop_leaves_a_sweep_that_resume_continues(tmp_path):
    path = tmp_path / "my.toml"
    path.write_text(RUN)
    plan = load_sweep(path, ["seed=0,1,2"], stages=["nn"])
    with StopRequest() as stop:
        sweep = SweepFolder(tmp_path / "out", plan)
        sweep.prepare(overwrite=False)

        def on_change(ended):
            if ended == 1:
                stop.max_walltime = 0.0

        with pytest.raises(StoppedEarly):
            Worker(sweep, stop, on_change=on_change).work()
    assert len(list(sweep.runs.glob("*/nn/manifest.json"))) == 1 and not list(sweep.runs.glob("*/.nn.task"))
    assert sweep_in(tmp_path / "out", ["seed=0,1,2"], stages=["nn"], resume=True).is_complete


class SlowSweep:
    """A sweep whose states take long to find."""

    looks = 0

    def state(self, index):
        self.looks += 1
        time.sleep(0.05)
        return "ready"


def test_long_looks_do_not_delay_a_stop(monkeypatch):
    monkeypatch.setattr(processes, "LOOK_EVERY", 0.001)
    sweep, checks = SlowSweep(), []

    def check():
        checks.append(sweep.looks)
        if len(checks) == 100:
            raise StoppedEarly("stop")

    worker = SimpleNamespace(is_alive=lambda: True, exitcode=None)
    with pytest.raises(StoppedEarly):
        processes._wait([worker], lambda: worker, sweep, SimpleNamespace(check=check), [0])
    assert sweep.looks < 10, "it looks a tenth of the time"
