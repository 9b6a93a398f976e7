"""Scattered samples, from the table to the comparison."""

from dataclasses import replace

import numpy as np
import pytest

from freqbias import pde
from freqbias.compare.comparison import compare, draw_comparison
from freqbias.numerics import transform
from freqbias.problem import ErrorHistory, Pde, build, load, resolved
from tests.batch import attempt

RUN = """
density = {{ kind = "gaussian", sigma = 3.0 }}
data = {{ kind = "file", path = "table.csv", layout = "scattered", dimension = {dimension}, standardize = true }}
network = {{ width = 100, sigma_a = 1.0 }}
time = {{ times = [1.0, 20.0] }}
pde = {{ tolerance = 1e-2 }}
"""


@pytest.fixture(params=[1, 2])
def run(request, tmp_path):
    """A run file and its table of 50 samples in two channels; two samples share one position."""
    points = np.random.default_rng(0).beta(0.5, 2.0, (50, request.param))
    points[17] = points[4]
    table = np.column_stack([points, np.sin(7 * points[:, 0]), points[:, -1] ** 2])
    np.savetxt(tmp_path / "table.csv", table, delimiter=",", header="x, y, value")
    (tmp_path / "run.toml").write_text(RUN.format(dimension=request.param))
    return tmp_path / "run.toml", table


def test_table_and_run_file_round_trip(run):
    path, table = run
    problem = build(load(path))
    d = problem.dimension
    np.testing.assert_array_equal(problem.sites.positions(), table[:, :d])
    expected = table[:, d:].T - table[:, d:].mean(axis=0)[:, None]
    np.testing.assert_allclose(problem.samples.values, expected / expected.std(axis=1, keepdims=True), rtol=1e-12)
    (path.parent / "again.toml").write_text(resolved(load(path)))
    assert resolved(load(path.parent / "again.toml")) == resolved(load(path))


def own_errors(problem):
    """The errors u = -f* exp(-t)."""
    error = -problem.samples.values * np.exp(-problem.times)[:, None, None]
    return ErrorHistory(problem.times, problem.sites.positions(), error, np.zeros(len(error)))


def test_scattered_samples_in_any_order(run):
    """The spectrum is 0.8 times that of the errors, so the relative distance is 0.2, on the whole mesh."""
    problem = build(load(run[0]))
    spectrum, history = pde.solve(problem, Pde(tolerance=1e-2)), own_errors(problem)
    spectrum = replace(spectrum, error=0.8 * transform(history.error, history.position, spectrum.frequency))
    order = np.random.default_rng(1).permutation(50)
    order[(order == 4) | (order == 17)] = [4, 17]  # those that share one place come in the order of the data
    shuffled = replace(history, position=history.position[order], error=history.error[:, :, order])
    comparison = compare(spectrum, shuffled, problem)
    np.testing.assert_allclose(comparison.metrics["relative_l2_error"], 0.2, rtol=1e-9)
    np.testing.assert_array_equal(comparison.limit, np.inf)
    assert "Nyquist" not in draw_comparison(comparison).get_supxlabel()


@pytest.mark.parametrize("run", [2], indirect=True)
def test_the_commands(run, undrawn):
    path, _ = run
    out, mine = path.parent / "out", path.parent / "mine.nc"
    own_errors(build(load(path))).save(mine)
    for arguments in (["mesh"], ["pde"], ["compare", "--error", mine]):
        done = attempt(*arguments, path, "--out", out)
        assert done.returncode == 0, done.stderr
    metrics = np.genfromtxt(out / "compare" / "metrics.csv", delimiter=",", names=True)
    assert metrics["relative_l2_error"][0] < 1e-6 < metrics["relative_l2_error"][-1]
    assert (out / "compare" / "figure4.pdf").is_file()


def test_scattered_training_follows_the_pde(tmp_path, undrawn):
    """In two dimensions, from the run file to the comparison; only sampling error remains."""
    rng = np.random.default_rng(3)
    points = rng.uniform(-0.6, 0.6, (60, 2)) ** 3 + 0.1
    np.savetxt(tmp_path / "table.csv", np.column_stack([points, np.sin(20 * points).sum(axis=1)]), delimiter=",")
    text = RUN.format(dimension=2).replace("width = 100", 'width = 4000, sampling = "sobol"')
    (tmp_path / "run.toml").write_text(text)
    done = attempt("run", tmp_path / "run.toml", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "nn: backend" in done.stderr
    metrics = np.genfromtxt(tmp_path / "out" / "compare" / "metrics.csv", delimiter=",", names=True)
    assert metrics["loss_nn"][-1] < 0.5 * metrics["loss_nn"][0]
    assert metrics["error_over_initial"].max() < 0.01
    checked = attempt("check", tmp_path / "run.toml")
    assert checked.returncode == 0, checked.stderr
    assert "60 scattered samples over" in checked.stdout


def test_commands_name_the_cause_of_a_stiff_problem(tmp_path):
    """`check`, `pde` and `nn` warn of positions far from 0, and center = true removes the cause."""
    x = np.linspace(50, 51, 12)
    np.savetxt(tmp_path / "table.csv", np.column_stack([x, np.sin(6 * x)]), delimiter=",")
    text = RUN.format(dimension=1).replace("sigma_a = 1.0", "sigma_a = 0.02").replace("[1.0, 20.0]", "[0.1]")
    path = tmp_path / "far.toml"
    lambda_max = []
    for center in (False, True):
        path.write_text(text.replace("standardize", f"center = {str(center).lower()}, standardize"))
        outcomes = [attempt("check", str(path))]
        outcomes += [attempt(name, str(path), "--out", str(tmp_path / f"{center}")) for name in ("pde", "nn")]
        for code, out, err in outcomes:
            assert code == 0, err
            assert ("use [data] center = true" in out + err) == (not center)
            assert ("the centre of their box, (50.5), is at x = 0" in out + err) == center
        lambda_max.append(float(outcomes[0][1].partition("lambda_max ")[2].split()[0]))
    assert lambda_max[0] > 10 * lambda_max[1]
    history = ErrorHistory.load(tmp_path / "True" / "nn" / "error.nc")
    np.testing.assert_allclose(history.normalisation.restore_positions(history.position)[:, 0], x, rtol=1e-14)
    samples = build(load(path)).samples
    np.testing.assert_allclose(samples.prediction(history.error)[0], np.sin(6 * x).mean(), rtol=1e-5)  # f = 0 at t = 0
