"""The command `freqbias design`: its files, its run file, wrong settings, and what happens if it is stopped."""

import csv
import re
from unittest.mock import Mock, patch

import numpy as np
import pytest
import tomli_w

from freqbias.compare.design import Candidate, Search, design
from freqbias.compare.stages import run_design
from freqbias.compare.stages.design_stage import _stored, winning_run
from freqbias.errors import InputError, StoppedEarly, UsageError
from freqbias.nn import train
from freqbias.problem import build, load, parse
from freqbias.runtime import StopRequest, Store
from tests.batch import attempt
from tests.compare.design_problems import SETTINGS
from tests.launch import undrawn
from tests.pde.test_stage import StopAt
from tests.problem.run_files import table

RUN = table(
    density=None,
    data={"frequencies": [[2.0], [6.0]], "points": 64, "held_out": 0.5},
    network={"width": 1000},
    design=SETTINGS.model_dump(exclude_none=True),
)


@pytest.fixture
def run_file(tmp_path):
    (tmp_path / "run.toml").write_text(tomli_w.dumps(RUN))
    return tmp_path / "run.toml"


def test_command_and_files(run_file, tmp_path):
    answer = attempt("design", run_file, "--out", tmp_path / "out", "--verify")
    assert answer.returncode == 0, answer.stderr
    assert (
        "best: gaussian sigma = " in answer.stdout
        and "times the least held-out loss of 3 trained networks" in answer.stdout
    )
    folder = tmp_path / "out" / "design"
    assert {path.name for path in folder.iterdir()} == {
        "design.csv", "design.png", "design.pdf", "run.toml", "summary.txt", "verify.csv", "manifest.json",
    }  # fmt: skip
    with (folder / "design.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        "family", "scale", "width", "sigma_a", "steps", "draw", "predicted_held_out", "predicted_training", "gcv",
        "psnr", "best_step", "within_noise", "shape", "slowest_rate", "fastest_rate", "rate_ratio", "loss", "optimiser",
        "step_cost",
    ]  # fmt: skip
    run = load(folder / "run.toml")
    best = min((row for row in rows if row["draw"] == "0"), key=lambda row: float(row["predicted_held_out"]))
    assert run.density.kind == "gaussian" and run.design is None
    assert run.time.end == pytest.approx(int(best["steps"]) * run.training.step, rel=0.5)
    again = attempt("design", run_file, "--out", tmp_path / "out")
    assert again.returncode == 2 and "--overwrite" in again.stderr
    trained = attempt("nn", folder / "run.toml", "--out", tmp_path / "trained", "-q")
    assert trained.returncode == 0, trained.stderr


def test_winning_run_trains_as_predicted(run_file, tmp_path):
    run = load(run_file, density={"kind": "gaussian", "sigma": 1.0})
    flags = {"resume": False, "overwrite": False, "stop": StopRequest(), "train": False}
    text = run_design(run, build(run), Store(tmp_path / "out"), **flags)
    run = load(tmp_path / "out" / "design" / "run.toml")
    history = train(build(run), run.training)
    with (tmp_path / "out" / "design" / "design.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if float(row["scale"]) == run.density.sigma and row["draw"] == "0"]
    predicted = min(float(row["predicted_held_out"]) for row in rows)
    assert history.held_out_loss[-1] == pytest.approx(predicted, rel=0.1)
    assert f"sigma = {run.density.sigma:.4g}" in text


def test_stop_and_resume(run_file, tmp_path):
    run = load(run_file, density={"kind": "gaussian", "sigma": 1.0})
    problem, flags = build(run), {"overwrite": False, "train": False}
    with undrawn():
        run_design(run, problem, Store(tmp_path / "whole"), resume=False, stop=StopRequest(), **flags)
        with pytest.raises(StoppedEarly):
            run_design(run, problem, Store(tmp_path / "part"), resume=False, stop=StopAt(60), **flags)
        counted = []
        with patch.object(Search, "compute", autospec=True, side_effect=counting(Search.compute, counted)):
            run_design(run, problem, Store(tmp_path / "part"), resume=True, stop=StopRequest(), **flags)
    whole, part = ((tmp_path / name / "design" / "design.csv").read_text() for name in ("whole", "part"))
    assert whole == part
    candidates = {(row["scale"], row["draw"]) for row in csv.DictReader(whole.splitlines())}
    assert 0 < len(counted) < len(candidates)


def test_resume_computes_the_numbers_of_other_versions_again(run_file, tmp_path):
    run = load(run_file, density={"kind": "gaussian", "sigma": 1.0})
    search, candidate = Search(build(run), run.design), Candidate("gaussian", 4.0, 100, 1.0)
    keys = {"keys": {}, "resume": False, "overwrite": False}
    with Store(tmp_path).open("design", **keys) as stage:
        stage.save_checkpoint(candidate.identifier, {"predictions": np.ones((2, 7))})
        first, again = (_stored(stage, search, StopRequest(), Mock(), candidate) for _ in range(2))
    assert first[0].amount == search.purpose.budgets[0].amount
    assert str(again) == str(first)


def counting(compute, counted):
    def counts(*arguments, **options):
        counted.append(arguments)
        return compute(*arguments, **options)

    return counts


@pytest.mark.parametrize("change, message", [
    ({"design": {"criterion": "held-out"}, "data": {"held_out": 0.0}}, r'criterion = "held-out": no samples are held'),
    ({"design": {"widths": [101]}}, r"\[design\] widths: 101 is odd"),
    ({"design": {"scale": [3.0, 2.0]}}, r"\[design\] scale = \[3.0, 2.0\] does not increase"),
    ({"design": {"steps": [3], "times": [3.0]}}, "contradicts times"),
    ({"design": {"families": ["normal"]}}, r"\[design\] families = .*expected a list of kinds"),
    ({"design": {"step_factor": 2.0}}, r"\[design\] step_factor = 2.0; expected a number between 0 and 2"),
    ({"design": {"budget": 2.0}}, r"\[design\] budget = 2.0: unknown key"),
    ({"design": {"widths": [100, 100]}}, "names a value twice"),
    ({"design": {"families": ["gaussian + annulus"]}}, r"\[design\] families = .*expected a list of kinds"),
    ({"design": {"families": ["annulus"]}}, '"annulus" needs purpose = "band"'),
    ({"design": {"purpose": "band"}}, r"needs band; give it, for example band = \[4.0, 12.0\]"),
    ({"design": {"purpose": "band", "band": [3.0, 3.0]}}, r"band = \[3.0, 3.0\] does not increase"),
    ({"design": {"band": [2.0, 3.0]}}, 'has no meaning for purpose = "held-out"; leave band out'),
    ({"design": {"purpose": "order"}}, "needs ratio; give it, for example ratio = 4.0"),
    ({"design": {"purpose": "balanced", "ratio": 2.0}}, 'ratio = 2.0 has no meaning for purpose = "balanced"'),
    ({"design": {"purpose": "balanced", "times": [2.0]}}, 'times = .* has no meaning for purpose = "balanced"'),
    ({"design": {"purpose": "balanced", "steps": [2, 3]}}, "takes one number, the largest number of steps"),
    ({"design": {"purpose": "balanced", "criterion": "gcv"}}, 'criterion = "gcv" has no meaning'),
])  # fmt: skip
def test_bad_settings(change, message, tmp_path):
    (tmp_path / "run.toml").write_text(tomli_w.dumps(table(**{**{"data": {"held_out": 0.5}}, **change})))
    answer = attempt("design", tmp_path / "run.toml", "--out", tmp_path / "out")
    assert answer.returncode == 2 and not (tmp_path / "out").exists()
    assert re.search(message, answer.stderr), answer.stderr


def test_other_commands_need_a_density(run_file, tmp_path):
    answer = attempt("check", run_file)
    assert answer.returncode == 2 and "density is missing" in answer.stderr.replace("[density]", "density")
    with pytest.raises(InputError):
        parse(table(density=None))


@pytest.mark.parametrize("training", [{"integrator": "gradient-descent", "step": 0.5}, {"integrator": "heun"}])
@pytest.mark.parametrize("budget", [{"times": [2.0, 9.0]}, {"steps": [12]}])
def test_run_file_of_the_winner_trains_what_was_predicted(training, budget):
    tables = {**RUN, "density": {"kind": "gaussian", "sigma": 1.0}, "training": training}
    tables["design"] = {"families": ["gaussian"], "scale": [4.0, 8.0], "scales": 2, "draws": 1, **budget}
    run = parse(tables)
    result = design(build(run), run.design)
    winning = parse(winning_run(run, result))
    if "steps" in budget:
        assert (winning.training.integrator, winning.pde.dynamics) == ("gradient-descent", "gradient-descent")
        assert winning.time.end == pytest.approx(12 * winning.training.step)
        assert winning.training.step == pytest.approx(1 / result.best.largest)
    else:
        assert winning.training.integrator == ("heun" if training["integrator"] == "heun" else "rk4")
        assert (winning.training.step, winning.pde.dynamics, winning.time.end) == ("auto", "flow", result.best.amount)


def test_results_of_another_method_are_not_continued(run_file, tmp_path, monkeypatch):
    """With the same keys, an earlier version searched in another way and estimated other traces."""
    run, store = load(run_file, density={"kind": "gaussian", "sigma": 1.0}), Store(tmp_path / "out")
    monkeypatch.setattr("freqbias.compare.stages.design_stage.METHOD", 1)
    with StopRequest(None) as stop:
        run_design(run, build(run), store, resume=False, overwrite=False, stop=stop)
        monkeypatch.undo()
        with pytest.raises(UsageError, match=r"options.method: 1 -> 2.*--overwrite"):
            run_design(run, build(run), store, resume=True, overwrite=False, stop=stop)
