"""Meshes refined by an error estimate, compared with the exact NTK."""

import re

import numpy as np
import pytest

from freqbias.errors import ComputationError, InputError
from freqbias.meshes import plan_mesh
from freqbias.numerics import Grid
from freqbias.pde import Solver, memory
from freqbias.problem import Annulus, Gaussian, Mesh, Network, Pde, Problem, waves
from tests import oracle

ADAPTIVE = Mesh(adaptive=True)


def problem_of(dimension, points):
    samples = waves(Grid((points,) * dimension, (1.0,) * dimension), [[2.0] * dimension], window=0.1)
    return Problem(Gaussian(3.0), samples, Network(width=2, sigma_a=1.0), np.array([0.0, 10.0, 100.0, 1000.0]))


@pytest.mark.parametrize(
    "dimension, points, degree, tolerance", [(1, 128, 2, 1e-2), (1, 128, 2, 1e-3), (1, 128, 4, 1e-3), (2, 36, 2, 1e-2)]
)
def test_estimate_against_the_error(dimension, points, degree, tolerance):
    problem = problem_of(dimension, points)
    settings = Pde(operator="local", tolerance=tolerance, degree=degree)
    solver = Solver(problem, settings, ADAPTIVE)
    states = [solver.operator.errors(s.state) for s in solver.trajectory()]
    positions = oracle.grid(problem.grid.shape, problem.grid.extent)
    exact = oracle.flow(
        oracle.dense_kernel(positions, oracle.gaussian(3.0), 1.0), -problem.samples.values, problem.times
    )
    error = np.linalg.norm(np.array(states) - exact, axis=(1, 2)).max() / np.linalg.norm(exact[0])
    assert error <= tolerance
    assert solver.mesh_error <= tolerance / 2
    assert 0.3 < solver.mesh_error / error < 5
    uniform = Solver(problem, settings).plan.dofs
    assert solver.operator.space.dofmap.index_map.size_global < uniform / 2


def test_cells_follow_the_solution():
    solver = Solver(problem_of(1, 128), Pde(operator="local", tolerance=1e-3, degree=2), ADAPTIVE)
    lines = np.sort(solver.operator.space.mesh.geometry.x[:, 0])
    sizes, middles = np.diff(lines), (lines[1:] + lines[:-1]) / 2
    assert sizes[np.abs(middles) < 5].max() <= 0.25 * sizes[np.abs(middles) > 10].min()


def test_refinement_of_two_intervals():
    """The support of an annulus, against a uniform mesh of degree 6 for a hundredth of the tolerance."""
    samples = waves(Grid((128,), (1.0,)), [[4.0]], window=0.1)
    problem = Problem(Annulus(3.0, 12.0), samples, Network(width=2, sigma_a=1.0), np.array([0.0, 10.0, 100.0]))
    settings, states = Pde(operator="local", degree=2, tolerance=1e-3), []
    fine = settings.model_copy(update={"degree": 6, "tolerance": 1e-5})
    for solver in (Solver(problem, settings, ADAPTIVE), Solver(problem, fine)):
        states.append(np.array([solver.operator.errors(s.state) for s in solver.trajectory()]))
        if solver.settings is settings:
            estimate, lines = solver.mesh_error, solver.operator.space.mesh.geometry.x[:, 0]
    error = np.linalg.norm(states[0] - states[1], axis=(1, 2)).max() / np.linalg.norm(states[1][0])
    assert error <= 1e-3
    assert 0.3 < estimate / error < 10  # the samples do not see the error outside their box
    assert np.abs(lines).min() == pytest.approx(3.0)
    assert np.abs(lines).max() == pytest.approx(12.0)


def test_refusals(tmp_path):
    problem = problem_of(1, 64)
    with pytest.raises(InputError, match="leave adaptive out"):
        Solver(problem, Pde(), ADAPTIVE)


def test_stop_during_refinement():
    rounds = []

    def on_round():
        rounds.append(None)
        if len(rounds) == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        Solver(problem_of(1, 128), Pde(operator="local", degree=2), ADAPTIVE, on_round=on_round)


def test_refinement_beyond_memory(monkeypatch):
    """The message names a tolerance that fits. A first mesh that does not fit is refused before the refinement."""
    problem, settings = problem_of(1, 128), Pde(operator="local", degree=2, tolerance=1e-4)
    first = plan_mesh(problem, settings, ADAPTIVE)
    monkeypatch.setattr(memory, "available_memory", lambda: memory.memory_to_refine(problem, first, growth=2.0))
    with pytest.raises(ComputationError, match=r"the next mesh, of \d+ cells, needs about .* use a \[pde\]") as refused:
        Solver(problem, settings, ADAPTIVE)
    tolerance = float(re.search(r"tolerance of (\S+),", str(refused.value))[1])
    assert Solver(problem, settings.model_copy(update={"tolerance": tolerance}), ADAPTIVE).mesh_error <= tolerance / 2
    monkeypatch.setattr(memory, "available_memory", lambda: memory.memory_to_refine(problem, first, growth=0.9))
    with pytest.raises(InputError, match=rf"the mesh of {first.dofs} dofs needs about .*; use "):
        Solver(problem, settings, ADAPTIVE)
