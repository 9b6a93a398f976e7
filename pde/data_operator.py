"""The data operator, dv/dt = -C (A v), of the complete theorem. C convolves with the transform of the data density.

The equation is solved for the error u on the N samples x_q. With the nodes xi_i, E_iq = exp(-2 pi i xi_i.x_q) and the
element matrix A_h of A, the spectrum is v = E u / N, C = E E^H / N, and

    du/dt = -K_h u,   K_h = Re(E^H A_h E) / N   (N x N, real, symmetric, semidefinite).

So  exp(-t C A_h) v(0) = E exp(-t K_h) u(0) / N.  This solution needs no linear solve and gives v at any frequency.
A v(xi) and A v(-xi) are conjugate. So K_h is twice the real part of the K_h assembled on the half xi_1 >= 0, and no
condition is needed at xi_1 = 0. The operator is exact for gridded and scattered samples, with or without a window.

In parallel, the cells are distributed, and every rank holds the whole u. Each rank transforms to and from its own
nodes, and each product with K_h sums one vector of N numbers over the ranks. But where a non-uniform FFT has more
samples than nodes, each rank transforms its own samples to and from all nodes, because this divides most of the work.
Then the vectors of all nodes are summed over the ranks as well.
"""

from mpi4py import MPI  # isort: skip
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

import numpy as np
from dolfinx import fem
from scipy.sparse.linalg import LinearOperator, cg

from freqbias.errors import ComputationError
from freqbias.meshes import BoxPlan, MeshPlan, build
from freqbias.numerics import (
    Sites,
    SiteTransform,
    cupy_on_gpu,
    divides_sites,
    gpu_failures,
    make_gpu_transform,
    make_partial_transform,
    make_tensor_transform,
    make_transform,
    release_gpu_memory,
    spectrum_part,
    suits_tensors,
    to_host,
)
from freqbias.pde import forms
from freqbias.pde.box_cells import BoxCells
from freqbias.pde.cell_products import CellProducts, Cells, lexicographic
from freqbias.pde.curved_cells import CurvedCells
from freqbias.pde.element_matrices import ElementMatrices, all_nodes, cell_matrices, cell_nodes
from freqbias.pde.gpu_products import DenseCells, FactorisedCells, Gathered
from freqbias.pde.lagrange_nodes import LagrangeNodes
from freqbias.pde.protocols import Solve
from freqbias.problem import Problem
from freqbias.runtime import agreed

Product = Callable[[np.ndarray], np.ndarray]
Stiffness = CellProducts | ElementMatrices | Gathered


class DataOperator(ABC):
    """The operator B = K_h, with mass matrix M = identity.

    A state is u, (C, N) for C channels, and is the same on every rank. start: u(0).
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
        device: str = "cpu",
    ) -> None:
        """errors: u(0) on the samples, (C, N). accuracy: the relative accuracy of the transforms.

        device: "cuda" computes the products on a GPU. Raises InputError if there is none.
        """
        self._xp = agreed(comm, cupy_on_gpu, _rank_on_machine(comm)) if device == "cuda" else None
        self.start = np.array(errors, dtype=float)
        self.problem, self.plan, self.comm = problem, plan, comm
        self._accuracy, self._threads = accuracy, threads

    @abstractmethod
    def _rows(self, sites: Sites) -> Product:
        """Return this rank's part of the product with the rows of K_h - atom for these sites, (N,) -> (P,)."""

    @property
    def state_comm(self) -> MPI.Comm:
        return MPI.COMM_SELF

    def apply(self, u: np.ndarray) -> np.ndarray:
        """Return K_h u, (N,) -> (N,). Collective."""
        return self._sum(self._own_rows, u)

    def at(self, sites: Sites) -> Product:
        """Return the product with the rows of K_h for other sites, (N,) -> (P,). The product is collective."""
        return partial(self._sum, self._rows(sites))

    @cached_property
    def _own_rows(self) -> Product:
        return self._rows(self.problem.sites)

    def _sum(self, rows: Product, u: np.ndarray) -> np.ndarray:
        """Return the sum over all ranks, plus atom mean(u). atom is the point mass of the damping at frequency 0."""
        result = rows(u) if self._xp is None else self._on_gpu(lambda: to_host(rows(self._on_device(u))))
        result = self._sum_over_ranks(result)
        return result + self.problem.laws.atom * u.mean()

    def _sum_over_ranks(self, local: np.ndarray) -> np.ndarray:
        if self.comm.size == 1:
            return local
        result = np.empty_like(local)
        self.comm.Reduce(local, result)
        self.comm.Bcast(result)  # Allreduce could give results that differ between ranks in the last bit
        return result

    def _on_device(self, values: np.ndarray) -> Any:
        """Return an array for the products: on the GPU, if there is one."""
        return values if self._xp is None else self._xp.asarray(values)

    def _on_gpu[T](self, work: Callable[[], T]) -> T:
        """Return the result of work on the GPU. If it fails on one rank, all ranks raise the failure. Collective."""

        def guarded() -> T:
            with gpu_failures():
                return work()

        return agreed(self.comm, guarded)

    def mass(self, u: np.ndarray) -> np.ndarray:
        return u

    def dot(self, rows: np.ndarray, u: np.ndarray) -> np.ndarray:
        return rows @ u

    def solver(self, shift: float) -> Solve:
        """Return the map b -> (I + shift K_h)^-1 b, by conjugate gradients.

        The map raises ComputationError if conjugate gradients do not converge.
        """
        size = self.problem.sites.size
        system = LinearOperator((size, size), matvec=lambda u: u + shift * self.apply(u.ravel()), dtype=float)

        def solve(b: np.ndarray, looseness: float = 1.0) -> np.ndarray:
            solution, failure = cg(system, b, rtol=max(1e-3 * self._accuracy * looseness, 1e-14), maxiter=1000)
            if failure:
                raise ComputationError(
                    "conjugate gradients did not converge in 1000 iterations; use a smaller [pde] step"
                )
            return solution

        return solve

    def errors(self, u: np.ndarray) -> np.ndarray:
        """Return u on the samples. The state is u itself."""
        return u

    def observe(self, u: np.ndarray) -> tuple[np.ndarray, float]:
        """Return u on the samples, and the share of the error outside their box, which is 0 for this operator."""
        return u, 0.0

    def gather(self, u: np.ndarray) -> np.ndarray:
        """Return the whole state, for checkpoints. The state is u itself."""
        return u

    def scatter(self, whole: np.ndarray | None) -> np.ndarray:
        """Return the state from the whole state on rank 0. Inverse of `gather`. Collective."""
        return self.comm.bcast(whole)

    def destroy(self) -> None:
        """Free memory of the GPU. There are no objects of PETSc. Products are no longer possible."""
        if self._xp is not None:
            for name in ("_own_rows", "_stiffness", "_transform"):
                self.__dict__.pop(name, None)
            release_gpu_memory(self._xp)

    @cached_property
    def nodes(self) -> LagrangeNodes:
        """The nodes of both halves of the mesh. The first use is collective."""
        return LagrangeNodes(forms.lagrange(build(self.plan, self.comm), self.plan.degree))

    def spectrum(self, u: np.ndarray) -> np.ndarray:
        """Return v = E u / N at the nodes of this rank, (C, n_local) complex, for a state (C, N). Collective.

        For an operator L, this is the spectrum of the rows L f - f*, without its symbol and the boundary.
        """
        where, sites = spectrum_part(self.problem.sites)
        return self._to_nodes.to_frequencies(np.ascontiguousarray(u[..., where])) / sites.size

    @cached_property
    def _to_nodes(self) -> SiteTransform:
        return self._transform_to(self.nodes.frequency, spectrum_part(self.problem.sites)[1])

    def _product_transform(self, frequencies: np.ndarray, sites: Sites) -> SiteTransform:
        """Return the transform E for the products: on the GPU, if there is one."""
        if self._xp is None:
            return self._transform_to(frequencies, sites)
        return self._on_gpu(lambda: make_gpu_transform(sites, frequencies, eps=self._accuracy, xp=self._xp))

    def _transform_to(self, frequencies: np.ndarray, sites: Sites | None = None) -> SiteTransform:
        """Return the transform E from the sites to the frequencies (n, d). By default the sites are the samples."""
        transform = make_tensor_transform if isinstance(self.plan, BoxPlan) else make_transform
        return transform(sites or self.problem.sites, frequencies, eps=self._accuracy, threads=self._threads)


class ElementOperator(DataOperator):
    """K_h = sides Re(E^H A_h E) / N + atom. sides is 2 if the mesh is the half xi_1 >= 0, else 1."""

    def __init__(self, problem: Problem, plan: MeshPlan, comm: MPI.Comm, errors: np.ndarray, **keys: Any) -> None:
        super().__init__(problem, plan, comm, errors, **keys)
        space = forms.lagrange(build(plan, comm, half=plan.symmetric), plan.degree)
        laws, degree = forms.laws_on(problem, plan), plan.quadrature_degree
        self._partial = self._xp is None and _divides_samples(problem, plan, space, comm)
        self._nodes, numbers = all_nodes(space) if self._partial else cell_nodes(space)
        if plan.cubical:
            cells = (BoxCells if isinstance(plan, BoxPlan) else CurvedCells)(space, *laws, degree)
            numbers = numbers[:, lexicographic(space, cells.axes)]
            self._stiffness = self._factorised(cells, numbers)
        else:
            matrices = cell_matrices(space, forms.operator_integral(space, *laws, degree).form())
            self._stiffness = self._dense(matrices, numbers)
        self._transform = self._product_transform(self._nodes, problem.sites)

    def _factorised(self, cells: Cells, numbers: np.ndarray) -> Stiffness:
        """Return A_h by sum factorisation. numbers: those of the cells' nodes, in lexicographic order, (c, n)."""
        if self._xp is None:
            return CellProducts(cells, [self.plan.degree] * self.plan.dimension, numbers)
        xp, degree = self._xp, self.plan.degree
        return self._on_gpu(lambda: Gathered(FactorisedCells(cells, degree, xp), numbers, len(self._nodes), xp))

    def _dense(self, matrices: np.ndarray, numbers: np.ndarray) -> Stiffness:
        """Return A_h by the dense matrices of the cells."""
        if self._xp is None:
            return ElementMatrices(numbers, matrices)
        xp = self._xp
        return self._on_gpu(lambda: Gathered(DenseCells(matrices, xp), numbers, len(self._nodes), xp))

    def _product_transform(self, frequencies: np.ndarray, sites: Sites) -> SiteTransform:
        if not self._partial:
            return super()._product_transform(frequencies, sites)
        part = {"rank": self.comm.rank, "ranks": self.comm.size}
        return make_partial_transform(sites, frequencies, eps=self._accuracy, threads=self._threads, **part)

    def _rows(self, sites: Sites) -> Product:
        own = sites is self.problem.sites
        transform = self._transform if own else self._product_transform(self._nodes, sites)
        sides = 2 if self.plan.symmetric else 1

        def product(u: np.ndarray) -> np.ndarray:
            v = self._joined(self._transform.to_frequencies(u))
            return (sides / len(u)) * transform.to_samples(self._joined(self._stiffness.apply(v))).real

        return product

    def _joined(self, v: np.ndarray) -> np.ndarray:
        """Return the sum over the ranks, if each has a part of v at all nodes."""
        return self._sum_over_ranks(v) if self._partial else v


def _divides_samples(problem: Problem, plan: MeshPlan, space: fem.FunctionSpace, comm: MPI.Comm) -> bool:
    """Return whether each rank transforms its own samples, and not its own nodes."""
    if isinstance(plan, BoxPlan) and suits_tensors(problem.sites):
        return False
    return divides_sites(problem.sites, space.dofmap.index_map.size_global, comm.size)


def _rank_on_machine(comm: MPI.Comm) -> int:
    """Return the number of this process among those of the same machine. Collective."""
    machine = comm.Split_type(MPI.COMM_TYPE_SHARED)
    rank = machine.rank
    machine.Free()
    return rank
