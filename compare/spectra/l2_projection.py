"""The L2 projection of a spectrum onto the finite elements of the frequency mesh: the v_h of V_h with

    integral (v_h - v) phi_i dxi = 0 for all i,    M c = b,    b_i = integral v phi_i dxi.

Both integrals use one quadrature, exact for `EXTRA_DEGREE` degrees more than M needs, with v at its points by the
non-uniform FFT. So the projection leaves elements of V_h unchanged, on curved cells too. The mesh is rebuilt from what
a spectrum file holds, and may have been written by any number of ranks. M is never assembled: conjugate gradients
preconditioned by its diagonal take a number of products that does not grow with the mesh.
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
TOLERANCE = 1e-13  # residual over right side, in the norm of the inverse diagonal
MAX_ITERATIONS = 1000
MAX_ENTRIES = 2**22  # numbers held at once in a product: 32 MiB


def l2_project(
    error: np.ndarray, sites: Sites, mesh: FrequencyMesh, *, threads: int = 1, comm: Any = None
) -> np.ndarray:
    """The L2 projection of v(xi) = mean_j u(x_j) exp(-2 pi i xi.x_j) onto the Lagrange elements of a mesh.

    error: u at the sites (..., N), the same on every rank of comm. The ranks share the cells; every rank gets the
    values at the nodes, complex (..., n), which depend on the number of ranks by rounding only.
    Raises ComputationError if the conjugate gradients do not converge.
    """
    mass = MassMatrix(mesh, comm or SerialWorld())
    return mass.solve(mass.integrals(error, sites, threads=threads))


def errors_on_mesh(
    error: np.ndarray, sites: Sites, mesh: FrequencyMesh, *, projection: str, threads: int = 1
) -> np.ndarray:
    """The spectrum (..., n) of errors u (..., N) on the nodes, by the [compare] `projection`: "interpolation" or "l2".

    Called by rank 0 inside `runtime.on_root`, "l2" uses all ranks. threads: of rank 0 alone.
    """
    if projection == "l2":
        return runtime.on_all(_l2_project, error, sites, MeshArrays.of(mesh), threads)
    return project(error, sites, mesh.frequency, threads=threads)


def solution_on_mesh(spectrum: Spectrum, sites: Sites, *, projection: str, threads: int = 1) -> np.ndarray:
    """The finite-element solution v_h at all output times, (T, C, n), by the [compare] `projection`.

    The solution of the local operator is in V_h already. The data operator's v is the transform of its errors u on
    the samples, known at every xi, so "l2" projects it like the network's. Otherwise a network with the same u would
    seem as far away as interpolation is from projection (measured, for targets that do not vanish at the edge of the
    data: 0.2 to 0.9 times a tolerance of 1e-2, 0.2 to 2 times 1e-3, 0.2 to 7 times 1e-4).
    Raises InputError if this u is missing.
    """
    if projection == "interpolation" or spectrum.attributes.get("operator") != "data":
        return spectrum.error
    if spectrum.sample_error is None:
        raise InputError(
            '[compare] projection = "l2": the spectrum has no sample_error, the errors on the samples that it '
            "transforms; compute it again with `freqbias pde RUN.toml --overwrite`, or use "
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
        """b_i = integral v phi_i dxi, complex (..., n), of the transform v of errors u (..., N)."""
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
        """M x for real x (R, n)."""
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
        """c with M c = b for complex b (..., n), by conjugate gradients on real and imaginary parts together."""
        rows = integrals.reshape(-1, self._size)
        b = np.concatenate([rows.real, rows.imag])
        x, r = np.zeros_like(b), b.copy()
        z = r / self.diagonal
        p, rho = z, np.sum(r * z, axis=1)
        target = TOLERANCE**2 * rho
        for _ in range(MAX_ITERATIONS):
            # Rank 0 decides: on different processors the last bits may differ.
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
        """The matrix (c k, n) that adds the contributions to the nodes of each cell up at the nodes of the mesh."""
        nodes = self._quadrature.cells[block.cells].ravel()
        return csr_array((np.ones(len(nodes)), nodes, np.arange(len(nodes) + 1)), shape=(len(nodes), self._size))

    def _sum(self, part: np.ndarray) -> np.ndarray:
        """The sum over the ranks, in their order, so that every rank gets the same bits."""
        return np.asarray(sum(self._comm.allgather(part)))


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """The quotient as a column (R, 1); 0 where the denominator is 0, in rows that have converged."""
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)[:, None]
