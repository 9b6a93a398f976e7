"""The equation solved: from a Problem to the Spectrum of its error at the output times."""

from mpi4py import MPI  # isort: skip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from freqbias import runtime
from freqbias.errors import ComputationError
from freqbias.numerics import Grid
from freqbias.pde.data_operator import DataOperator
from freqbias.pde.folding_defect import FoldingDefect, accumulated
from freqbias.pde.integrators import choose_integrator, transform_accuracy
from freqbias.pde.local_operator import LocalOperator
from freqbias.pde.memory import affordable_plan
from freqbias.pde.protocols import IntegrationRecord, finite
from freqbias.pde.refinement import refine_mesh
from freqbias.problem import Mesh, Pde, Problem, Spectrum, initial_values, squared_loss


def start_errors(problem: Problem, initial: str = "auto") -> np.ndarray:
    """u(0) = f(0) - f* on the samples, (C, N): -f* ("target", and "auto" for a symmetric network), or with the drawn
    network's own start."""
    if initial == "target":
        return -problem.samples.values
    return initial_values(problem) - problem.samples.values


@dataclass(frozen=True)
class SpectrumSnapshot:
    """The solution at one output time: the whole state on rank 0 (None elsewhere), the loss, for the local operator
    the share outside, for folded laws that may not be exact the defect of the kernel (`freqbias.pde.folding_defect`), and what it
    took from the start (`Effort.counts`)."""

    index: int
    state: np.ndarray | None
    loss: float
    outside: float
    counts: dict[str, Any]
    defect: float = 0.0


class Solver:
    """The equation of a problem, ready to be solved: mesh, operator and integrator as the settings ask. Collective
    over comm.

    mesh_error: the estimated error of an adaptive mesh, over |v(0)|; NaN for others.

    `for snapshot in solver.trajectory(): ...`, then `solver.spectrum(snapshots)`; `solve` does both.
    """

    def __init__(
        self,
        problem: Problem,
        settings: Pde | None = None,
        mesh: Mesh | None = None,
        comm: MPI.Comm = MPI.COMM_WORLD,
        *,
        on_step: Callable[[], None] = lambda: None,
    ) -> None:
        """tick: called before each round of a refinement; what it raises ends it."""
        self.problem, self.settings, self.comm = problem, settings or Pde(), comm
        self.plan = runtime.on_root(affordable_plan, problem, self.settings, mesh or Mesh(), comm=comm)
        self.record = IntegrationRecord()
        self._integrator = choose_integrator(problem, self.settings, folded=self.plan.folded)
        accuracy = transform_accuracy(problem, self.settings, folded=self.plan.folded)
        errors = start_errors(problem, self.settings.initial)
        self.mesh_error, finer = float("nan"), None
        if mesh is not None and mesh.adaptive:
            finer, self.mesh_error = refine_mesh(problem, self.settings, self.plan, comm, errors, on_step)
        operator = DataOperator if self.settings.operator == "data" else partial(LocalOperator, mesh=finer)
        self.operator: DataOperator | LocalOperator = operator(
            problem, self.plan, comm, errors, accuracy=accuracy, threads=runtime.threads()
        )
        self._defect: FoldingDefect | None = None
        by_rule = isinstance(problem.sites, Grid) and (mesh is None or mesh.half_width is None)
        if isinstance(self.operator, DataOperator) and self.plan.folded and not by_rule:
            self._defect = FoldingDefect(self.operator, problem)

    def trajectory(self, after: int = 0, state: np.ndarray | None = None) -> Iterator[SpectrumSnapshot]:
        """Snapshots at all output times; or, given the whole state of output time `after`, at the later ones only.
        Collective."""
        times = self.problem.times
        if after == 0:
            local = self.operator.start
            yield self._snapshot(0, local)
        else:
            local = self.operator.scatter(state)
        evolution = self._integrator.evolve(self.operator, local, times[after:], self.record)
        for index, later in enumerate(evolution, after + 1):
            if not finite(self.comm, later):
                raise ComputationError(
                    f"t = {times[index]:.6g}: the solution is not finite; use a smaller [pde] tolerance"
                )
            yield self._snapshot(index, later)

    def spectrum(self, snapshots: list[SpectrumSnapshot]) -> Spectrum:
        """The Spectrum of snapshots at all output times. On rank 0 alone."""
        nodes, sites = self.operator.nodes(), self.problem.sites
        states = np.array([snapshot.state for snapshot in snapshots])
        attributes = {
            "operator": self.settings.operator,
            "integrator": self.settings.integrator,
            "dynamics": self.settings.dynamics,
            "tolerance": self.settings.tolerance,
            "steps": self.record.steps,
            "solves": self.record.solves,
            "factorisations": self.record.factorisations,
            "error_estimate": self.record.error,
            "half_width": np.array(self.plan.half_width),
            "folded": int(self.plan.folded),
            "unit": self.problem.unit,
            "name": self.problem.name,
            "seed": self.problem.seed,
            "freqbias": runtime.version_of("freqbias"),
        }
        if isinstance(sites, Grid):
            attributes |= {"points": np.array(sites.shape), "extent": np.array(sites.extent)}
        if self._defect is not None:
            floor = accumulated(self.problem.times, np.array([snapshot.defect for snapshot in snapshots]))
            attributes["floor"] = floor
            if floor > self.settings.tolerance:
                runtime.log.warning(
                    "pde: the mesh, up to |xi_i| <= %.4g, leaves out so much of the laws that the error may be up to "
                    "%.1e of the start, above [pde] tolerance = %g; a larger [mesh] half_width makes it smaller",
                    max(self.plan.half_width), floor, self.settings.tolerance,
                )  # fmt: skip
        if self.settings.operator == "local":
            attributes["mesh_error"] = self.mesh_error
            attributes["outside"] = max(snapshot.outside for snapshot in snapshots)
        loss = np.array([snapshot.loss for snapshot in snapshots])
        error = self.operator.spectra(states, nodes)
        return Spectrum(
            self.problem.times,
            nodes.frequency,
            error,
            nodes.cells,
            self.plan.cell_type,
            self.plan.degree,
            attributes,
            loss,
            sample_error=states if isinstance(self.operator, DataOperator) else None,
        )

    def _snapshot(self, index: int, local: np.ndarray) -> SpectrumSnapshot:
        errors = self.operator.errors(local)
        loss = float(squared_loss(errors))
        outside = self.operator.outside(local, errors) if isinstance(self.operator, LocalOperator) else 0.0
        defect = self._defect(errors) if self._defect is not None else 0.0
        return SpectrumSnapshot(index, self.operator.gather(local), loss, outside, self.record.counts(), defect)


def solve(
    problem: Problem, settings: Pde | None = None, *, mesh: Mesh | None = None, comm: MPI.Comm = MPI.COMM_WORLD
) -> Spectrum | None:
    """Solve dv/dt = -C A v (data operator) or dv/dt = -A v / prod extent (local operator) at the problem's output
    times.

    The result is on rank 0, None elsewhere; collective over comm. Raises InputError for settings that contradict the
    problem or need more memory than there is, ComputationError where a solve fails or gives values that are not finite.
    Source: arXiv 2405.14957.
    """
    solver = Solver(problem, settings, mesh, comm)
    snapshots = list(solver.trajectory())
    return solver.spectrum(snapshots) if comm.rank == 0 else None
