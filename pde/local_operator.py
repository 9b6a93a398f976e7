"""The local operator, the damped heat equation itself, for data that fill a box evenly:

    dv/dt = -(A v) / prod_i extent_i,    discretised as    M dv/dt = -B v,    B = A_h / prod extent,

with natural boundary conditions on the support of the laws. Outside the support v keeps its initial value.

B is real, so Re v and Im v evolve independently. On a mesh that is symmetric under xi -> -xi, one real vector carries
both, because v(-xi) is the conjugate of v(xi). It is the Hartley transform w = Re v + Im v, with
Re v = (w(xi) + w(-xi))/2 and Im v = (w(xi) - w(-xi))/2.

The local operator lets u leak out of the box of the data; `outside` measures the share.
"""

from mpi4py import MPI  # isort: skip
from functools import cached_property

import numpy as np
from dolfinx.mesh import Mesh

from freqbias.meshes import BoxPlan, MeshPlan, build
from freqbias.numerics import GridTransform
from freqbias.pde import forms
from freqbias.pde.fourier_integral import FourierIntegral
from freqbias.pde.lagrange_nodes import LagrangeNodes
from freqbias.pde.linear_algebra import Matrix, ShiftedSolver
from freqbias.problem import Problem

SOLVER_SHARE = 1e-3  # rtol of a solve over the accuracy of the transforms; a run makes many solves
CURVED_MESH_EPS = 1e-10  # nodes of curved cells depend on the partition in the last bit; this accuracy hides it


class LocalOperator:
    """M and B on V_h.

    States are real, (S, n_local), on the dofs that this rank owns: the Hartley transforms of the C channels (S = C), or
    on an unsymmetric mesh Re v and then Im v of all channels (S = 2C). start: the state of v(0) = F[u(0) rho_data].
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
        """errors: u(0) on the samples, (C, N). accuracy: of the transforms, relative. mesh: replaces the plan's."""
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
        self._nodes = LagrangeNodes.of(self.space)
        frequencies = self._nodes.frequency[self._nodes.owned]
        eps = accuracy if isinstance(plan, BoxPlan) else min(accuracy, CURVED_MESH_EPS)
        self._transform = GridTransform(problem.grid, frequencies, eps=eps, threads=threads)
        v = self._transform.to_frequencies(errors) / errors.shape[1]
        self.start = v.real + v.imag if self._hartley else np.concatenate([v.real, v.imag])
        self._start_errors = errors

    @property
    def state_comm(self) -> MPI.Comm:
        return self.comm

    def apply(self, w: np.ndarray) -> np.ndarray:
        """B w, (n_local,). Collective."""
        return self._stiffness.multiply(w)

    def mass(self, w: np.ndarray) -> np.ndarray:
        """M w, (n_local,). Collective."""
        return self._mass.multiply(w)

    def dot(self, rows: np.ndarray, w: np.ndarray) -> np.ndarray:
        """rows w, summed over the ranks: (k, n_local), (n_local,) -> (k,). Collective."""
        return self.comm.allreduce(rows @ w)

    def solver(self, shift: float) -> ShiftedSolver:
        """b -> (M + shift B)^-1 b. This destroys the solver of an earlier shift."""
        if self._solver is not None:
            self._solver.destroy()
        rtol, dimension = SOLVER_SHARE * self._accuracy, self.plan.dimension
        self._solver = ShiftedSolver(self._mass, shift, self._stiffness, dimension=dimension, rtol=rtol)
        return self._solver

    def destroy(self) -> None:
        """Free matrices and factors. Python's garbage collector cannot, because this is collective."""
        for owned in (self._mass, self._stiffness, self._solver):
            if owned is not None:
                owned.destroy()

    @cached_property
    def _integral(self) -> FourierIntegral:
        """The inverse transform for meshes whose nodes may not resolve the waves of the samples."""
        return FourierIntegral(self.space, self.problem.grid, accuracy=self._accuracy, threads=self._threads)

    def errors(self, w: np.ndarray) -> np.ndarray:
        """u on the samples, (C, N), from a state (S, n_local). Collective.

        u = u(0) + volume integral dv exp(2 pi i xi.x) dxi, where the change dv = v - v(0) is 0 outside the mesh.
        """
        change = w - self.start
        if self._hartley:
            weighted = np.array([self.mass(channel) for channel in change])
            local = (1 + 1j) * self._transform.to_samples(weighted)  # Re[E^H M dv], as dv(-xi) = conj dv(xi)
        else:
            real, imaginary = np.split(change, 2)
            local = self._integral(real + 1j * imaginary)
        return self._start_errors + self.problem.grid.volume * self.comm.allreduce(local.real)

    def outside(self, w: np.ndarray, errors: np.ndarray) -> float:
        """The share of integral |F^-1 v|^2 dx that has leaked out of the box of the data. errors: u. Collective.

        At t = 0 all of it is inside. What is outside later is F^-1 of the change of v, minus its part on the samples.
        """
        change, cell = w - self.start, np.prod(self.problem.grid.spacing) / self.problem.grid.volume**2
        changed = sum(self.dot(channel[None], self.mass(channel))[0] for channel in change)
        leaked = max(0.0, changed - cell * np.sum((errors - self._start_errors) ** 2))
        inside = cell * np.sum(errors**2)
        return float(leaked / (leaked + inside))

    def gather(self, w: np.ndarray) -> np.ndarray | None:
        """The whole state in canonical order, (S, n), on rank 0; None elsewhere. Collective."""
        return self._nodes.gather(w)

    def scatter(self, whole: np.ndarray | None) -> np.ndarray:
        """The inverse of `gather`. Collective."""
        return self._nodes.scatter(whole)

    def nodes(self) -> LagrangeNodes:
        return self._nodes

    def spectra(self, states: np.ndarray, nodes: LagrangeNodes) -> np.ndarray:
        """v at the nodes, (T, C, n) complex, from states (T, S, n) in canonical order, which xi -> -xi reverses."""
        if not self._hartley:
            real, imaginary = np.split(states, 2, axis=1)
            return real + 1j * imaginary
        mirrored = states[..., ::-1]
        return (states + mirrored) / 2 + 0.5j * (states - mirrored)
