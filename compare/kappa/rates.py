"""The measured frequency learning rates of a result, written to `kappa.nc`, `kappa.csv` and `bands.csv`."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from freqbias.compare.kappa.estimators import MIN_FIT_TIMES
from freqbias.problem import counted, save_netcdf, time_range

REFERENCE = "pde"  # floors are relative to |v(0)| of this source
ESTIMATES = ("mean", "fit", "standard_error")  # in the tables


@dataclass(frozen=True)
class Rates:
    """The rates of one source [1/time], NaN where undefined.

    mean (n,): the mean rates over the time window. fit, standard_error (n,): the fitted rates and their standard
    errors, NaN for fewer than three times. instant (T - 1, n): the rates at the midpoints of the times.
    """

    mean: np.ndarray
    fit: np.ndarray
    standard_error: np.ndarray
    instant: np.ndarray

    @property
    def best(self) -> np.ndarray:
        """The fitted rates (n,), or the mean rates if there are too few times for a fit."""
        return self.mean if len(self.instant) < MIN_FIT_TIMES - 1 else self.fit


@dataclass(frozen=True)
class Regions:
    """Rates in bands or directions.

    kind: "band" (of |xi|), "sector" (of the angle to the xi_1 axis) or "axis" (the axis nearest to xi).
    low, high (B,): the bounds of |xi| [cycles/length] or of the angle [degrees]. For "axis", both are the number of the
    axis, from 1.
    theory: the rates that would be measured if v decayed at the `theory_rate` of each frequency.
    measured: the measured rates of the finite elements, the network and each prediction, by name.
    """

    kind: str
    low: np.ndarray
    high: np.ndarray
    theory: Rates
    measured: Mapping[str, Rates]


@dataclass(frozen=True, repr=False)
class Kappa:
    """All learning rates of a result.

    time (T,): the output times of the window. frequency (n, d) [cycles/length], cells (c, k): see `problem.Spectrum`.
    theory (n,) [1/time]: `theory_rate` at the nodes. measured: the rates by source ("pde", "nn", the predictions).
    regions: first bands, then directions; either may be missing. limit (d,): the limits of the Nyquist box. Outside the
    box, no rate is defined.
    """

    time: np.ndarray
    frequency: np.ndarray
    cells: np.ndarray
    theory: np.ndarray
    measured: Mapping[str, Rates]
    regions: tuple[Regions, ...]
    limit: np.ndarray
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        sources, nodes = ", ".join(self.measured), counted(len(self.frequency), "node")
        return f"Kappa({self.name!r}: {sources}; {time_range(self.time)}, {nodes} in {self.frequency.shape[1]}-D)"

    @property
    def name(self) -> str:
        return str(self.attributes.get("name", ""))

    @property
    def fitted(self) -> bool:
        """Whether there are enough times to fit rates."""
        return len(self.time) >= MIN_FIT_TIMES

    @property
    def unmeasured(self) -> list[str]:
        """The sources of which no rate is defined at any frequency."""
        return [name for name, rates in self.measured.items() if not np.isfinite([rates.mean, rates.fit]).any()]

    @property
    def warning(self) -> str:
        """Why rates are missing, in words, and what to change; empty if every source has some."""
        if not self.unmeasured:
            return ""
        return (
            f"no learning rate of {', '.join(self.unmeasured)} can be measured: between t = {self.time[0]:.4g} and "
            f"{self.time[1]:.4g} the error falls below its numerical noise; use output times before "
            f"t = {self.time[1]:.4g}"
        )

    def save(self, path: Path) -> None:
        """Write `kappa.nc`, with the dimensions time (the midpoints), node and axis."""
        variables: dict[str, Any] = {
            "frequency": (("node", "axis"), self.frequency),
            "theory": (("node",), self.theory),
        }
        for source, rates in self.measured.items():
            name = f"kappa_{source.replace('-', '_')}"
            variables[name] = (("time", "node"), rates.instant)
            for estimate in ESTIMATES:
                variables[f"{name}_{estimate}"] = (("node",), getattr(rates, estimate))
        window = {"window_start": float(self.time[0]), "window_end": float(self.time[-1])}
        save_netcdf(path, variables, (self.time[1:] + self.time[:-1]) / 2, {**self.attributes, **window})

    def save_table(self, path: Path) -> None:
        """Write `kappa.csv`, with a row for each node at which the rate of the finite elements is defined.

        Columns: xi_1, xi_2, ... [cycles/length], theory, then mean, fit and standard error of each source [1/time].
        """
        reference = self.measured[REFERENCE]
        shown = np.isfinite(reference.mean) | np.isfinite(reference.fit)
        columns = {f"xi_{axis + 1}": values for axis, values in enumerate(self.frequency.T)}
        columns |= {"theory": self.theory, **_columns(self.measured)}
        table = np.column_stack(list(columns.values()))[shown]
        np.savetxt(path, table, fmt="%.10g", delimiter=",", header=",".join(columns), comments="")

    def save_regions(self, path: Path) -> None:
        """Write `bands.csv`, with a row for each band and direction.

        Columns: region, low, high, then mean, fit and standard error of the theory and of each source [1/time].
        """
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            for number, region in enumerate(self.regions):
                columns = {
                    "low": region.low, "high": region.high, **_columns({"theory": region.theory, **region.measured})
                }  # fmt: skip
                if not number:
                    table.writerow(["region", *columns])
                for row in zip(*columns.values(), strict=True):
                    table.writerow([region.kind, *(f"{float(value):.10g}" for value in row)])


def _columns(measured: Mapping[str, Rates]) -> dict[str, np.ndarray]:
    return {f"{source}_{name}": getattr(rates, name) for source, rates in measured.items() for name in ESTIMATES}
