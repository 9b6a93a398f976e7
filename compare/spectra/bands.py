"""The energy E_b of the error's spectrum v_h in bands of |xi| and in directions, and the learning rate of this energy:

    E_b(t) = integral over band b of |v_h(xi, t)|^2 dxi,    |v|^2 = sum_c |v_c|^2,    kappa_b = -1/2 d/dt log E_b

The integral covers the mesh within the Nyquist box. In one dimension, the integral is exact. In more dimensions, a cell
that the edge of a band crosses is integrated by a quadrature of degree `CUT_DEGREE`
(`freqbias.compare.spectra.quadrature`). For bands two cells wide, this quadrature changes the energy by at most half a
per cent, and by the same factor at all times. The estimators in `freqbias.compare.kappa.estimators` give kappa_b if
they are applied to `amplitude`.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import numpy as np

from freqbias.compare.spectra.frequency_mesh import FrequencyMesh
from freqbias.compare.spectra.mass_norm import chunks, symmetric_box, weighted_squares
from freqbias.compare.spectra.quadrature import Box, Quadrature

Labels = Callable[[np.ndarray], np.ndarray]


def bands(frequency: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the band b of each frequency, (...) int, where edges_b <= |xi| < edges_(b+1). Outside all bands, b is -1.

    frequency (..., d) [cycles/length]. edges (B + 1,) [cycles/length], increasing.
    """
    band = np.searchsorted(edges, np.linalg.norm(frequency, axis=-1), side="right") - 1
    return np.where(band < len(edges) - 1, band, -1)


def directions(frequency: np.ndarray, count: int) -> np.ndarray:
    """Return the direction of each frequency, (...) int. xi and -xi have the same direction.

    frequency (..., d). In two dimensions, the directions are sectors around the angles 0, pi/count, 2 pi/count, ... to
    the xi_1 axis. In three dimensions, the direction is the nearest axis, and count must be 3.
    Raises ValueError for other dimensions and for a count that the dimension does not allow.
    """
    dimension = frequency.shape[-1]
    if dimension == 1 or count < 2 or (dimension == 3 and count != 3):
        raise ValueError(f"{count} directions in {dimension}-D are not possible; give 2 or more in 2-D, or 3 in 3-D")
    if dimension == 3:
        return np.asarray(np.abs(frequency).argmax(axis=-1))
    angle = np.arctan2(frequency[..., 1], frequency[..., 0])
    return np.rint(angle / (np.pi / count)).astype(np.int64) % count


def band_energy(
    mesh: FrequencyMesh, error: np.ndarray, edges: np.ndarray, *, limit: np.ndarray | None = None
) -> np.ndarray:
    """Return the energies E_b (T, B) in the `bands` between edges (B + 1,).

    error (T, C, n): spectra v on the nodes of the mesh.
    limit (d,) [cycles/length]: integrate over the box |xi_i| <= limit_i; None for the whole mesh.
    """
    return energy_in_bands(mesh, edges, limit=limit)(error)


def direction_energy(
    mesh: FrequencyMesh, error: np.ndarray, count: int, *, limit: np.ndarray | None = None
) -> np.ndarray:
    """Return the energies (T, count) in the `directions`. For error and limit, see `band_energy`."""
    return energy_in_directions(mesh, count, limit=limit)(error)


def energy_in_bands(mesh: FrequencyMesh, edges: np.ndarray, *, limit: np.ndarray | None = None) -> "Energy":
    """Return the function of error that `band_energy` computes, for many spectra on one mesh."""
    edges = np.asarray(edges, dtype=float)
    low, high = symmetric_box(limit, mesh.frequency.shape[1])
    boxes = [(low, high)]
    if mesh.frequency.shape[1] == 1:
        cuts = np.unique(np.clip([*-edges, *edges], low, high))
        boxes = [(np.array([left]), np.array([right])) for left, right in pairwise(cuts)]
    return Energy(mesh, partial(bands, edges=edges), len(edges) - 1, boxes)


def energy_in_directions(mesh: FrequencyMesh, count: int, *, limit: np.ndarray | None = None) -> "Energy":
    """Return the function of error that `direction_energy` computes, for many spectra on one mesh."""
    boxes = [symmetric_box(limit, mesh.frequency.shape[1])]
    return Energy(mesh, partial(directions, count=count), count, boxes)


def amplitude(energy: np.ndarray) -> np.ndarray:
    """Return sqrt(E_b), whose learning rate is kappa_b, in the shape (T, 1, B) of spectra with one channel."""
    return np.sqrt(energy)[:, None, :]


class Energy:
    """The energy (T, count) of each label, as a function of spectra v (T, C, n) on the nodes of a mesh.

    In more than one dimension, cells whose nodes have several labels get more quadrature points.
    """

    def __init__(self, mesh: FrequencyMesh, labels_of: Labels, count: int, boxes: Sequence[Box]) -> None:
        def crossed(nodes: np.ndarray) -> np.ndarray:
            labels = labels_of(nodes)
            return np.asarray((labels != labels[:, :1]).any(axis=1))

        self._labels_of, self._count = labels_of, count
        self._quadrature = Quadrature(
            mesh.frequency, mesh.cells, mesh.cell_type, mesh.degree, boxes=boxes,
            crossed=crossed if mesh.frequency.shape[1] > 1 else None,
        )  # fmt: skip

    def __call__(self, error: np.ndarray) -> np.ndarray:
        energy = np.zeros((len(error), self._count + 1))  # the last column: outside all bands
        rows = error.reshape(-1, error.shape[-1])
        for block, part in chunks(self._quadrature):
            labels = self._labels_of(self._quadrature.points(block, part)).ravel()
            labels[labels < 0] = self._count
            for i, squares in enumerate(weighted_squares(self._quadrature, block, part, rows)):
                energy[i // error.shape[1]] += np.bincount(labels, squares.ravel(), self._count + 1)
        return energy[:, : self._count]
