"""The local operator, the damped heat equation itself: dv/dt = -(A v) / prod_i extent_i, for data that fill a box
evenly.

    M dv/dt = -B v,    B = A_h / prod extent,    natural boundary conditions.

v is complex with v(-xi) = conj v(xi), and B real and even, so that one real vector carries it: the Hartley transform
w = Re v + Im v, with Re v = (w(xi) + w(-xi))/2 and Im v = (w(xi) - w(-xi))/2, on a mesh symmetric under xi -> -xi.
It lets u leak out of the region where there are data: `outside` measures that share.
"""

from mpi4py import MPI  # isort: skip
from collections.abc import Callable
from math import pi

import numpy as np
from dolfinx import fem
from dolfinx.fem.petsc import assemble_matrix
from petsc4py import PETSc

from meshes import Plan, box
from numerics import GridTransform
from pde import forms
from pde.nodes import Nodes
from problem import ComputationError, Problem


class LocalOperator:
    """M and B on V_h; states are the Hartley transforms w, (C, n_local): the degrees of freedom that this rank owns."""

    def __init__(self, problem: Problem, plan: Plan, comm: MPI.Comm, *, accuracy: float, threads: int = 1) -> None:
        self.problem, self.plan, self.comm = problem, plan, comm
        self.space = forms.lagrange(box(plan, comm), plan.degree)
        self._mass = _assembled(forms.mass_form(self.space))
        self._stiffness = _assembled(
            forms.operator_form(self.space, *forms.laws_on(problem, plan), forms.quadrature_degree(problem, plan))
        )
        self._stiffness.scale(1 / problem.grid.volume)
        self._nodes = Nodes.of(self.space)
        self._transform = GridTransform(
            problem.grid, self._nodes.frequency[self._nodes.owned], eps=accuracy, threads=threads
        )
        self._start = np.empty(0)
        self._start_errors = np.empty(0)
        self.products = 0

    @property
    def fastest(self) -> float:
        """An upper bound of the decay rates: sup rho_w / prod extent * (1 + (2 pi sigma_a X)^2) [1/time]."""
        reach = np.linalg.norm(self.problem.grid.reach)
        strength = 1 + (2 * pi * self.problem.network.sigma_a * reach) ** 2
        return float(self.problem.density.maximum(self.plan.dimension) / self.problem.grid.volume * strength)

    def start(self, errors: np.ndarray) -> np.ndarray:
        """w(0) = Re v + Im v at the nodes, (C, n_local), v = F[u rho_data] of the errors u on the samples, (C, N)."""
        v = self._transform.to_frequencies(errors) / errors.shape[1]
        self._start, self._start_errors = v.real + v.imag, errors
        return self._start

    def apply(self, w: np.ndarray) -> np.ndarray:
        """B w, (n_local,). Collective."""
        self.products += 1
        return _times(self._stiffness, w)

    def mass(self, w: np.ndarray) -> np.ndarray:
        """M w, (n_local,). Collective."""
        return _times(self._mass, w)

    def inner(self, rows: np.ndarray, w: np.ndarray) -> np.ndarray:
        """The inner product of M, (k, n_local), (n_local,) -> (k,). Collective."""
        return self.comm.allreduce(rows @ self.mass(w))

    def solver(self, shift: float) -> Callable[[np.ndarray], np.ndarray]:
        """b -> (M + shift B)^-1 b with one sparse Cholesky factorisation (MUMPS). Raises ComputationError where it
        fails."""
        matrix = self._mass.copy()
        matrix.axpy(shift, self._stiffness, structure=PETSc.Mat.Structure.SAME)
        matrix.setOption(PETSc.Mat.Option.SPD, True)
        solver = PETSc.KSP().create(self.comm)
        solver.setOperators(matrix)
        solver.setType(PETSc.KSP.Type.PREONLY)
        solver.getPC().setType(PETSc.PC.Type.CHOLESKY)
        solver.getPC().setFactorSolverType(PETSc.Mat.SolverType.MUMPS)
        solver.setErrorIfNotConverged(True)
        try:
            solver.setUp()
        except PETSc.Error as failure:
            raise ComputationError(
                f"MUMPS could not factor M + {shift:.3g} B ({self.plan.dofs} dofs): {failure}; use a coarser mesh "
                f"or more memory"
            ) from failure
        right, solution = matrix.createVecs()

        def solve(b: np.ndarray) -> np.ndarray:
            self.products += 1
            right.array[:] = b
            solver.solve(right, solution)
            return solution.array.copy()

        return solve

    def errors(self, w: np.ndarray) -> np.ndarray:
        """u on the samples, (C, N), from w, (C, n_local): outside the mesh v keeps its start. Collective."""
        return self._start_errors + self.problem.grid.volume * self._to_samples(w - self._start)

    def loss(self, w: np.ndarray) -> float:
        """1/2 mean_j u_j^2, summed over channels. Collective."""
        return float(0.5 * np.mean(self.errors(w) ** 2, axis=1).sum())

    def outside(self, w: np.ndarray) -> float:
        """The share of integral |F^-1 v|^2 dx that lies outside the box of the data. Collective."""
        whole = sum(self.inner(channel[None], channel)[0] for channel in w)
        inside = np.prod(self.problem.grid.spacing) * np.sum(self._to_samples(w) ** 2)
        return float(1 - inside / whole)

    def _to_samples(self, w: np.ndarray) -> np.ndarray:
        """F^-1 v = integral v exp(2 pi i xi.x) dxi on the samples, (C, N): Re[(1 + i) E^H M w]. Collective."""
        weighted = np.array([self.mass(channel) for channel in w])
        return self.comm.allreduce(((1 + 1j) * self._transform.to_samples(weighted)).real)

    def gather(self, w: np.ndarray) -> np.ndarray | None:
        """The whole state in canonical order, (C, n), on rank 0, None elsewhere. Collective."""
        return self._nodes.gather(w)

    def scatter(self, whole: np.ndarray | None) -> np.ndarray:
        """The inverse of `gather`. Collective."""
        return self._nodes.scatter(whole)

    def nodes(self) -> Nodes:
        return self._nodes

    def spectra(self, states: np.ndarray, nodes: Nodes) -> np.ndarray:
        """v at the nodes, (T, C, n) complex, from w in canonical order, (T, C, n): there xi -> -xi is a reversal."""
        mirrored = states[..., ::-1]
        return (states + mirrored) / 2 + 0.5j * (states - mirrored)


def _assembled(form: fem.Form) -> PETSc.Mat:
    matrix = assemble_matrix(form)
    matrix.assemble()
    return matrix


def _times(matrix: PETSc.Mat, local: np.ndarray) -> np.ndarray:
    right, result = matrix.createVecs()
    right.array[:] = local
    matrix.mult(right, result)
    return result.array.copy()
