"""The L2 projection of a spectrum onto the finite elements of the frequency mesh: the v_h of V_h with

    integral (v_h - v) phi_i dxi = 0 for all i,    M c = b,    b_i = integral v phi_i dxi.

Both integrals are sums over the same points, `EXTRA` degrees finer than M needs, with v there by the non-uniform FFT:
what is in V_h stays as it is, on curved cells too. The mesh is rebuilt from what a spectrum file holds, so that it may
come from any number of ranks. M is never assembled; conjugate gradients with its diagonal take a number of products
that does not grow with the mesh.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from freqbias import runtime
from freqbias.compare.kappa import OnMesh
from freqbias.compare.spectra.interpolation import project
from freqbias.compare.spectra.quadrature import Block, Quadrature
from freqbias.errors import ComputationError, InputError
from freqbias.numerics import Sites
from freqbias.problem import Spectrum
from freqbias.runtime import SerialWorld

EXTRA = 4
TOLERANCE = 1e-13  # of the residual over the right side, in the norm of the inverse diagonal
MOST_PRODUCTS = 1000
_ENTRIES = 2**22  # numbers held at once in a product: 32 MiB


def l2_project(error: np.ndarray, sites: Sites, mesh: OnMesh, *, threads: int = 1, comm: Any = None) -> np.ndarray:
    """The L2 projection of v(xi) = mean_j u(x_j) exp(-2 pi i xi.x_j) onto the Lagrange elements of a mesh, by its
    values at the nodes: complex (..., n).

    error u: (..., N) at the sites, the same on every rank of comm, which share the cells out; all get the result, the
    same on any number of ranks to rounding. Raises ComputationError where conjugate gradients do not converge.
    """
    mass = MassMatrix(mesh, comm or SerialWorld())
    return mass.solve(mass.integrals(error, sites, threads=threads))


def onto_mesh(error: np.ndarray, sites: Sites, mesh: OnMesh, *, projection: str, threads: int = 1) -> np.ndarray:
    """The spectrum (..., n) of errors u (..., N) as [compare] projection asks for it. Where other ranks sleep while
    this one works (`runtime.on_root`), they take their share of the cells; threads: of this one alone."""
    if projection == "l2":
        return runtime.on_all(_l2_project, error, sites, BareMesh.of(mesh), threads)
    return project(error, sites, mesh.frequency, threads=threads)


def solution_on_mesh(spectrum: Spectrum, sites: Sites, *, projection: str, threads: int = 1) -> np.ndarray:
    """v_h of the finite elements at all output times, (T, C, n), as [compare] projection asks for it.

    The local operator's is an element of V_h already. The data operator's v is the transform of its u on the samples,
    and known at every xi: were it left as it is at the nodes, the same u by a network would be as far from it as its
    interpolation from its L2 projection (measured, for targets that do not vanish at the edge of the data: 0.2 to 0.9
    times a tolerance of 1e-2, 0.2 to 2 times one of 1e-3, 0.2 to 7 times one of 1e-4).
    Raises InputError where this u is missing.
    """
    if projection == "interpolation" or spectrum.attributes.get("operator") != "data":
        return spectrum.error
    if spectrum.sample_error is None:
        raise InputError(
            '[compare] projection = "l2": the spectrum has no sample_error, the errors on the samples that it is the '
            "transform of; compute it again with `freqbias pde RUN.toml --overwrite`, or take interpolation"
        )
    return onto_mesh(spectrum.sample_error, sites, spectrum, projection=projection, threads=threads)


def _l2_project(error: np.ndarray, sites: Sites, mesh: OnMesh, alone: int, *, comm: Any) -> np.ndarray:
    return l2_project(error, sites, mesh, threads=alone if comm.size == 1 else runtime.threads(), comm=comm)


@dataclass(frozen=True)
class BareMesh:
    """A mesh without what lives on it, to be sent to other ranks: as in `problem.Spectrum`."""

    frequency: np.ndarray
    cells: np.ndarray
    cell_type: str
    degree: int

    @classmethod
    def of(cls, mesh: OnMesh) -> "BareMesh":
        return cls(mesh.frequency, mesh.cells, mesh.cell_type, mesh.degree)


class MassMatrix:
    """M of a mesh, as products over the cells of each rank of comm; real vectors (R, n), a row each."""

    def __init__(self, mesh: OnMesh, comm: Any) -> None:
        self._comm, self._size = comm, len(mesh.frequency)
        own = np.array_split(mesh.cells, comm.size)[comm.rank]
        self._quadrature = Quadrature(mesh.frequency, own, mesh.cell_type, mesh.degree, extra=EXTRA)
        self._gathers = [self._gather(block) for block in self._quadrature.blocks]
        self.diagonal = self._sum(
            np.sum([
                (block.weights @ block.basis**2).reshape(1, -1) @ gather
                for block, gather in self._each()
            ], axis=0)
        )  # fmt: skip

    def integrals(self, error: np.ndarray, sites: Sites, *, threads: int) -> np.ndarray:
        """integral v phi_i dxi, complex (..., n)."""
        rows = error.reshape(-1, sites.size)
        result = np.zeros((len(rows), self._size), dtype=complex)
        for block, gather in self._each():
            points = self._quadrature.points(block)
            batch = max(1, _ENTRIES // block.weights.size)
            for first in range(0, len(rows), batch):
                part = slice(first, first + batch)
                v = project(rows[part], sites, points.reshape(-1, points.shape[2]), threads=threads)
                moments = block.weights * v.reshape(-1, *block.weights.shape) @ block.basis
                result[part] += moments.reshape(len(v), -1) @ gather
        return self._sum(result).reshape(*error.shape[:-1], self._size)

    def apply(self, values: np.ndarray) -> np.ndarray:
        """M x for real x (R, n)."""
        result = np.zeros_like(values)
        for block, gather in self._each():
            nodes = self._quadrature.cells[block.cells]
            batch = max(1, _ENTRIES // block.weights.size)
            for first in range(0, len(values), batch):
                part = slice(first, first + batch)
                at_points = values[part][:, nodes] @ block.basis.T * block.weights
                result[part] += (at_points @ block.basis).reshape(len(at_points), -1) @ gather
        return self._sum(result)

    def solve(self, integrals: np.ndarray) -> np.ndarray:
        """c with M c = b for complex b (..., n), by conjugate gradients on the real and imaginary parts at once."""
        rows = integrals.reshape(-1, self._size)
        b = np.concatenate([rows.real, rows.imag])
        x, r = np.zeros_like(b), b.copy()
        z = r / self.diagonal
        p, rho = z, np.sum(r * z, axis=1)
        enough = TOLERANCE**2 * rho
        for _ in range(MOST_PRODUCTS):
            if self._comm.bcast((rho <= enough).all()):  # on unlike processors the last bits may differ
                parts = x.reshape(2, *integrals.shape)
                return np.asarray(parts[0] + 1j * parts[1])
            q = self.apply(p)
            step = _ratio(rho, np.sum(p * q, axis=1))
            x, r = x + step * p, r - step * q
            z, last = r / self.diagonal, rho
            rho = np.sum(r * z, axis=1)
            p = z + _ratio(rho, last) * p
        raise ComputationError(
            f"the L2 projection did not converge in {MOST_PRODUCTS} products: the mesh has cells that are nearly flat; "
            "use a better mesh, or interpolation"
        )

    def _each(self) -> Any:
        return zip(self._quadrature.blocks, self._gathers, strict=True)

    def _gather(self, block: Block) -> csr_array:
        """From the nodes of each cell, one after the other, to the nodes of the mesh: (c k, n)."""
        nodes = self._quadrature.cells[block.cells].ravel()
        return csr_array((np.ones(len(nodes)), nodes, np.arange(len(nodes) + 1)), shape=(len(nodes), self._size))

    def _sum(self, part: np.ndarray) -> np.ndarray:
        """Over the ranks, in their order: the same on each."""
        return np.asarray(sum(self._comm.allgather(part)))


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """(R, 1); 0 of rows that are solved."""
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)[:, None]
