"""A finite-element mesh of frequency space."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np


class FrequencyMesh(Protocol):
    """A mesh with nodes (n, d) [cycles/length], cells (c, k), cell type and degree.

    `problem.Spectrum` follows this protocol and describes these attributes.
    """

    @property
    def frequency(self) -> np.ndarray: ...
    @property
    def cells(self) -> np.ndarray: ...
    @property
    def cell_type(self) -> str: ...
    @property
    def degree(self) -> int: ...


@dataclass(frozen=True)
class MeshArrays:
    """A `FrequencyMesh` without a spectrum, small enough to send to other ranks."""

    frequency: np.ndarray
    cells: np.ndarray
    cell_type: str
    degree: int

    @classmethod
    def of(cls, mesh: FrequencyMesh) -> "MeshArrays":
        return cls(mesh.frequency, mesh.cells, mesh.cell_type, mesh.degree)


def mesh_gaps(frequency: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Return where each gap of a 1-D mesh begins, (g,) [cycles/length]. frequency (n, 1). cells (c, k)."""
    ends = np.sort(frequency[cells, 0], axis=1)[:, [0, -1]]
    left, right = ends[np.argsort(ends[:, 0])].T
    return right[:-1][left[1:] - right[:-1] > 1e-9 * np.ptp(ends)]
