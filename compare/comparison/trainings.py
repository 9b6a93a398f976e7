"""Several trainings against the same solution of the equation, in bands of |xi|."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from freqbias.compare.comparison.draw_bands import ring_edges
from freqbias.compare.comparison.record import Comparison
from freqbias.compare.spectra import Energy, energy_in_bands

BANDS = 16
METRICS = ("loss_pde", "loss_nn", "error_over_initial")


@dataclass(frozen=True)
class Trainings:
    """The comparisons of several trainings with the equation, by the name of the training, all on the same mesh.

    The amplitude of a band is the root mean square of |v| over it, where |v|^2 is summed over channels.
    """

    comparisons: Mapping[str, Comparison]

    @property
    def first(self) -> Comparison:
        return next(iter(self.comparisons.values()))

    @cached_property
    def edges(self) -> np.ndarray:
        """The edges of bands of equal width, (B + 1,) [cycles/length]."""
        return ring_edges(self.first, self.first.limit, BANDS)

    @cached_property
    def start(self) -> np.ndarray:
        """The amplitudes of v(0) of the equation, (B,). NaN outside the mesh."""
        initial = self.first.pde[0] if self.first.initial is None else self.first.initial
        energy = energy_in_bands(self.first, self.edges, limit=self.first.limit)
        return np.asarray(np.sqrt(energy(initial[None])[0] / self._volume(energy)))

    def _volume(self, energy: Energy) -> np.ndarray:
        """Return the volume of each band in the mesh, (B,), NaN in place of 0."""
        volume = energy(np.ones((1, 1, len(self.first.frequency))))[0]
        return np.where(volume > 0, volume, np.nan)

    @cached_property
    def amplitudes(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """The amplitudes of the equation and of the training, (T, B) each, by training. NaN outside the mesh."""
        energy = energy_in_bands(self.first, self.edges, limit=self.first.limit)
        volume = self._volume(energy)
        return {
            name: (np.sqrt(energy(each.pde) / volume), np.sqrt(energy(each.nn) / volume))
            for name, each in self.comparisons.items()
        }

    def save(self, path: Path) -> None:
        """Write `trainings.csv`, with a row for each training, time and band. Numbers have all their digits."""
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(
                ["training", "time", "time_nn", *METRICS, "band_low", "band_high", "amplitude_pde", "amplitude_nn"]
            )
            for name, comparison in self.comparisons.items():
                for k, time in enumerate(comparison.time):
                    own = comparison.metrics.get("time_nn", comparison.time)[k]
                    metrics = [own, *(comparison.metrics[each][k] for each in METRICS)]
                    bands = zip(
                        self.edges[:-1], self.edges[1:], *(each[k] for each in self.amplitudes[name]), strict=True
                    )
                    for band in bands:
                        table.writerow([name, *(repr(float(value)) for value in (time, *metrics, *band))])
