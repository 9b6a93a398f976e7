"""The data operator, the theorem in full: dv/dt = -C (A v), where C convolves with the transform of the data density.

It is solved in data space. With E_iq = exp(-2 pi i xi_i.x_q) at the nodes, v = E u / N, C = E E^H / N and

    du/dt = -K_h u,   K_h = Re(E^H A_h E) / N   (N x N, real, symmetric, semidefinite),

so  exp(-t C A_h) v(0) = E exp(-t K_h) u(0) / N.  This needs no linear solve and gives v at any frequency. A v(xi) and
A v(-xi) are conjugate, hence K_h = 2 Re(K_h assembled on xi_1 >= 0), with no condition on the cut. The operator is
exact for any data, on a grid or scattered, windowed or not.

In parallel, nodes are distributed and u is on every rank. Each product reduces one vector of the size of the data.
"""

from mpi4py import MPI  # isort: skip
from collections.abc import Callable

import numpy as np
from scipy.sparse.linalg import LinearOperator, cg

from freqbias.errors import ComputationError
from freqbias.meshes import BoxPlan, MeshPlan, build
from freqbias.numerics import NonUniformTransform, TensorTransform, make_tensor_transform, make_transform
from freqbias.pde import forms
from freqbias.pde.element_matrices import ElementMatrices
from freqbias.pde.lagrange_nodes import LagrangeNodes
from freqbias.problem import Problem


class DataOperator:
    """K_h on the samples, M = identity. States are u, (C, N), the same on every rank. start: u(0)."""

    def __init__(
        self, problem: Problem, plan: MeshPlan, comm: MPI.Comm, errors: np.ndarray, *, accuracy: float, threads: int = 1
    ) -> None:
        """errors: u(0) on the samples, (C, N). accuracy: of the transforms, relative."""
        self.start = np.array(errors, dtype=float)
        self.problem, self.plan, self.comm = problem, plan, comm
        self._accuracy, self._threads = accuracy, threads
        space = forms.lagrange(build(plan, comm, half=plan.symmetric), plan.degree)
        form = forms.operator_form(space, *forms.laws_on(problem, plan), forms.quadrature_degree(problem, plan))
        self._stiffness = ElementMatrices(space, form)
        self._transform = self._transform_to(self._stiffness.nodes)

    @property
    def state_comm(self) -> MPI.Comm:
        return MPI.COMM_SELF

    def apply(self, u: np.ndarray) -> np.ndarray:
        """K_h u = sides Re(E^H A_h E u) / N + atom mean(u): (N,) -> (N,). sides = 2 on a half mesh. Collective."""
        sides = 2 if self.plan.symmetric else 1
        v = self._transform.to_frequencies(u)
        result = (sides / len(u)) * self._transform.to_samples(self._stiffness.apply(v)).real
        if self.comm.size > 1:
            local, result = result, np.empty_like(result)
            self.comm.Reduce(local, result)
            self.comm.Bcast(result)  # the result of Allreduce may differ between ranks in the last bit
        return result + self.problem.laws.atom * u.mean()

    def mass(self, u: np.ndarray) -> np.ndarray:
        return u

    def dot(self, rows: np.ndarray, u: np.ndarray) -> np.ndarray:
        return rows @ u

    def solver(self, shift: float) -> Callable[[np.ndarray], np.ndarray]:
        """b -> (I + shift K_h)^-1 b by conjugate gradients. Raises ComputationError if they do not converge."""
        size = self.problem.sites.size
        system = LinearOperator((size, size), matvec=lambda u: u + shift * self.apply(u.ravel()), dtype=float)

        def solve(right: np.ndarray) -> np.ndarray:
            solution, failure = cg(system, right, rtol=max(1e-3 * self._accuracy, 1e-14), maxiter=1000)
            if failure:
                raise ComputationError(
                    "conjugate gradients did not converge in 1000 iterations; use a smaller [pde] step"
                )
            return solution

        return solve

    def errors(self, u: np.ndarray) -> np.ndarray:
        """u on the samples, which is the state itself."""
        return u

    def gather(self, u: np.ndarray) -> np.ndarray:
        """The whole state, as `spectra` takes it and as it is stored, which is u itself."""
        return u

    def scatter(self, whole: np.ndarray | None) -> np.ndarray:
        """The inverse of `gather`. Collective."""
        return self.comm.bcast(whole)

    def nodes(self) -> LagrangeNodes:
        """The nodes of the whole mesh, with both halves. Only for rank 0."""
        return LagrangeNodes.of(forms.lagrange(build(self.plan, MPI.COMM_SELF), self.plan.degree))

    def spectra(self, states: np.ndarray, nodes: LagrangeNodes) -> np.ndarray:
        """v = E u / N at the nodes, (T, C, n) complex, from u, (T, C, N)."""
        transform = self._transform_to(nodes.frequency)
        return np.array([transform.to_frequencies(u) for u in states]) / states.shape[-1]

    def _transform_to(self, frequencies: np.ndarray) -> TensorTransform | NonUniformTransform:
        """E, for frequencies (n, d)."""
        transform = make_tensor_transform if isinstance(self.plan, BoxPlan) else make_transform
        return transform(self.problem.sites, frequencies, eps=self._accuracy, threads=self._threads)
