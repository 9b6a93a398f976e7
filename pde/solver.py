"""Compute the Spectrum of the error of a Problem: plan a mesh, build the operator on the mesh, and evolve the error."""

from mpi4py import MPI  # isort: skip
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np

from freqbias import runtime
from freqbias.errors import ComputationError
from freqbias.meshes import is_narrow
from freqbias.numerics import check_kind, spectrum_part
from freqbias.pde.data_operator import DataOperator, ElementOperator
from freqbias.pde.integrators import choose_integrator, in_metric, transform_accuracy
from freqbias.pde.kernel_defect import KernelDefect, integrated_defects
from freqbias.pde.krylov import GradientDescentIntegrator, LanczosIntegrator
from freqbias.pde.local_operator import LocalOperator
from freqbias.pde.loss_operator import LossOperator
from freqbias.pde.memory import check_spectrum, plan_within_memory
from freqbias.pde.point_operator import PointOperator
from freqbias.pde.prediction import predict_at_targets
from freqbias.pde.protocols import NO_HOOKS, IntegrationRecord, Operator, all_finite
from freqbias.pde.refinement import refine_mesh
from freqbias.pde.snapshot import SpectrumSnapshot
from freqbias.problem import MeanSquare, Mesh, Pde, Problem, Spectrum, Targets, initial_errors, squared_loss

DATA_LANCZOS = (LanczosIntegrator, GradientDescentIntegrator)  # they give the integral of u, which predictions need
LEAKED = 0.01  # the error that left the box of the data, relative to the initial error, above which users are warned


def solve(
    problem: Problem, settings: Pde | None = None, *, mesh: Mesh | None = None, comm: MPI.Comm = MPI.COMM_WORLD
) -> Spectrum | None:
    """Solve dv/dt = -C A v (data operator) or dv/dt = -A v / prod extent (local operator) at the output times.

    Returns the spectrum on rank 0 and None on other ranks. Collective over comm. Raises InputError if the settings
    contradict the problem or need too much memory. Raises ComputationError if a solve fails or if the solution is not
    finite. Source: arXiv 2405.14957.
    """
    check_kind("solve: problem", problem, Problem, remedy='a Problem, for example freqbias.load("RUN.toml")')
    check_kind(
        "solve: settings", settings, Pde, type(None), remedy="settings of [pde], for example Pde(tolerance=1e-2)"
    )
    check_kind("solve: mesh", mesh, Mesh, type(None), remedy="settings of [mesh], for example Mesh(half_width=20.0)")
    solver = Solver(problem, settings, mesh, comm)
    runtime.on_root(check_spectrum, problem, solver.settings, solver.plan, comm=comm)
    spectrum = solver.spectrum(list(solver.trajectory()))
    solver.operator.destroy()
    return spectrum


class Solver:
    """The mesh, the operator and the integrator of a problem. Collective over comm.

    Use: `snapshots = list(solver.trajectory())`, then `solver.spectrum(snapshots)`. record and hooks: the record and
    the hooks of the integration. To resume a run, replace record and hooks before `trajectory`. mesh_error: the
    estimated error of an adaptive mesh relative to |v(0)|, NaN for other meshes.
    """

    def __init__(
        self,
        problem: Problem,
        settings: Pde | None = None,
        mesh: Mesh | None = None,
        comm: MPI.Comm = MPI.COMM_WORLD,
        *,
        on_round: Callable[[], None] = lambda: None,
    ) -> None:
        """on_round: called before each round of a refinement; an exception ends it."""
        self.problem, self.settings, self.comm = problem, settings or Pde(), comm
        self.plan = runtime.on_root(plan_within_memory, problem, self.settings, mesh or Mesh(), comm=comm)
        errors = initial_errors(problem, self.settings.initial)
        self.mesh_error, refined = float("nan"), None
        if mesh is not None and mesh.adaptive:
            refined, self.mesh_error = refine_mesh(problem, self.settings, self.plan, comm, errors, on_round)
        kind = PointOperator if problem.laws.discrete else ElementOperator
        operator = (
            partial(kind, device=self.settings.device)
            if self.settings.operator == "data"
            else partial(LocalOperator, mesh=refined)
        )
        accuracy = transform_accuracy(problem, self.settings, folded=self.plan.folded)
        self.operator: DataOperator | LocalOperator = operator(
            problem, self.plan, comm, errors, accuracy=accuracy, threads=runtime.threads()
        )
        self.record, self.hooks = IntegrationRecord(), NO_HOOKS
        self._norm_share = 1.0 if in_metric(self.settings) else problem.loss.norm_share(errors)
        self._integrator = choose_integrator(
            problem, self.settings, folded=self.plan.folded, norm_share=self._norm_share
        )
        self._evolved: Operator = self.operator
        if isinstance(self.operator, DataOperator) and not (
            in_metric(self.settings) or isinstance(problem.loss, MeanSquare)
        ):
            self._evolved = LossOperator(self.operator, problem.loss, accuracy=accuracy)
        self._defect: KernelDefect | None = None
        self._narrow = is_narrow(problem)
        exact = problem.lattice is not None and (mesh is None or mesh.half_width is None) and not self._narrow
        self._has_floor = isinstance(self.operator, DataOperator) and self.plan.folded and not exact
        self._predicts = bool(problem.targets) and isinstance(self._integrator, DATA_LANCZOS)
        if isinstance(self.operator, DataOperator) and (self._has_floor or self._predicts):
            self._defect = KernelDefect(self.operator, problem)
        self._targets: tuple[dict[str, np.ndarray], np.ndarray | None] = {}, None

    def trajectory(self, after: int = 0, state: np.ndarray | None = None) -> Iterator[SpectrumSnapshot]:
        """Yield a snapshot at every output time. Collective.

        To resume a run, give `after`, the index of an output time, and `state`, that of this rank at this time. Then
        the snapshots begin with the next output time.
        """
        times, defects = self.problem.times, list[float]()
        u = self.operator.start if state is None else state
        if after == 0:
            yield self._snapshot(0, u, defects)
        evolution = self._integrator.evolve(self._evolved, u, times[after:], self.record, self.hooks)
        for index, u_t in enumerate(evolution, after + 1):
            if not all_finite(self.comm, u_t):
                raise ComputationError(
                    f"t = {times[index]:.6g}: the solution is not finite; use a smaller [pde] tolerance"
                )
            yield self._snapshot(index, u_t, defects)
        if self._predicts:
            assert isinstance(self.operator, DataOperator) and self._defect and self.record.integral
            self._targets = predict_at_targets(
                self.operator, self.record.integral, self._defect, self._integrated(np.array(defects)),
                in_steps=isinstance(self._integrator, GradientDescentIntegrator), shift=self.record.shift,
            )  # fmt: skip

    def spectrum(self, snapshots: list[SpectrumSnapshot]) -> Spectrum | None:
        """Return the Spectrum of snapshots at all output times on rank 0, and None on other ranks. Collective."""
        nodes, shape = self.operator.nodes, (len(snapshots), self.problem.samples.channels, self.operator.nodes.count)
        v = np.empty(shape, dtype=complex) if self.comm.rank == 0 else None
        for index, snapshot in enumerate(snapshots):
            assert snapshot.state is not None
            whole = nodes.gather(self.operator.spectrum(snapshot.state))
            if v is not None:
                v[index] = whole
        frequency, cells = nodes.gather_frequency(), nodes.gather_cells()
        if v is None or frequency is None or cells is None:
            return None
        states = [snapshot.state for snapshot in snapshots]
        spectrum = Spectrum(
            self.problem.times,
            frequency,
            v,
            cells,
            self.plan.cell_type,
            self.plan.degree,
            self.attributes(snapshots),
            np.array([snapshot.loss for snapshot in snapshots]),
            sample_error=np.array(states) if isinstance(self.operator, DataOperator) else None,
            normalisation=self.problem.samples.normalisation,
        )
        return replace(spectrum, **asdict(self.targets()))

    def targets(self) -> Targets:
        """Return the values at held-out samples and other positions, after the trajectory."""
        return Targets().with_targets(
            *self._targets, held_out=self.problem.held_out, predict_at=self.problem.predict_at
        )

    def attributes(self, snapshots: list[SpectrumSnapshot]) -> dict[str, Any]:
        """Return the attributes of spectrum.nc, and warn if the kernel defect exceeds the tolerance."""
        attributes: dict[str, Any] = {
            "operator": self.settings.operator,
            "integrator": self.settings.integrator,
            "dynamics": self.settings.dynamics,
            **({} if self.problem.gauss_newton is None else {"damping": self.problem.gauss_newton}),
            **({} if self.problem.gauss_newton is None else {"shift": self.record.shift}),
            "tolerance": self.settings.tolerance,
            "steps": self.record.steps,
            "solves": self.record.solves,
            "factorisations": self.record.factorisations,
            "error_estimate": self.record.error / self._norm_share,
            "half_width": np.array(self.plan.half_width),
            "folded": int(self.plan.folded),
            "unit": self.problem.unit,
            "name": self.problem.name,
            "seed": self.problem.seed,
            "freqbias": runtime.version_of("freqbias"),
        }
        if (grid := spectrum_part(self.problem.sites)[1].lattice) is not None:
            attributes |= {"points": np.array(grid.shape), "extent": np.array(grid.extent)}
        if self._has_floor:
            defects = np.array([snapshot.defect for snapshot in snapshots])
            floor = float(self._integrated(defects)[-1])
            attributes["floor"] = floor
            if floor > self.settings.tolerance and self._narrow:
                runtime.log.warning(
                    "pde: [density] is narrow, and by t = %g the error of the kernel on the mesh may cause an error of "
                    "up to %.1e relative to the initial error, which exceeds [pde] tolerance = %g; use [mesh] size = "
                    "%.2g or an earlier [time] end",
                    self.problem.times[-1], floor, self.settings.tolerance, max(self.plan.size) / 2,
                )  # fmt: skip
            elif floor > self.settings.tolerance:
                runtime.log.warning(
                    "pde: damping and diffusion extend beyond the mesh |xi_i| <= %.4g; this may cause an error of up "
                    "to %.1e relative to the initial error, which exceeds [pde] tolerance = %g; use a larger [mesh] "
                    "half_width",
                    max(self.plan.half_width), floor, self.settings.tolerance,
                )  # fmt: skip
        if self.settings.operator == "local":
            attributes["mesh_error"] = self.mesh_error
            attributes["outside"] = max(snapshot.outside for snapshot in snapshots)
            attributes["leaked"] = leaked_error(snapshots)
            self._warn_of_local_operator(attributes["leaked"])
        return attributes

    def _warn_of_local_operator(self, leaked: float) -> None:
        width = min(width for law in (self.problem.laws.damping, self.problem.laws.diffusion) for width in law.widths)
        resolution = 1 / float(self.problem.sites.span.max())
        message = '[pde] operator = "local": %s; use operator = "data"'
        if width < resolution:
            runtime.log.warning(
                message,
                f"[density] has a part with a half-width of only {width:.3g}, but the local operator is right only for "
                f"densities much wider than 1/extent = {resolution:.3g}",
            )
        elif leaked > LEAKED:
            runtime.log.warning(
                message,
                f"an error of {leaked:.2g} relative to the initial error leaked out of the box of the data, and the "
                "solution is wrong by about as much",
            )

    def _snapshot(self, index: int, state: np.ndarray, defects: list[float]) -> SpectrumSnapshot:
        errors, outside = self.operator.observe(state)
        loss = float(squared_loss(errors))
        defect = self._defect(self._learning(index, errors)) if self._defect is not None else 0.0
        defects.append(defect)
        return SpectrumSnapshot(index, state, loss, outside, asdict(self.record), defect)

    def _learning(self, index: int, errors: np.ndarray) -> np.ndarray:
        """Return what the kernel acts on: P u, or the change of the integral w since the last output time."""
        if self.problem.gauss_newton is None:
            return self.problem.loss.residual(errors)
        if index == 0:
            return np.zeros_like(errors)
        assert self.record.integral is not None
        values = self.record.integral.values
        return np.asarray(values[index - 1] - (values[index - 2] if index > 1 else 0.0))

    def _integrated(self, defects: np.ndarray) -> np.ndarray:
        """Return the integral of the defects of `_learning` until each output time, (T,)."""
        if self.problem.gauss_newton is None:
            return integrated_defects(self.problem.times, defects)
        return np.cumsum(defects)


def leaked_error(snapshots: list[SpectrumSnapshot]) -> float:
    """Return the largest norm over time of the error outside the box of the data, relative to the initial error.

        max_t |u(t)|_outside / |u(0)|,   |u|_outside^2 / |u|_box^2 = s / (1 - s),   s: the share outside

    In 15 measurements in 1-D, with densities wider than 1/extent, the distance to the data operator was 0.8 to 1.2
    times this number.
    """
    if snapshots[0].loss == 0:
        return 0.0
    shares = np.array([snapshot.outside for snapshot in snapshots])
    losses = np.array([snapshot.loss for snapshot in snapshots])
    return float(np.sqrt(shares / np.maximum(1 - shares, 1e-16) * losses / losses[0]).max())
