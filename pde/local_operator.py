"""The local operator, which is the damped heat equation, for data that fill a box evenly:

    dv/dt = -(A v) / prod_i extent_i,    discretised as    M dv/dt = -B v,    B = A_h / prod_i extent_i,

with natural boundary conditions on the boundary of the laws' support. M is the mass matrix, and A_h is the matrix of A.
Outside the support v keeps its initial value.

B is real, so Re v and Im v evolve independently. On a mesh that is symmetric under xi -> -xi, the state is one real
vector, the Hartley transform w = Re v + Im v. v(-xi) is the conjugate of v(xi), so Re v = (w(xi) + w(-xi))/2 and
Im v = (w(xi) - w(-xi))/2.

Under a Sobolev loss with the symbol p(xi), dv/dt = -(A p v) / prod_i extent_i. Then w = p v obeys the same equation
with a weighted mass matrix,

    M dw/dt = -B w,    M: integral (1/p) w y dxi,

and stands in place of v in the state.

With the local operator, part of the error u leaves the box of the data. `observe` measures the share of this part.
"""

from mpi4py import MPI  # isort: skip
from functools import cached_property, partial

import numpy as np
from dolfinx.mesh import Mesh

from freqbias.meshes import BoxPlan, MeshPlan, build
from freqbias.numerics import GridTransform, make_tensor_transform
from freqbias.pde import forms
from freqbias.pde.assembled_operator import AssembledOperator
from freqbias.pde.fourier_integral import FourierIntegral
from freqbias.pde.lagrange_nodes import LagrangeNodes
from freqbias.pde.linear_algebra import ShiftedSolver
from freqbias.pde.matrix_free_operator import MatrixFreeOperator
from freqbias.pde.petsc_options import uses_geometric_multigrid
from freqbias.problem import MeanSquare, Problem, TrainingLoss

SOLVER_SHARE = 0.2  # rtol of the first solve at most, relative to the accuracy of the transforms
# The nodes of curved cells depend on the partition in the last bit. With this accuracy of the transforms, v does not.
CURVED_MESH_EPS = 1e-10


class LocalOperator:
    """The matrices M and B on the finite-element space V_h.

    A state is real, (S, n_local), where n_local is the number of dofs that this rank owns. On a symmetric mesh the
    state contains the Hartley transforms of the C channels, and S = C. Otherwise it contains Re v of all channels and
    then Im v of all channels, and S = 2C. start: the state of v(0), the Fourier transform of u(0) rho_data. Under a
    Sobolev loss, p v stands in place of v.
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
        """errors: u(0) on the samples, (C, N). accuracy: the relative accuracy of the transforms.

        mesh: a mesh to use in place of the one that the plan describes.
        """
        self.problem, self.plan, self.comm = problem, plan, comm
        self._hartley = plan.symmetric
        self.space = forms.lagrange(mesh or build(plan, comm), plan.degree)
        laws, degree = forms.laws_on(problem, plan), plan.quadrature_degree
        scale = 1 / problem.grid.volume
        self._matrices: MatrixFreeOperator | AssembledOperator
        if isinstance(problem.loss, MeanSquare):
            matrices = MatrixFreeOperator if mesh is None and uses_geometric_multigrid(plan) else AssembledOperator
            self._matrices = matrices(self.space, plan, laws, degree, scale)
        else:
            weight = partial(_reciprocal, problem.loss)
            self._matrices = AssembledOperator(self.space, plan, laws, degree, scale, weight)
        self._solver: ShiftedSolver | None = None
        self._accuracy = accuracy
        self._threads = threads
        self.nodes = LagrangeNodes(self.space)
        eps = accuracy if isinstance(plan, BoxPlan) else min(accuracy, CURVED_MESH_EPS)
        transform = make_tensor_transform if isinstance(plan, BoxPlan) else GridTransform
        self._transform = transform(problem.grid, self.nodes.frequency, eps=eps, threads=threads)
        self._symbol = problem.loss.symbol(self.nodes.frequency)
        v = self._symbol * self._transform.to_frequencies(errors) / errors.shape[1]
        self.start = v.real + v.imag if self._hartley else np.concatenate([v.real, v.imag])
        self._start_errors = errors

    @property
    def state_comm(self) -> MPI.Comm:
        return self.comm

    def apply(self, w: np.ndarray) -> np.ndarray:
        """Return B w, (n_local,). Collective."""
        return self._matrices.apply(w)

    def mass(self, w: np.ndarray) -> np.ndarray:
        """Return M w, (n_local,). Collective."""
        return self._matrices.mass(w)

    def dot(self, rows: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Return the product of rows (k, n_local) and w (n_local,), summed over the ranks, (k,). Collective."""
        return self.comm.allreduce(rows @ w)

    def solver(self, shift: float) -> ShiftedSolver:
        """Return the map b -> (M + shift B)^-1 b. The solver of an earlier shift is destroyed."""
        if self._solver is not None:
            self._solver.destroy()
        self._solver = self._matrices.solver(shift, rtol=SOLVER_SHARE * self._accuracy)
        return self._solver

    def destroy(self) -> None:
        """Free matrices and factors. Collective, so Python's garbage collector cannot do it."""
        for owned in (self._matrices, self._solver):
            if owned is not None:
                owned.destroy()

    @cached_property
    def _integral(self) -> FourierIntegral:
        """The inverse Fourier transform for a mesh whose nodes may not resolve exp(2 pi i xi.x) for every sample x."""
        return FourierIntegral(self.space, self.problem.grid, accuracy=self._accuracy, threads=self._threads)

    def errors(self, w: np.ndarray) -> np.ndarray:
        """Return u on the samples, (C, N), for a state (S, n_local). Collective.

        u = u(0) + volume integral dv exp(2 pi i xi.x) dxi. The change dv = v - v(0) is 0 outside the mesh. M includes
        the factor 1/p, so M dw gives the integrals of dv.
        """
        change = w - self.start
        return self._errors(change, self._weighted(change))

    def observe(self, w: np.ndarray) -> tuple[np.ndarray, float]:
        """Return u on the samples, (C, N), and the share of integral |F^-1 v|^2 dx outside their box. Collective.

        F^-1 is the inverse Fourier transform. At t = 0 the share is 0. At later times the integral outside the box is
        computed from the change dv = v - v(0). It is the integral of |F^-1 dv|^2 over all x, minus the integral of
        |F^-1 dv|^2 over the box, which is a sum over the samples.
        """
        change, cell = w - self.start, np.prod(self.problem.grid.spacing) / self.problem.grid.volume**2
        weighted = self._weighted(change)
        errors = self._errors(change, weighted)
        changed = self.comm.allreduce(np.vdot(self.without_symbol(change), weighted))
        leaked = max(0.0, changed - cell * np.sum((errors - self._start_errors) ** 2))
        inside = cell * np.sum(errors**2)
        return errors, float(leaked / (leaked + inside)) if leaked + inside > 0 else 0.0

    def _weighted(self, change: np.ndarray) -> np.ndarray:
        """Return M dv, (S, n_local)."""
        return np.array([self.mass(channel) for channel in change])

    def _errors(self, change: np.ndarray, weighted: np.ndarray) -> np.ndarray:
        if self._hartley:
            local = (1 + 1j) * self._transform.to_samples(weighted)  # Re[E^H M dv], as dv(-xi) = conj dv(xi)
        else:
            real, imaginary = np.split(change, 2)
            local = self._integral(self.without_symbol(real + 1j * imaginary))
        return self._start_errors + self.problem.grid.volume * self.comm.allreduce(local.real)

    def gather(self, w: np.ndarray) -> np.ndarray | None:
        """Return the state of all ranks in canonical order, (S, n), on rank 0, and None on other ranks. Collective."""
        return self.nodes.gather(w)

    def scatter(self, whole: np.ndarray | None) -> np.ndarray:
        """Return this rank's state, (S, n_local). Inverse of `gather`. Collective."""
        return self.nodes.scatter(whole)

    def without_symbol(self, w: np.ndarray) -> np.ndarray:
        """Return the state with v in place of p v, (S, n_local)."""
        return w / self._symbol

    def spectrum(self, w: np.ndarray) -> np.ndarray:
        """Return v at the nodes of this rank, (C, n_local) complex, for a state (S, n_local). Collective."""
        w = self.without_symbol(w)
        if not self._hartley:
            real, imaginary = np.split(w, 2)
            return real + 1j * imaginary
        mirrored, v = self.nodes.mirrored(w), np.empty(w.shape, dtype=complex)
        np.add(w, mirrored, out=v.real)
        np.subtract(w, mirrored, out=v.imag)
        v *= 0.5
        return v


def _reciprocal(loss: TrainingLoss, frequency: np.ndarray) -> np.ndarray:
    """Return 1/p(xi), (n,). frequency: xi, (n, d) [cycles/length]."""
    return 1 / loss.symbol(frequency)
