"""The inverse Fourier transform of a finite-element function on coarse cells, by quadrature.

On a mesh made by the size rule, the nodes resolve the wave exp(2 pi i xi.x) of every sample x. There a sum over the
nodes with the mass matrix M is as accurate as the integral. A refined mesh may have coarse cells where v is smooth. On
these cells the nodes do not resolve the wave, and the integral needs quadrature points.
"""

from mpi4py import MPI  # noqa: F401  # isort: skip
from math import ceil, pi

import basix
import numpy as np
import ufl
from dolfinx import fem

from freqbias.numerics import Grid, GridTransform


class FourierIntegral:
    """integral v exp(2 pi i xi.x) dxi over this rank's cells, at the samples x of a grid."""

    def __init__(self, space: fem.FunctionSpace, grid: Grid, *, accuracy: float, threads: int) -> None:
        mesh = space.mesh
        dimension = mesh.topology.dim
        count = mesh.topology.index_map(dimension).size_local
        corners = mesh.geometry.x[mesh.geometry.dofmaps[0][:count], :dimension]
        wavelengths = float(np.max((corners.max(axis=1) - corners.min(axis=1)) @ grid.reach, initial=0.0))
        element = space.element.basix_element
        degree = element.degree + ceil(1.2 * pi * wavelengths) + 10  # for v times the wave with most periods in a cell
        points, weights = (np.asarray(part) for part in basix.make_quadrature(element.cell_type, degree))
        self._basis = np.asarray(element.tabulate(0, points))[0, :, :, 0]
        xi = fem.Expression(ufl.SpatialCoordinate(mesh), points).eval(mesh, np.arange(count))
        jacobian = fem.Expression(ufl.JacobianDeterminant(mesh), points).eval(mesh, np.arange(count))
        self._weights = np.abs(jacobian).reshape(count, len(weights)) * weights
        self._dofs = space.dofmap.list[:count]
        self._function = fem.Function(space)
        self._transform = GridTransform(grid, xi.reshape(-1, dimension), eps=accuracy, threads=threads)

    def __call__(self, spectra: np.ndarray) -> np.ndarray:
        """Return this rank's part of the integral, (C, N) complex. Collective.

        spectra: v at the dofs that this rank owns, (C, n_local) complex.
        """
        return np.array(
            [self._transform.to_samples(self._weighted(v.real) + 1j * self._weighted(v.imag)) for v in spectra]
        )

    def _weighted(self, values: np.ndarray) -> np.ndarray:
        """Return the values at the quadrature points, multiplied by the quadrature weights."""
        self._function.x.array[: len(values)] = values
        self._function.x.scatter_forward()
        return (self._weights * (self._function.x.array[self._dofs] @ self._basis.T)).ravel()
