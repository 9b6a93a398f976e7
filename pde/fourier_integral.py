"""The inverse Fourier transform of a finite-element function on coarse cells, by quadrature.

On a mesh made for the operators the nodes resolve exp(2 pi i xi.x) for all samples, and M at the nodes is as good as
the integral. A refined mesh is coarse where v is smooth but exp(2 pi i xi.x) is not. There the integral needs
quadrature points.
"""

from mpi4py import MPI  # noqa: F401  # isort: skip
from math import ceil, pi

import basix
import numpy as np
import ufl
from dolfinx import fem

from freqbias.numerics import Grid, GridTransform


class FourierIntegral:
    """integral v exp(2 pi i xi.x) dxi on the samples of a grid, over this rank's cells."""

    def __init__(self, space: fem.FunctionSpace, grid: Grid, *, accuracy: float, threads: int) -> None:
        mesh = space.mesh
        dimension = mesh.topology.dim
        count = mesh.topology.index_map(dimension).size_local
        corners = mesh.geometry.x[mesh.geometry.dofmaps[0][:count], :dimension]
        wavelengths = float(np.max((corners.max(axis=1) - corners.min(axis=1)) @ grid.reach, initial=0.0))
        element = space.element.basix_element
        degree = element.degree + ceil(1.2 * pi * wavelengths) + 10  # for v times a wave of that many lengths per cell
        points, weights = (np.asarray(part) for part in basix.make_quadrature(element.cell_type, degree))
        self._basis = np.asarray(element.tabulate(0, points))[0, :, :, 0]
        xi = fem.Expression(ufl.SpatialCoordinate(mesh), points).eval(mesh, np.arange(count))
        jacobian = fem.Expression(ufl.JacobianDeterminant(mesh), points).eval(mesh, np.arange(count))
        self._weights = np.abs(jacobian).reshape(count, -1) * weights
        self._dofs = space.dofmap.list[:count]
        self._function = fem.Function(space)
        self._transform = GridTransform(grid, xi.reshape(-1, dimension), eps=accuracy, threads=threads)

    def __call__(self, spectra: np.ndarray) -> np.ndarray:
        """v at the local dofs, (C, n_local) complex -> this rank's part of the integral, (C, N) complex. Collective."""
        return np.array(
            [self._transform.to_samples(self._weighted(v.real) + 1j * self._weighted(v.imag)) for v in spectra]
        )

    def _weighted(self, values: np.ndarray) -> np.ndarray:
        """Values at the quadrature points times their weights."""
        self._function.x.array[: len(values)] = values
        self._function.x.scatter_forward()
        return (self._weights * (self._function.x.array[self._dofs] @ self._basis.T)).ravel()
