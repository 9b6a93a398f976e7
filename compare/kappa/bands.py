"""The error's spectrum by bands of |xi| and by direction: its energy, whose rate is kappa_b = -1/2 d/dt log E_b.

    E_b(t) = integral over band b of |v_h(xi, t)|^2 dxi,    |v|^2 = sum_c |v_c|^2

in the L2 of the mesh, within the Nyquist box. In one dimension bands cut the cells exactly, in more at the points of
the quadrature (`freqbias.compare.spectra.quadrature.CUT_DEGREE`): for bands of two cells' width to half a per cent of the energy, the
same share at all times. Rates: `freqbias.compare.kappa.estimators` of `amplitude`.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Protocol

import numpy as np

from freqbias.compare.spectra import Box, Quadrature, chunks, symmetric_box, weighted_squares

Label = Callable[[np.ndarray], np.ndarray]


class OnMesh(Protocol):
    """What lives on a frequency mesh: a `problem.Spectrum`, a `compare.Comparison`."""

    @property
    def frequency(self) -> np.ndarray: ...
    @property
    def cells(self) -> np.ndarray: ...
    @property
    def cell_type(self) -> str: ...
    @property
    def degree(self) -> int: ...


def bands(frequency: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The b with edges_b <= |xi| < edges_b+1, (...) int, -1 for none. frequency (..., d); edges (B + 1,), increasing
    [cycles/length]."""
    inside = np.searchsorted(edges, np.linalg.norm(frequency, axis=-1), side="right") - 1
    return np.where(inside < len(edges) - 1, inside, -1)


def directions(frequency: np.ndarray, count: int) -> np.ndarray:
    """The direction of xi, which is that of -xi too, (...) int. frequency (..., d).

    In two dimensions sectors around the angles 0, pi/count, 2 pi/count, ... from the xi_1 axis; in three the axis that
    is nearest, and count is 3. Raises ValueError for other counts and dimensions.
    """
    dimension = frequency.shape[-1]
    if dimension == 1 or count < 2 or (dimension == 3 and count != 3):
        raise ValueError(f"{count} directions in {dimension} dimension(s): give 2 or more in two, 3 in three")
    if dimension == 3:
        return np.asarray(np.abs(frequency).argmax(axis=-1))
    angle = np.arctan2(frequency[..., 1], frequency[..., 0])
    return np.rint(angle / (np.pi / count)).astype(np.int64) % count


def band_energy(mesh: OnMesh, error: np.ndarray, edges: np.ndarray, *, limit: np.ndarray | None = None) -> np.ndarray:
    """E_b, (T, B), of spectra error (T, C, n) on the nodes of a mesh, in the `bands` of these edges (B + 1,) within
    |xi_i| <= limit_i (d,) [cycles/length]."""
    edges = np.asarray(edges, dtype=float)
    low, high = symmetric_box(limit, mesh.frequency.shape[1])
    boxes = [(low, high)]
    if mesh.frequency.shape[1] == 1:
        cuts = np.unique(np.clip([*-edges, *edges], low, high))
        boxes = [(np.array([left]), np.array([right])) for left, right in pairwise(cuts)]
    return _energy(mesh, error, partial(bands, edges=edges), len(edges) - 1, boxes)


def direction_energy(mesh: OnMesh, error: np.ndarray, count: int, *, limit: np.ndarray | None = None) -> np.ndarray:
    """E_b, (T, count), in the `directions`; else as `band_energy`."""
    boxes = [symmetric_box(limit, mesh.frequency.shape[1])]
    return _energy(mesh, error, partial(directions, count=count), count, boxes)


def amplitude(energy: np.ndarray) -> np.ndarray:
    """sqrt(E_b) as spectra of one channel, (T, 1, B): kappa_b = -1/2 d/dt log E_b is the rate of that."""
    return np.sqrt(energy)[:, None, :]


def _energy(mesh: OnMesh, error: np.ndarray, label: Label, count: int, boxes: Sequence[Box]) -> np.ndarray:
    """Of each label; in more than one dimension cells where it changes get more points."""

    def crossed(nodes: np.ndarray) -> np.ndarray:
        labels = label(nodes)
        return np.asarray((labels != labels[:, :1]).any(axis=1))

    quadrature = Quadrature(
        mesh.frequency, mesh.cells, mesh.cell_type, mesh.degree, boxes=boxes,
        crossed=crossed if mesh.frequency.shape[1] > 1 else None,
    )  # fmt: skip
    energy = np.zeros((len(error), count + 1))  # the last for none
    rows = error.reshape(-1, error.shape[-1])
    for block, part in chunks(quadrature):
        labels = label(quadrature.points(block, part)).ravel()
        labels[labels < 0] = count
        for i, squares in enumerate(weighted_squares(quadrature, block, part, rows)):
            energy[i // error.shape[1]] += np.bincount(labels, squares.ravel(), count + 1)
    return energy[:, :count]
