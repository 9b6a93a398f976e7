"""Adaptive refinement of the local operator's mesh, until the estimated error is within a share of the tolerance.

The error estimate eta is the distance between the solutions v_p and v_(p+1) of degrees p and p + 1 on the same mesh,

    eta_c(t)^2 = integral over cell c of |v_(p+1) - v_p|^2 dxi,     eta = max_t sqrt(sum_c eta_c(t)^2) / |v(0)|.

The maximum includes t = 0, where v is known and only interpolated. So eta is also large if the first mesh is too coarse
for v(0). Each round refines the cells with the largest indicators max_t eta_c(t)^2. The refined cells make up half of
the sum of all indicators (Doerfler 1996). The last mesh has eta <= MESH_SHARE times the tolerance.
"""

from mpi4py import MPI  # isort: skip
from collections.abc import Callable
from dataclasses import replace

import basix.ufl
import dolfinx.mesh
import numpy as np
import ufl
from dolfinx import fem

from freqbias.errors import ComputationError
from freqbias.meshes import MeshPlan, build
from freqbias.pde.integrators import choose_integrator, transform_accuracy
from freqbias.pde.local_operator import LocalOperator
from freqbias.pde.memory import exceeded_limit
from freqbias.pde.protocols import IntegrationRecord
from freqbias.problem import Pde, Problem
from freqbias.runtime import log, on_root, threads

MESH_SHARE = 0.5  # share of the tolerance
MARKED_SHARE = 0.5  # share of the refined cells in the sum of all indicators (Doerfler's parameter)
MAX_ROUNDS = 40
MAX_DOFS = 2_000_000


def refine_mesh(
    problem: Problem, settings: Pde, plan: MeshPlan, comm: MPI.Comm, errors: np.ndarray, on_round: Callable[[], None]
) -> tuple[dolfinx.mesh.Mesh, float]:
    """Refine the plan's mesh for v of degree [pde] degree. Collective.

    Returns the refined mesh and its error estimate eta. The squared errors of the channels are added. errors: u(0) on
    the samples, (C, N). on_round: called before each round. Raises ComputationError with the last error estimate if the
    estimate stays too large after MAX_ROUNDS rounds, or if the next mesh would be too large or need too much memory.
    """
    mesh, estimate, reason = build(plan, comm), np.inf, f"{MAX_ROUNDS} rounds of refinement are not enough"
    for _ in range(MAX_ROUNDS):
        on_round()
        count = mesh.topology.index_map(mesh.topology.dim).size_global
        growth = count / plan.cell_count
        if exceeded := on_root(exceeded_limit, problem, settings, plan, adaptive=True, growth=growth, comm=comm):
            reason = f"the next mesh, of {count:,} cells, {exceeded}"
            break
        indicators, estimate = _estimate(problem, settings, plan, mesh, errors)
        log.info("pde: %d cells, estimated error %.2e", count, estimate)
        if estimate <= MESH_SHARE * settings.tolerance:
            return mesh, estimate
        if growth * plan.dofs > MAX_DOFS:
            reason = f"a mesh with more than {count:,} cells would be too large"
            break
        mesh = _refine(mesh, indicators)
    raise ComputationError(
        f"[mesh] adaptive = true: the estimated error {estimate:.2g} is too large, but {reason}; use a [pde] tolerance "
        f"of {estimate / MESH_SHARE * 1.05:.2g}, or a higher [pde] degree"
    )


def _estimate(
    problem: Problem, settings: Pde, plan: MeshPlan, mesh: dolfinx.mesh.Mesh, errors: np.ndarray
) -> tuple[np.ndarray, float]:
    """Return the indicators max_t eta_c(t)^2 of this rank's cells, (c,), and the error estimate eta. Collective."""
    accuracy = transform_accuracy(problem, settings, folded=False)
    operators = [
        LocalOperator(problem, with_degree, mesh.comm, errors, accuracy=accuracy, threads=threads(), mesh=mesh)
        for with_degree in (plan, replace(plan, degree=plan.degree + 1))  # type: ignore[type-var]
    ]
    low_space, high_space = (operator.space for operator in operators)
    low, high, distance = fem.Function(low_space), fem.Function(high_space), fem.Function(high_space)
    indicator = ufl.TestFunction(fem.functionspace(mesh, basix.ufl.element("DG", mesh.basix_cell(), 0)))
    cell_integrals = fem.form(distance**2 * indicator * ufl.dx)
    cells = mesh.topology.index_map(mesh.topology.dim).size_local

    def squared_distance(lower: np.ndarray | None, higher: np.ndarray) -> np.ndarray:
        """Return the integral of |higher - lower|^2 over each cell, for states (S, n_local).

        None stands for the state 0.
        """
        total = np.zeros(cells)
        for part, values in enumerate(higher):
            high.x.array[: len(values)] = values
            high.x.scatter_forward()
            distance.x.array[:] = 0.0
            if lower is not None:
                low.x.array[: lower.shape[1]] = lower[part]
                low.x.scatter_forward()
                distance.interpolate(low)
            distance.x.array[:] -= high.x.array
            total += fem.assemble_vector(cell_integrals).array[:cells]
        return total

    coarse, fine = (operator.without_symbol(operator.start) for operator in operators)
    start_squared = mesh.comm.allreduce(squared_distance(None, fine).sum())
    worst = squared_distance(coarse, fine)
    largest = mesh.comm.allreduce(worst.sum())
    integrator = choose_integrator(problem, settings, folded=False, norm_share=problem.loss.norm_share(errors))
    evolutions = (integrator.evolve(each, each.start, problem.times, IntegrationRecord()) for each in operators)
    for lower, higher in zip(*evolutions, strict=True):
        squares = squared_distance(operators[0].without_symbol(lower), operators[1].without_symbol(higher))
        worst, largest = np.maximum(worst, squares), max(largest, mesh.comm.allreduce(squares.sum()))
    for operator in operators:
        operator.destroy()
    return worst, float(np.sqrt(largest / start_squared))


def _refine(mesh: dolfinx.mesh.Mesh, indicators: np.ndarray) -> dolfinx.mesh.Mesh:
    """Refine the cells with the largest indicators, which make up MARKED_SHARE of the sum of all. Collective."""
    descending = np.sort(np.concatenate(mesh.comm.allgather(indicators)))[::-1]
    threshold = descending[np.searchsorted(np.cumsum(descending), MARKED_SHARE * descending.sum())]
    marked = np.flatnonzero(indicators >= threshold).astype(np.int32)
    mesh.topology.create_entities(1)
    edges = marked
    if mesh.topology.dim > 1:
        edges = dolfinx.mesh.compute_incident_entities(mesh.topology, marked, mesh.topology.dim, 1)
    balanced = dolfinx.mesh.create_cell_partitioner(dolfinx.mesh.GhostMode.shared_facet, 2)  # type: ignore[call-arg]
    finer, _, _ = dolfinx.mesh.refine(mesh, edges, balanced)
    return finer
