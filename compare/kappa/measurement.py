"""All frequency learning rates of a result, on the nodes and by region, with their theory; its files `kappa.nc`,
`kappa.csv` and `bands.csv`."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from freqbias.compare.comparison import Comparison
from freqbias.compare.kappa.bands import OnMesh, amplitude, band_energy, direction_energy
from freqbias.compare.kappa.estimators import (
    FLOOR,
    LEAST_TIMES,
    fitted_rate,
    instant_rate,
    learnable,
    least_signal,
    mean_rate,
    theory_rate,
    window,
)
from freqbias.errors import InputError
from freqbias.problem import Problem, save_netcdf

BANDS, DIRECTIONS = 12, {1: 0, 2: 4, 3: 3}  # by dimension
REFERENCE = "pde"  # whose |v(0)| the floors are shares of
KINDS = ("mean", "fit", "standard_error")  # in the tables


@dataclass(frozen=True)
class Rates:
    """Of one source [1/time], NaN where undefined: mean (n,) over the window; fit and its standard error (n,), where
    it has three times; instant (T - 1, n) at the midpoints of its times."""

    mean: np.ndarray
    fit: np.ndarray
    standard_error: np.ndarray
    instant: np.ndarray

    @property
    def best(self) -> np.ndarray:
        """The fit, or where there are too few times for one the mean, (n,)."""
        return self.mean if len(self.instant) < LEAST_TIMES - 1 else self.fit


@dataclass(frozen=True)
class Regions:
    """Rates in bands or directions: kind "band" (of |xi|), "sector" (of the angle to the xi_1 axis) or "axis" (the
    nearest one). low, high (B,): |xi| [cycles/length]; the angle [degrees]; the number of the axis, from 1. theory:
    what is measured where every frequency decays at its own `theory_rate`."""

    kind: str
    low: np.ndarray
    high: np.ndarray
    theory: Rates
    measured: Mapping[str, Rates]


@dataclass(frozen=True)
class Kappa:
    """time (T,): the output times of the window; frequency (n, d) [cycles/length] and cells (c, k) as in
    `problem.Spectrum`; theory (n,) [1/time]; measured: by source ("pde", "nn", the predictions); regions: bands first,
    then directions where there are any; limit (d,): the Nyquist box, beyond which nothing is defined."""

    time: np.ndarray
    frequency: np.ndarray
    cells: np.ndarray
    theory: np.ndarray
    measured: Mapping[str, Rates]
    regions: tuple[Regions, ...]
    limit: np.ndarray
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write `kappa.nc`: dims time (the midpoints), node, axis."""
        variables: dict[str, Any] = {
            "frequency": (("node", "axis"), self.frequency),
            "theory": (("node",), self.theory),
        }
        for source, rates in self.measured.items():
            name = f"kappa_{source.replace('-', '_')}"
            variables[name] = (("time", "node"), rates.instant)
            for kind in KINDS:
                variables[f"{name}_{kind}"] = (("node",), getattr(rates, kind))
        window = {"window_start": float(self.time[0]), "window_end": float(self.time[-1])}
        save_netcdf(path, variables, (self.time[1:] + self.time[:-1]) / 2, {**self.attributes, **window})

    def save_table(self, path: Path) -> None:
        """Write `kappa.csv`: a row for each node at which the finite elements have a rate: xi_1, xi_2, ...
        [cycles/length], theory, and of each source mean, fit and standard error [1/time]."""
        reference = self.measured[REFERENCE]
        shown = np.isfinite(reference.mean) | np.isfinite(reference.fit)
        columns = {f"xi_{axis + 1}": values for axis, values in enumerate(self.frequency.T)}
        columns |= {"theory": self.theory, **_columns(self.measured)}
        table = np.column_stack(list(columns.values()))[shown]
        np.savetxt(path, table, fmt="%.10g", delimiter=",", header=",".join(columns), comments="")

    def save_regions(self, path: Path) -> None:
        """Write `bands.csv`: a row for each band and direction: region, low, high, and of theory and each source mean,
        fit and standard error [1/time]."""
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
    return {f"{source}_{kind}": getattr(rates, kind) for source, rates in measured.items() for kind in KINDS}


def measure(
    mesh: OnMesh,
    time: np.ndarray,
    spectra: Mapping[str, np.ndarray],
    problem: Problem,
    *,
    start: float | None = None,
    end: float | None = None,
    initial: np.ndarray | None = None,
    floor: float | None = None,
    noise: float = 0.0,
    leakage: float = 0.0,
    bands: int = BANDS,
    directions: int | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Kappa:
    """The rates of spectra (T, C, n) on the nodes of a mesh at the times (T,), "pde" among them, within a window.

    initial: v_pde(0) (C, n), where the times begin later. floor: the share of the largest |v_pde(0)| below which, at
    the window's start, there is no rate; of bands and directions that of the largest. None for FLOOR, or what random
    places leave everywhere (`freqbias.compare.kappa.estimators.leakage`) several times over, if that is more. noise: the size of the errors
    of v, over the largest |v_pde(0)| at every frequency, over ||v_pde(0)|| together. bands: of equal width, as far as
    rates are defined, which in more than one dimension is into the corners of the Nyquist box; directions: None for
    DIRECTIONS; 0 for none. The attributes say floor and noise. Raises InputError for less than two times, in all or
    within the window, or no frequency with anything to learn.
    """
    if len(time) < 2:
        raise InputError(
            f"t = {time[0]:g} is the only time that all errors have, and a rate needs two: give errors at more of the "
            "output times of the run file"
        )
    part = window(time, start, end)
    within, limit = time[part], problem.sites.nyquist
    if len(within) < 2:
        raise InputError(
            f"--from {time[0] if start is None else start:g} --to {time[-1] if end is None else end:g}: "
            f"{len(within)} of the output times lie there, and a rate needs two; the times are {_listed(time)}"
        )
    initial = spectra[REFERENCE][0] if initial is None else initial
    largest = np.linalg.norm(initial[:, learnable(mesh.frequency, initial, limit)], axis=0).max(initial=0.0)
    if floor is None:
        floor = least_signal(largest, leakage, FLOOR) / largest if largest else FLOOR
    defined = learnable(mesh.frequency, spectra[REFERENCE][part.start], limit, least=floor * largest)
    if not defined.any():
        raise InputError(
            f"--floor {floor:g}: at t = {within[0]:g} no frequency of the finite elements has that much left of the "
            "largest at t = 0; give a lower floor, or an earlier --from"
        )
    spectra = {name: values[part] for name, values in spectra.items()}
    theory = theory_rate(problem, mesh.frequency)
    flow = spectra[REFERENCE][0] * np.exp(-theory * (within - within[0])[:, None, None])

    def regions(kind: str, low: np.ndarray, high: np.ndarray, energy: Any) -> Regions:
        whole = energy(initial[None])[0]
        volume = energy(np.ones_like(initial[None, :1]))[0]
        least, quiet = floor * np.sqrt(whole.max()), noise * np.sqrt(np.minimum(largest**2 * volume, whole.sum()))
        measured = {
            name: _rates(within, amplitude(energy(values)), floor=least, noise=quiet)
            for name, values in {"theory": flow, **spectra}.items()
        }
        return Regions(kind, low, high, measured.pop("theory"), measured)

    found = []
    if bands:
        edges = np.linspace(0, np.linalg.norm(mesh.frequency[defined], axis=1).max() * (1 + 1e-9), bands + 1)
        found.append(
            regions("band", edges[:-1], edges[1:], lambda values: band_energy(mesh, values, edges, limit=limit))
        )
    if count := DIRECTIONS[problem.dimension] if directions is None else directions:
        kind, low, high = _directions(problem.dimension, count)
        found.append(regions(kind, low, high, lambda values: direction_energy(mesh, values, count, limit=limit)))
    measured = {
        name: _rates(within, values, where=defined, floor=floor * largest, noise=noise * largest)
        for name, values in spectra.items()
    }
    said = {**(attributes or {}), "floor": floor, "noise": noise}
    return Kappa(within, mesh.frequency, mesh.cells, theory, measured, tuple(found), limit, said)


def kappa_of(comparison: Comparison, problem: Problem, *, floor: float | None = None, bands: int = 0) -> Kappa:
    """The rates over all times of a comparison, without directions."""
    said = comparison.attributes
    return measure(
        comparison, comparison.time, {"pde": comparison.pde, "nn": comparison.nn, **comparison.predictions}, problem,
        initial=comparison.initial, floor=floor, noise=said.get("tolerance", 0.0),
        leakage=said.get("leakage", 0.0), bands=bands, directions=0, attributes=said,
    )  # fmt: skip


def _rates(
    time: np.ndarray, error: np.ndarray, *, floor: float, noise: float | np.ndarray, where: np.ndarray | bool = True
) -> Rates:
    """NaN elsewhere."""
    nowhere = np.full(error.shape[2], np.nan)
    fit = fitted_rate(time, error, floor=floor, noise=noise) if len(time) >= LEAST_TIMES else (nowhere, nowhere)
    mean, instant = (rate(time, error, floor=floor, noise=noise) for rate in (mean_rate, instant_rate))
    return Rates(*(np.where(where, values, np.nan) for values in (mean, *fit, instant)))


def _directions(dimension: int, count: int) -> tuple[str, np.ndarray, np.ndarray]:
    if dimension == 3:
        return "axis", np.arange(1.0, 4.0), np.arange(1.0, 4.0)
    middle = 180 / count * np.arange(count)
    return "sector", middle - 90 / count, middle + 90 / count


def _listed(time: np.ndarray) -> str:
    return ", ".join(f"{t:g}" for t in time) if len(time) <= 8 else f"{len(time)} from {time[0]:g} to {time[-1]:g}"
