"""The energy of the error's spectrum by bands of |xi| and by direction. Its learning rate is
kappa_b = -1/2 d/dt log E_b.

    E_b(t) = integral over band b of |v_h(xi, t)|^2 dxi,    |v|^2 = sum_c |v_c|^2

The integral is the L2 product of the mesh, within the Nyquist box. In one dimension bands cut the cells exactly, in
more dimensions at the points of a quadrature of degree `CUT_DEGREE` (`freqbias.compare.spectra.quadrature`). For bands
two cells wide this is exact to half a per cent of the energy, by the same factor at all times. For rates, pass
`amplitude` to `freqbias.compare.kappa.estimators`.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import numpy as np

from freqbias.compare.spectra import Box, FrequencyMesh, Quadrature, chunks, symmetric_box, weighted_squares

Labels = Callable[[np.ndarray], np.ndarray]


def bands(frequency: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The band b of each frequency, edges_b <= |xi| < edges_(b+1), (...) int; -1 outside all bands.

    frequency (..., d); edges (B + 1,), increasing [cycles/length].
    """
    band = np.searchsorted(edges, np.linalg.norm(frequency, axis=-1), side="right") - 1
    return np.where(band < len(edges) - 1, band, -1)


def directions(frequency: np.ndarray, count: int) -> np.ndarray:
    """The direction of each frequency, the same for xi and -xi, (...) int. frequency (..., d).

    In two dimensions the sectors around the angles 0, pi/count, 2 pi/count, ... to the xi_1 axis; in three the nearest
    axis, with count = 3. Raises ValueError for other counts and dimensions.
    """
    dimension = frequency.shape[-1]
    if dimension == 1 or count < 2 or (dimension == 3 and count != 3):
        raise ValueError(f"{count} directions in {dimension} dimension(s): give 2 or more in two, 3 in three")
    if dimension == 3:
        return np.asarray(np.abs(frequency).argmax(axis=-1))
    angle = np.arctan2(frequency[..., 1], frequency[..., 0])
    return np.rint(angle / (np.pi / count)).astype(np.int64) % count


def band_energy(
    mesh: FrequencyMesh, error: np.ndarray, edges: np.ndarray, *, limit: np.ndarray | None = None
) -> np.ndarray:
    """E_b (T, B) of spectra v on the nodes of a mesh, error (T, C, n), in the `bands` between edges (B + 1,).

    limit (d,): the box |xi_i| <= limit_i to integrate over [cycles/length], None for the whole mesh.
    """
    edges = np.asarray(edges, dtype=float)
    low, high = symmetric_box(limit, mesh.frequency.shape[1])
    boxes = [(low, high)]
    if mesh.frequency.shape[1] == 1:
        cuts = np.unique(np.clip([*-edges, *edges], low, high))
        boxes = [(np.array([left]), np.array([right])) for left, right in pairwise(cuts)]
    return _energy(mesh, error, partial(bands, edges=edges), len(edges) - 1, boxes)


def direction_energy(
    mesh: FrequencyMesh, error: np.ndarray, count: int, *, limit: np.ndarray | None = None
) -> np.ndarray:
    """E_b (T, count) in the `directions`; arguments as in `band_energy`."""
    boxes = [symmetric_box(limit, mesh.frequency.shape[1])]
    return _energy(mesh, error, partial(directions, count=count), count, boxes)


def amplitude(energy: np.ndarray) -> np.ndarray:
    """sqrt(E_b) in the shape of spectra of one channel, (T, 1, B). Its learning rate is kappa_b."""
    return np.sqrt(energy)[:, None, :]


def _energy(mesh: FrequencyMesh, error: np.ndarray, labels_of: Labels, count: int, boxes: Sequence[Box]) -> np.ndarray:
    """The energy (T, count) under each label. In more than one dimension, cells that hold several get more points."""

    def crossed(nodes: np.ndarray) -> np.ndarray:
        labels = labels_of(nodes)
        return np.asarray((labels != labels[:, :1]).any(axis=1))

    quadrature = Quadrature(
        mesh.frequency, mesh.cells, mesh.cell_type, mesh.degree, boxes=boxes,
        crossed=crossed if mesh.frequency.shape[1] > 1 else None,
    )  # fmt: skip
    energy = np.zeros((len(error), count + 1))  # the last column: outside all bands
    rows = error.reshape(-1, error.shape[-1])
    for block, part in chunks(quadrature):
        labels = labels_of(quadrature.points(block, part)).ravel()
        labels[labels < 0] = count
        for i, squares in enumerate(weighted_squares(quadrature, block, part, rows)):
            energy[i // error.shape[1]] += np.bincount(labels, squares.ravel(), count + 1)
    return energy[:, :count]
