"""The local operator, the damped heat equation itself: dv/dt = -(A v) / prod_i extent_i, for data that fill a box
evenly.

    M dv/dt = -B v,    B = A_h / prod extent,    natural boundary conditions,

on the support of the laws alone: outside v keeps its start. B is real, so that Re v and Im v evolve apart. On a mesh
symmetric under xi -> -xi one real vector carries both, v(-xi) being conj v(xi): the Hartley transform w = Re v + Im v,
with Re v = (w(xi) + w(-xi))/2 and Im v = (w(xi) - w(-xi))/2.
The local operator lets u leak out of the region where there are data: `outside` measures that share.
"""

from mpi4py import MPI  # isort: skip
from collections.abc import Callable
from functools import cached_property

import numpy as np
from dolfinx.mesh import Mesh

from freqbias.meshes import BoxPlan, MeshPlan, build
from freqbias.numerics import GridTransform
from freqbias.pde import forms
from freqbias.pde.fourier_integral import FourierIntegral
from freqbias.pde.linear_algebra import Matrix, ShiftedSolver
from freqbias.pde.nodes import Nodes
from freqbias.problem import Problem

SOLVER_SHARE = 1e-3  # of the accuracy of the transforms, for a solve: a run makes many

UNSEEN = (
    1e-10  # accuracy of transforms to nodes that differ in the last bit between partitions, as those of curved cells
)


class LocalOperator:
    """M and B on V_h; states are real, (S, n_local), on the degrees of freedom that this rank owns: the Hartley
    transforms of the channels, S = C, or on an unsymmetric mesh Re v and then Im v of all channels, S = 2C.

    start: that of v(0) = F[u(0) rho_data] at the nodes.
    """

    def __init__(
        self,
        problem: Problem,
        plan: MeshPlan,
        comm: MPI.Comm,
        errors: np.ndarray,
        *,
        accuracy: float,
        threads: int = 1,
        mesh: Mesh | None = None,
    ) -> None:
        """errors: u(0) on the samples, (C, N); mesh: in place of the plan's own."""
        self.problem, self.plan, self.comm = problem, plan, comm
        self._hartley = plan.symmetric
        self.space = forms.lagrange(mesh or build(plan, comm), plan.degree)
        laws, degree = forms.laws_on(problem, plan), forms.quadrature_degree(problem, plan)
        exact = 2 * plan.degree if plan.affine else degree
        self._mass = Matrix(forms.mass_form(self.space, exact))
        operator = forms.operator_form(self.space, *laws, degree)
        self._stiffness = Matrix(operator, scale=1 / problem.grid.volume, like=self._mass)
        self._solver: ShiftedSolver | None = None
        self._accuracy = accuracy
        self._threads = threads
        self._nodes = Nodes.of(self.space)
        frequencies = self._nodes.frequency[self._nodes.owned]
        eps = accuracy if isinstance(plan, BoxPlan) else min(accuracy, UNSEEN)
        self._transform = GridTransform(problem.grid, frequencies, eps=eps, threads=threads)
        v = self._transform.to_frequencies(errors) / errors.shape[1]
        self.start = v.real + v.imag if self._hartley else np.concatenate([v.real, v.imag])
        self._start_errors = errors

    @property
    def state_comm(self) -> MPI.Comm:
        return self.comm

    def apply(self, w: np.ndarray) -> np.ndarray:
        """B w, (n_local,). Collective."""
        return self._stiffness.times(w)

    def mass(self, w: np.ndarray) -> np.ndarray:
        """M w, (n_local,). Collective."""
        return self._mass.times(w)

    def dot(self, rows: np.ndarray, w: np.ndarray) -> np.ndarray:
        """rows times w, summed over the ranks, (k, n_local), (n_local,) -> (k,). Collective."""
        return self.comm.allreduce(rows @ w)

    def solver(self, shift: float) -> Callable[[np.ndarray], np.ndarray]:
        """b -> (M + shift B)^-1 b. One shift at a time: the solver of an earlier one is at its end."""
        if self._solver is not None:
            self._solver.destroy()
        rtol, dimension = SOLVER_SHARE * self._accuracy, self.plan.dimension
        self._solver = ShiftedSolver(self._mass, shift, self._stiffness, dimension=dimension, rtol=rtol)
        return self._solver

    def destroy(self) -> None:
        """Give the memory of matrices and factors back at once; Python alone would not, under MPI."""
        for held in (self._mass, self._stiffness, self._solver):
            if held is not None:
                held.destroy()

    @cached_property
    def _integral(self) -> FourierIntegral:
        """For meshes whose nodes may not resolve the waves of the samples."""
        return FourierIntegral(self.space, self.problem.grid, accuracy=self._accuracy, threads=self._threads)

    def errors(self, w: np.ndarray) -> np.ndarray:
        """u on the samples, (C, N), from a state (S, n_local): u(0) and volume times integral dv exp(2 pi i xi.x) dxi,
        the change dv being 0 outside the mesh. Collective."""
        change = w - self.start
        if self._hartley:
            weighted = np.array([self.mass(channel) for channel in change])
            local = (1 + 1j) * self._transform.to_samples(weighted)  # Re[E^H M dv], dv being conjugate at -xi
        else:
            real, imaginary = np.split(change, 2)
            local = self._integral(real + 1j * imaginary)
        return self._start_errors + self.problem.grid.volume * self.comm.allreduce(local.real)

    def outside(self, w: np.ndarray, errors: np.ndarray) -> float:
        """The share of integral |F^-1 v|^2 dx that has leaked out of the box of the data, where u = errors. Collective.

        All of it is inside at t = 0; what lies outside later is F^-1 of the change of v, less its part on the samples.
        """
        change, cell = w - self.start, np.prod(self.problem.grid.spacing) / self.problem.grid.volume**2
        changed = sum(self.dot(channel[None], self.mass(channel))[0] for channel in change)
        leaked = max(0.0, changed - cell * np.sum((errors - self._start_errors) ** 2))
        inside = cell * np.sum(errors**2)
        return float(leaked / (leaked + inside))

    def gather(self, w: np.ndarray) -> np.ndarray | None:
        """The whole state in canonical order, (S, n), on rank 0, None elsewhere. Collective."""
        return self._nodes.gather(w)

    def scatter(self, whole: np.ndarray | None) -> np.ndarray:
        """The inverse of `gather`. Collective."""
        return self._nodes.scatter(whole)

    def nodes(self) -> Nodes:
        return self._nodes

    def spectra(self, states: np.ndarray, nodes: Nodes) -> np.ndarray:
        """v at the nodes, (T, C, n) complex, from states in canonical order, (T, S, n): there xi -> -xi is a
        reversal."""
        if not self._hartley:
            real, imaginary = np.split(states, 2, axis=1)
            return real + 1j * imaginary
        mirrored = states[..., ::-1]
        return (states + mirrored) / 2 + 0.5j * (states - mirrored)
