"""The error in bands of |xi| over its start, of the draws, of the network and of the equation:

    r_b(t) = sqrt(E_b(t) / E_b(0)),    E_b(t) = integral over band b of |v(xi, t)|^2 dxi,

with the energies of `freqbias.compare.spectra.band_energy`. E_b(0) of network and equation is that of v_pde(0).
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from freqbias.compare.spectra import FrequencyMesh, band_energy, energy_in_bands, inside_nyquist
from freqbias.problem import DRAW_ACCURACY, Band

PARTS = 4  # bands with equal energy at the start
RINGS = 96  # of a profile
RESOLUTION = 512  # rings among whose edges those of the bands are chosen


@dataclass(frozen=True)
class DrawBands:
    """The errors in bands of |xi| over their start.

    edges: of the bands, (B + 1,) [cycles/length]. draws: the band over draws, (T, B). network, equation: (T, B).
    inside: whether the network lies in the band over draws, (T, B).
    """

    edges: np.ndarray
    draws: Band
    network: np.ndarray
    equation: np.ndarray
    inside: np.ndarray

    def save(self, path: Path, time: np.ndarray) -> None:
        """Write `draw_bands.csv`: a header, then one row for each time and band. Numbers have all their digits."""
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["time", "xi_low", "xi_high", "low", "high", "network", "equation", "inside"])
            for i, t in enumerate(time):
                columns = (
                    self.edges[:-1], self.edges[1:], self.draws.low[i], self.draws.high[i],
                    self.network[i], self.equation[i],
                )  # fmt: skip
                for row, inside in zip(zip(*columns, strict=True), self.inside[i], strict=True):
                    table.writerow([repr(float(value)) for value in (t, *row)] + [int(inside)])


@dataclass(frozen=True)
class RingProfile:
    """The root mean square of |v| over rings of |xi|.

    edges: of the rings, (R + 1,) [cycles/length]. draws: the band over draws, (T, R). network, equation: (T, R).
    """

    edges: np.ndarray
    draws: Band
    network: np.ndarray
    equation: np.ndarray


def energy_edges(mesh: FrequencyMesh, start: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Return the edges of bands of |xi| that share the energy of a spectrum equally, (B + 1,) [cycles/length].

    start: the spectrum v(0) on the nodes, (C, n), not 0. limit: of the Nyquist box, (d,). B = PARTS, or fewer if a ring
    of the width 1 / RESOLUTION of the mesh contains more energy.
    """
    rings = ring_edges(mesh, limit, RESOLUTION)
    energy = np.cumsum(band_energy(mesh, start[None], rings, limit=limit)[0])
    inner = np.searchsorted(energy, energy[-1] * np.arange(1, PARTS) / PARTS) + 1
    return np.unique(rings[[0, *inner, RESOLUTION]])


def ring_edges(mesh: FrequencyMesh, limit: np.ndarray, count: int = RINGS) -> np.ndarray:
    """Return the edges of rings of equal width, which contain the mesh in the Nyquist box, (R + 1,) [cycles/length]."""
    visible = inside_nyquist(mesh.frequency, limit)
    return np.linspace(0, np.linalg.norm(mesh.frequency[visible], axis=1).max() * (1 + 1e-9), count + 1)


class RingMeans:
    """The root mean square of |v| over each ring, (T, R), as a function of spectra (T, C, n).

    It is NaN without a part of the mesh.
    """

    def __init__(self, mesh: FrequencyMesh, edges: np.ndarray, *, limit: np.ndarray) -> None:
        self._energy = energy_in_bands(mesh, edges, limit=limit)
        self._area = self._energy(np.ones((1, 1, len(mesh.frequency))))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        energy = self._energy(values)
        return np.sqrt(np.divide(energy, self._area, out=np.full_like(energy, np.nan), where=self._area > 0))


def error_ratios(energy: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return sqrt(energy / start), (T, B). start: (B,)."""
    return np.sqrt(energy / start)


def draw_bands(
    edges: np.ndarray, draws: np.ndarray, network: np.ndarray, equation: np.ndarray, start: np.ndarray
) -> DrawBands:
    """Return the record. draws: ratios (n, T, B). network, equation: energies (T, B). start: E_b(0) of v_pde, (B,)."""
    band, ratios = Band.of(draws), error_ratios(network, start)
    accuracy = DRAW_ACCURACY * np.sqrt(start.sum() / start)
    return DrawBands(edges, band, ratios, error_ratios(equation, start), band.contains(ratios, accuracy=accuracy))
