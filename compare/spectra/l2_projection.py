"""The L2 projection of a spectrum v onto the finite-element space V_h of the frequency mesh.

The projection is the v_h in V_h with

    integral (v_h - v) phi_i dxi = 0 for all basis functions phi_i.

The coefficients c of v_h solve M c = b, with the mass matrix M and b_i = integral v phi_i dxi. M and b are computed by
the same quadrature, so the projection leaves functions in V_h unchanged, also on curved cells. The quadrature is exact
for `EXTRA_DEGREE` degrees more than M needs. The non-uniform FFT computes v at the quadrature points. The mesh is
rebuilt from the arrays of a spectrum file, which any number of ranks may have written. M is never assembled. The system
is solved by conjugate gradients, preconditioned by the diagonal of M. The number of products with M does not grow with
the mesh.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from freqbias import runtime
from freqbias.compare.spectra.frequency_mesh import FrequencyMesh, MeshArrays
from freqbias.compare.spectra.interpolation import project
from freqbias.compare.spectra.quadrature import Block, Quadrature
from freqbias.errors import ComputationError, InputError
from freqbias.numerics import Sites
from freqbias.problem import Spectrum
from freqbias.runtime import SerialWorld

EXTRA_DEGREE = 4
TOLERANCE = 1e-13  # norm of the residual / norm of b, both in the norm of the inverse diagonal
MAX_ITERATIONS = 1000
MAX_ENTRIES = 2**22  # largest number of values in memory during a product: 32 MiB


def l2_project(
    error: np.ndarray, sites: Sites, mesh: FrequencyMesh, *, threads: int = 1, comm: Any = None
) -> np.ndarray:
    """Project v(xi) = mean_j u(x_j) exp(-2 pi i xi.x_j) onto the Lagrange elements of a mesh, in L2.

    error: u (..., N) at the sites x_j, the same on every rank of comm.
    Return the projection at the nodes, complex (..., n), on every rank. Each rank works on a part of the cells. The
    number of ranks changes the result only by rounding errors.
    Raises ComputationError if the conjugate gradients do not converge.
    """
    mass = MassMatrix(mesh, comm or SerialWorld())
    return mass.solve(mass.integrals(error, sites, threads=threads))


def errors_on_mesh(
    error: np.ndarray, sites: Sites, mesh: FrequencyMesh, *, projection: str, threads: int = 1
) -> np.ndarray:
    """Return the spectrum (..., n) of errors u (..., N) on the nodes.

    projection: "interpolation" or "l2", as in the run file's [compare] projection. If rank 0 calls this function inside
    `runtime.on_root`, "l2" uses all ranks. threads: the number of threads while rank 0 works alone.
    """
    if projection == "l2":
        return runtime.on_all(_l2_project, error, sites, MeshArrays.of(mesh), threads)
    return project(error, sites, mesh.frequency, threads=threads)


def solution_on_mesh(spectrum: Spectrum, sites: Sites, *, projection: str, threads: int = 1) -> np.ndarray:
    """Return the finite-element solution v_h at all output times, (T, C, n).

    projection: as in `errors_on_mesh`. The solution of the local operator is in V_h already, so no projection is
    needed. The solution v of the data operator is the transform of errors u on the samples, so v is known at every xi.
    "l2" projects v in the same way as the network's spectrum. Otherwise, a network with the same u would have a
    distance to v_h, equal to the difference between interpolation and projection. For targets that do not vanish at the
    edge of the data, this difference was measured as 0.2 to 0.9 times a tolerance of 1e-2, 0.2 to 2 times a tolerance
    of 1e-3, and 0.2 to 7 times a tolerance of 1e-4.
    Raises InputError if "l2" needs u, but the spectrum does not contain u.
    """
    if projection == "interpolation" or spectrum.attributes.get("operator") != "data":
        return spectrum.error
    if spectrum.sample_error is None:
        raise InputError(
            '[compare] projection = "l2" needs the errors on the samples, but the spectrum has no sample_error; '
            "compute the spectrum again with `freqbias pde RUN.toml --overwrite`, or use "
            'projection = "interpolation"'
        )
    return errors_on_mesh(spectrum.sample_error, sites, spectrum, projection=projection, threads=threads)


def _l2_project(error: np.ndarray, sites: Sites, mesh: FrequencyMesh, serial_threads: int, *, comm: Any) -> np.ndarray:
    return l2_project(error, sites, mesh, threads=serial_threads if comm.size == 1 else runtime.threads(), comm=comm)


class MassMatrix:
    """Products with the mass matrix M of a mesh. Each rank of comm works on its share of the cells."""

    def __init__(self, mesh: FrequencyMesh, comm: Any) -> None:
        self._comm, self._size = comm, len(mesh.frequency)
        own = np.array_split(mesh.cells, comm.size)[comm.rank]
        self._quadrature = Quadrature(mesh.frequency, own, mesh.cell_type, mesh.degree, extra=EXTRA_DEGREE)
        self._assemblies = [self._assembly(block) for block in self._quadrature.blocks]
        self.diagonal = self._sum(
            np.sum([
                (block.weights @ block.basis**2).reshape(1, -1) @ assembly
                for block, assembly in self._each()
            ], axis=0)
        )  # fmt: skip

    def integrals(self, error: np.ndarray, sites: Sites, *, threads: int) -> np.ndarray:
        """Return b_i = integral v phi_i dxi, complex (..., n), where v is the transform of errors u (..., N)."""
        rows = error.reshape(-1, sites.size)
        result = np.zeros((len(rows), self._size), dtype=complex)
        for block, assembly in self._each():
            points = self._quadrature.points(block)
            batch = max(1, MAX_ENTRIES // block.weights.size)
            for first in range(0, len(rows), batch):
                part = slice(first, first + batch)
                v = project(rows[part], sites, points.reshape(-1, points.shape[2]), threads=threads)
                moments = block.weights * v.reshape(-1, *block.weights.shape) @ block.basis
                result[part] += moments.reshape(len(v), -1) @ assembly
        return self._sum(result).reshape(*error.shape[:-1], self._size)

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Return M x for real x (R, n)."""
        result = np.zeros_like(values)
        for block, assembly in self._each():
            nodes = self._quadrature.cells[block.cells]
            batch = max(1, MAX_ENTRIES // block.weights.size)
            for first in range(0, len(values), batch):
                part = slice(first, first + batch)
                at_points = values[part][:, nodes] @ block.basis.T * block.weights
                result[part] += (at_points @ block.basis).reshape(len(at_points), -1) @ assembly
        return self._sum(result)

    def solve(self, integrals: np.ndarray) -> np.ndarray:
        """Solve M c = b for complex b (..., n), by conjugate gradients on real and imaginary parts together."""
        rows = integrals.reshape(-1, self._size)
        b = np.concatenate([rows.real, rows.imag])
        x, r = np.zeros_like(b), b.copy()
        z = r / self.diagonal
        p, rho = z, np.sum(r * z, axis=1)
        target = TOLERANCE**2 * rho
        for _ in range(MAX_ITERATIONS):
            # Rank 0 decides for all ranks, because the last bits may differ between processors.
            if self._comm.bcast((rho <= target).all()):
                parts = x.reshape(2, *integrals.shape)
                return np.asarray(parts[0] + 1j * parts[1])
            q = self.apply(p)
            alpha = _ratio(rho, np.sum(p * q, axis=1))
            x, r = x + alpha * p, r - alpha * q
            z, previous_rho = r / self.diagonal, rho
            rho = np.sum(r * z, axis=1)
            p = z + _ratio(rho, previous_rho) * p
        raise ComputationError(
            f"the L2 projection did not converge in {MAX_ITERATIONS} iterations: the mesh has nearly flat cells; "
            'use a better mesh, or [compare] projection = "interpolation"'
        )

    def _each(self) -> Iterator[tuple[Block, csr_array]]:
        return zip(self._quadrature.blocks, self._assemblies, strict=True)

    def _assembly(self, block: Block) -> csr_array:
        """Return the matrix (c k, n) that adds contributions at the nodes of each cell to the nodes of the mesh."""
        nodes = self._quadrature.cells[block.cells].ravel()
        return csr_array((np.ones(len(nodes)), nodes, np.arange(len(nodes) + 1)), shape=(len(nodes), self._size))

    def _sum(self, part: np.ndarray) -> np.ndarray:
        """Sum over the ranks, in the order of the ranks, so that the result has the same bits on every rank."""
        return np.asarray(sum(self._comm.allgather(part)))


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Return the quotient as a column (R, 1). Where the denominator is 0, in converged rows, the quotient is 0."""
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)[:, None]
