"""A mesh for the local operator that is refined where it pays, until the estimated error meets the tolerance.

Estimate: the distance of the solutions of degree p and p + 1 on the same mesh,

    eta_c(t)^2 = integral over cell c of |v_(p+1) - v_p|^2 dxi,     eta = max_t sqrt(sum_c eta_c(t)^2) / |v(0)|,

v(0) included, which is known and only interpolated: so the first meshes are seen to be too coarse for it. The cells
that make up half of the sum of max_t eta_c^2 are refined (Doerfler 1996) until eta <= MESH_SHARE of the tolerance.
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
from freqbias.pde.memory import obstacle
from freqbias.pde.protocols import IntegrationRecord
from freqbias.problem import Pde, Problem
from freqbias.runtime import log, on_root, threads

MESH_SHARE = 0.5  # of the tolerance
BULK = 0.5  # of the squared estimate, in the cells that are refined
MOST_ROUNDS = 40
MOST_DOFS = 2_000_000


def refine_mesh(
    problem: Problem, settings: Pde, plan: MeshPlan, comm: MPI.Comm, errors: np.ndarray, on_step: Callable[[], None]
) -> tuple[dolfinx.mesh.Mesh, float]:
    """The mesh for v of degree [pde] degree, from the plan's, and the estimate it reaches, over |v(0)|. Collective.

    errors: u(0) on the samples, (C, N); tick: called before each round. Channels are added up as squares. Raises
    ComputationError with the estimate reached where that is not enough, or the memory for the next mesh.
    """
    mesh, estimate, why = build(plan, comm), np.inf, f"{MOST_ROUNDS} rounds do not suffice"
    for _ in range(MOST_ROUNDS):
        on_step()
        count = mesh.topology.index_map(mesh.topology.dim).size_global
        growth = count / plan.cell_count
        if stands := on_root(obstacle, problem, settings, plan, adaptive=True, growth=growth, comm=comm):
            why = f"the next mesh, of {count:,} cells, {stands}"
            break
        indicators, estimate = _indicators(problem, settings, plan, mesh, errors)
        log.info("pde: %d cells, estimated error %.2e", count, estimate)
        if estimate <= MESH_SHARE * settings.tolerance:
            return mesh, estimate
        if growth * plan.dofs > MOST_DOFS:
            why = f"finer meshes than that of {count:,} cells are too large"
            break
        mesh = _refine(mesh, indicators)
    raise ComputationError(
        f"[mesh] adaptive = true: the estimated error is {estimate:.2g}, and {why}; use a [pde] tolerance of "
        f"{estimate / MESH_SHARE * 1.05:.2g}, or a higher degree"
    )


def _indicators(
    problem: Problem, settings: Pde, plan: MeshPlan, mesh: dolfinx.mesh.Mesh, errors: np.ndarray
) -> tuple[np.ndarray, float]:
    """max_t eta_c^2 of this rank's cells, (c,), and eta. Collective."""
    accuracy = transform_accuracy(problem, settings, folded=False)
    coarse, fine = (
        LocalOperator(problem, finer, mesh.comm, errors, accuracy=accuracy, threads=threads(), mesh=mesh)
        for finer in (plan, replace(plan, degree=plan.degree + 1))  # type: ignore[type-var]
    )
    integrator = choose_integrator(problem, settings, folded=False)
    low, high, distance = fem.Function(coarse.space), fem.Function(fine.space), fem.Function(fine.space)
    test = ufl.TestFunction(fem.functionspace(mesh, basix.ufl.element("DG", mesh.basix_cell(), 0)))
    on_cells = fem.form(distance**2 * test * ufl.dx)
    cells = mesh.topology.index_map(mesh.topology.dim).size_local

    def squares(lower: np.ndarray | None, higher: np.ndarray) -> np.ndarray:
        """integral over each cell of |higher - lower|^2, states (S, n_local)."""
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
            total += fem.assemble_vector(on_cells).array[:cells]
        return total

    worst, largest = squares(coarse.start, fine.start), 0.0
    initial = mesh.comm.allreduce(squares(None, fine.start).sum())
    largest = mesh.comm.allreduce(worst.sum())
    evolutions = (integrator.evolve(o, o.start, problem.times, IntegrationRecord()) for o in (coarse, fine))
    for lower, higher in zip(*evolutions, strict=True):
        now = squares(lower, higher)
        worst, largest = np.maximum(worst, now), max(largest, mesh.comm.allreduce(now.sum()))
    for operator in (coarse, fine):
        operator.destroy()
    return worst, float(np.sqrt(largest / initial))


def _refine(mesh: dolfinx.mesh.Mesh, indicators: np.ndarray) -> dolfinx.mesh.Mesh:
    """The cells of the largest indicators that make up BULK of their sum are cut. Collective."""
    every = np.sort(np.concatenate(mesh.comm.allgather(indicators)))[::-1]
    threshold = every[np.searchsorted(np.cumsum(every), BULK * every.sum())]
    marked = np.flatnonzero(indicators >= threshold).astype(np.int32)
    mesh.topology.create_entities(1)
    edges = marked
    if mesh.topology.dim > 1:
        edges = dolfinx.mesh.compute_incident_entities(mesh.topology, marked, mesh.topology.dim, 1)
    balanced = dolfinx.mesh.create_cell_partitioner(dolfinx.mesh.GhostMode.shared_facet, 2)  # type: ignore[call-arg]
    finer, _, _ = dolfinx.mesh.refine(mesh, edges, balanced)
    return finer
