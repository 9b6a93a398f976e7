"""The record of a comparison, which writes the files `spectra.nc` and `metrics.csv`."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from freqbias.compare.comparison.draw_band import DrawBand
from freqbias.compare.comparison.learned import Learned
from freqbias.compare.comparison.minibatch_band import MinibatchBand
from freqbias.compare.style import percent
from freqbias.problem import ErrorHistory, counted, save_netcdf, time_range


@dataclass(frozen=True, repr=False)
class Comparison:
    """The spectra of finite elements and network on the mesh nodes, at the times that both have in common.

    time (T,): gradient-flow time.
    frequency (n, d) [cycles/length], cells, cell_type, degree: the mesh, as in `problem.Spectrum`.
    pde, nn: the spectra v (T, C, n), complex.
    limit (d,): the limits of the Nyquist box |xi_i| <= limit_i [cycles/length], infinite for scattered samples.
    metrics: arrays (T,) by name, computed within the Nyquist box; see `compare`.
    predictions: the predicted spectra (T, C, n), by the name of the prediction's file.
    causes: the two neighbouring spectra of each metric that is a cause (`freqbias.compare.comparison.causes`).
    initial: v_pde(0) (C, n), even if `time` begins later.
    band: what a further draw of the network may do. minibatches: what other minibatches may do.
    learned: what network and equation have learnt, for samples on a grid or on a part of a grid.
    """

    time: np.ndarray
    frequency: np.ndarray
    pde: np.ndarray
    nn: np.ndarray
    cells: np.ndarray
    cell_type: str
    degree: int
    limit: np.ndarray
    metrics: Mapping[str, np.ndarray]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    predictions: Mapping[str, np.ndarray] = field(default_factory=dict)
    causes: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    initial: np.ndarray | None = None
    learned: Learned | None = None
    band: DrawBand | None = None
    minibatches: MinibatchBand | None = None

    def __repr__(self) -> str:
        worst = percent(np.nanmax(self.metrics["error_over_initial"]))
        nodes, dimension = self.frequency.shape
        return (
            f"Comparison({self.name!r}: {time_range(self.time)}, {counted(nodes, 'node')} in {dimension}-D, "
            f"error relative to v(0) at most {worst})"
        )

    @property
    def name(self) -> str:
        return str(self.attributes.get("name", ""))

    def save(self, path: Path) -> None:
        """Write `spectra.nc`, with the dimensions time, channel, node, axis, cell and local_node."""
        node, spectrum = ("node", "axis"), ("time", "channel", "node")
        parts = {
            f"{name.replace('-', '_')}_{part}": (spectrum, getattr(values, part))
            for name, values in {"pde": self.pde, "nn": self.nn, **self.predictions}.items()
            for part in ("real", "imag")
        }
        variables = {
            "frequency": (node, self.frequency),
            **parts,
            "cells": (("cell", "local_node"), self.cells.astype(np.int64)),
            "nyquist": (("axis",), self.limit),
        }
        if "time_nn" in self.metrics:
            variables["time_nn"] = (("time",), self.metrics["time_nn"])
        save_netcdf(path, variables, self.time, {**self.attributes, "cell_type": self.cell_type, "degree": self.degree})

    def save_metrics(self, path: Path) -> None:
        """Write `metrics.csv`: a header, then one row for each time. Numbers have all their digits."""
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["time", *self.metrics])
            table.writerows(
                [repr(float(value)) for value in row] for row in zip(self.time, *self.metrics.values(), strict=True)
            )


def network_attributes(history: ErrorHistory) -> dict[str, int | float]:
    """Return width, depth and omega_0 of the network, if the history has them. A user's file may lack them."""
    attributes = {key: history.attributes.get(key) for key in ("width", "depth")}
    found: dict[str, int | float] = {key: int(n) for key, n in attributes.items() if isinstance(n, int | np.integer)}
    omega_0 = history.attributes.get("omega_0")
    return found | ({"omega_0": float(omega_0)} if isinstance(omega_0, int | float | np.number) else {})
