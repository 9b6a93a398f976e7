"""[pde] initial = "mine.nc": equation, kernels, training and forecast start from the errors in the file."""

from dataclasses import replace

import numpy as np
import pytest
import tomli_w

import freqbias
from freqbias import nn, pde
from freqbias.compare import compare
from freqbias.compare.commands.cost import kernel_flow
from freqbias.compare.spectra import target_outside_mesh
from freqbias.errors import InputError
from freqbias.meshes import plan_mesh
from freqbias.nn import EmpiricalKernel
from freqbias.problem import ErrorHistory, Mesh, Pde, Problem, Training, initial_errors, squared_loss
from tests import oracle
from tests.batch import attempt
from tests.problem.run_files import table

RNG = np.random.default_rng(0)
TABLES = {
    "data": {"points": 40},
    "network": {"width": 2000, "sampling": "sobol"},
    "time": {"times": [1.0, 5.0], "end": None, "outputs": None},
}


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """The folder of a run file, the problem, and the initial errors u(0), which the file has in another order."""
    folder = tmp_path_factory.mktemp("initial")
    path = folder / "run.toml"
    path.write_text(tomli_w.dumps(table(**TABLES)))
    plain = freqbias.load(path)
    x = plain.sites.positions()
    start = 0.7 - plain.samples.values + 0.5 * np.cos(9 * x.T)
    order = RNG.permutation(len(x))
    error = np.stack([start, 0.5 * start])[:, :, order]
    own = ErrorHistory(np.array([0.0, 1.0]), x[order].astype(np.float32), error, squared_loss(error))
    own.save(folder / "mine.nc")
    path.write_text(tomli_w.dumps(table(**TABLES, pde={"initial": "mine.nc"})))
    return path, freqbias.load(path), start


def flow(problem: Problem, start: np.ndarray) -> np.ndarray:
    """u(t) of the exact kernel, (T, C, N)."""
    positions = oracle.grid(problem.grid.shape, problem.grid.extent)
    kernel = oracle.dense_kernel(positions, oracle.gaussian(4.0), problem.network.sigma_a)
    return oracle.flow(kernel, start, problem.times)


@pytest.mark.parametrize("operator", ["data", "local"])
def test_the_equation_starts_there(case, operator):
    _, problem, start = case
    np.testing.assert_array_equal(initial_errors(problem), start)
    spectrum = pde.solve(problem, Pde(operator=operator))
    exact = oracle.spectrum(flow(problem, start), problem.grid.positions(), spectrum.frequency)
    distance = np.linalg.norm(spectrum.error - exact, axis=(1, 2)) / np.linalg.norm(exact[0])
    assert distance[0] < 1e-3
    assert distance.max() < (1e-3 if operator == "data" else 0.2)


@pytest.mark.parametrize(
    "network", [{}, {"symmetric": False}, {"diagonal": True}, {"depth": 3, "hidden_width": 50, "activation": "erf"}]
)
def test_training_and_kernels_start_there(case, network):
    _, problem, start = case
    problem = replace(problem, laws=None, network=problem.network.model_copy(update={"width": 100, **network}))
    history = nn.train(problem, Training(precision="double"))
    np.testing.assert_allclose(history.error[0], start, rtol=0, atol=1e-12)
    assert history.loss[-1] < history.loss[0] == pytest.approx(squared_loss(start), rel=1e-12)
    np.testing.assert_allclose(EmpiricalKernel(problem).start, start, rtol=0, atol=1e-12)


def test_a_wide_network_follows_the_kernel(case):
    """The network is added to a fixed function, so the kernel, and with it the flow, stays the same."""
    _, problem, start = case
    exact = flow(problem, start)
    history = nn.train(problem)
    assert np.linalg.norm(history.error - exact, axis=(1, 2)).max() < 0.02 * np.linalg.norm(start)
    np.testing.assert_allclose(kernel_flow(problem, 1e-6).loss, squared_loss(exact), rtol=1e-4)


def test_what_the_mesh_leaves_out_is_that_of_the_initial_error(case):
    _, problem, _ = case
    plan = plan_mesh(problem, Pde(), Mesh(half_width=14.0))
    high = replace(problem, initial_error=np.cos(np.pi * np.arange(40))[None])
    assert "100.0% of the energy of the initial error" in target_outside_mesh(high, plan)
    assert not target_outside_mesh(replace(high, initial_error=None), plan)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (np.ones((1, 39)), r"initial_error has shape \(1, 39\); give .* \(1, 40\)"),
        (np.zeros((1, 40)), "initial_error reaches 0; give finite errors"),
        (np.full((1, 40), np.nan), "initial_error reaches nan"),
    ],
)
def test_errors_that_do_not_fit_are_refused(case, error, message):
    with pytest.raises(InputError, match=message):
        replace(case[1], initial_error=error)


def test_a_file_needs_the_problem_built_with_it(case):
    with pytest.raises(InputError, match=r"initial = 'mine.nc', but the problem has no initial_error; build"):
        pde.solve(replace(case[1], initial_error=None), Pde(initial="mine.nc"))


def test_the_commands(case, undrawn):
    """From run to compare without a word about other starts; another file makes every stage stale."""
    path, _, start = case
    out = path.parent / "out"
    done = attempt("run", path, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "does not start" not in done.stderr
    results = freqbias.open(out)
    np.testing.assert_allclose(results["nn"].error[0], start, rtol=0, atol=1e-5)
    np.testing.assert_allclose(results["ntk/infinite-width"].error[0], start, rtol=0, atol=1e-12)
    assert float(results["compare"].error_over_initial.max()) < 0.02
    assert "mine.nc" in (out / "run.toml").read_text()

    mine = path.parent / "mine.nc"
    own = ErrorHistory.load(mine)
    done = attempt("compare", path, "--out", out, "--error", mine, "--overwrite")
    assert done.returncode == 0, done.stderr
    assert "does not start" not in done.stderr
    replace(own, error=2 * own.error).save(mine)
    for command in ("pde", "nn", "ntk", "compare"):
        done = attempt(command, path, "--out", out, "--resume")
        assert done.returncode == 2, command
        assert "the file mine.nc ([pde] initial) has changed since" in done.stderr


def test_a_comparison_with_the_own_start(case):
    """Without the key, the same errors are far from the equation, and the warning names the key."""
    _, problem, start = case
    error = flow(problem, start)
    own = ErrorHistory(problem.times, problem.sites.positions(), error, squared_loss(error))
    assert compare(pde.solve(problem), own, problem).metrics["error_over_initial"].max() < 1e-3
    plain = replace(problem, initial_error=None)
    assert compare(pde.solve(plain), own, plain).metrics["error_over_initial"].max() > 0.3
