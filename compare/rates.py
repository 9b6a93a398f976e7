"""All frequency learning rates of a result, on the nodes and by region, with their theory; its files `kappa.nc`,
`kappa.csv` and `bands.csv`."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from compare.bands import OnMesh, amplitude, band_energy, direction_energy
from compare.kappa import FLOOR, LEAST_TIMES, fitted_rate, instant_rate, learnable, mean_rate, theory_rate, window
from compare.metrics import Comparison
from problem import InputError, Problem
from problem.netcdf import save_netcdf

BANDS, DIRECTIONS = 12, {1: 0, 2: 4, 3: 3}  # by dimension
REFERENCE = "pde"  # whose |v(0)| the floors are shares of


@dataclass(frozen=True)
class Rates:
    """Of one source [1/time], NaN where undefined: mean (n,) over the window; fit and its standard error (n,), where
    it has three times; instant (T - 1, n) at the midpoints of its times."""

    mean: np.ndarray
    fit: np.ndarray
    standard_error: np.ndarray
    instant: np.ndarray


@dataclass(frozen=True)
class Regions:
    """Rates in bands or directions: kind "band" (of |xi|), "sector" (of the angle to the xi_1 axis) or "axis" (the
    nearest one). low, high (B,): |xi| [cycles/length]; the angle [degrees]; the number of the axis, from 1. theory:
    mean over the window, (B,)."""

    kind: str
    low: np.ndarray
    high: np.ndarray
    theory: np.ndarray
    measured: Mapping[str, Rates]


@dataclass(frozen=True)
class Kappa:
    """time (T,): the output times of the window; frequency (n, d) [cycles/length]; theory (n,) [1/time]; measured: by
    source ("pde", "nn", the predictions); regions: bands first, then directions where there are any; limit (d,): the
    Nyquist box, beyond which nothing is defined."""

    time: np.ndarray
    frequency: np.ndarray
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
            for kind in ("mean", "fit", "standard_error"):
                variables[f"{name}_{kind}"] = (("node",), getattr(rates, kind))
        window = {"window_start": float(self.time[0]), "window_end": float(self.time[-1])}
        save_netcdf(path, variables, (self.time[1:] + self.time[:-1]) / 2, {**self.attributes, **window})

    def save_means(self, path: Path) -> None:
        """Write `kappa.csv`: a row for each node at which the rate of the finite elements is defined: xi_1, xi_2, ...
        [cycles/length], the mean rates of all sources [1/time], and theory."""
        shown = np.isfinite(self.measured[REFERENCE].mean)
        columns = {f"xi_{axis + 1}": values for axis, values in enumerate(self.frequency.T)}
        columns |= {f"kappa_{source}": rates.mean for source, rates in self.measured.items()}
        columns["theory"] = self.theory
        table = np.column_stack(list(columns.values()))[shown]
        np.savetxt(path, table, fmt="%.10g", delimiter=",", header=",".join(columns), comments="")

    def save_regions(self, path: Path) -> None:
        """Write `bands.csv`: a row for each band and direction: region, low, high, theory, and of each source mean, fit
        and standard error [1/time]."""
        kinds = ("mean", "fit", "standard_error")
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(
                ["region", "low", "high", "theory", *(f"{source}_{kind}" for source in self.measured for kind in kinds)]
            )
            for region in self.regions:
                values = [getattr(rates, kind) for rates in region.measured.values() for kind in kinds]
                for row in zip(region.low, region.high, region.theory, *values, strict=True):
                    table.writerow([region.kind, *(f"{float(value):.10g}" for value in row)])


def measure(
    mesh: OnMesh,
    time: np.ndarray,
    spectra: Mapping[str, np.ndarray],
    problem: Problem,
    *,
    start: float | None = None,
    end: float | None = None,
    floor: float = FLOOR,
    noise: float = 0.0,
    bands: int = BANDS,
    directions: int | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Kappa:
    """The rates of spectra (T, C, n) on the nodes of a mesh at the times (T,), "pde" among them, within a window.

    floor: the share of the largest |v_pde(0)| below which, at the window's start, there is no rate; of bands and
    directions that of the largest. noise: the share of it, of regions that of ||v_pde(0)||, from which on a fit goes no
    further. bands: of equal width, as far as rates are defined; directions: None for DIRECTIONS; 0 for none.
    Theory in a region is the mean rate of what is there if every frequency decays at `theory_rate`.
    Raises InputError for a window with less than two times, or no frequency with anything to learn.
    """
    part = window(time, start, end)
    within, limit = time[part], problem.sites.nyquist
    if len(within) < 2:
        raise InputError(
            f"--from {time[0] if start is None else start:g} --to {time[-1] if end is None else end:g}: "
            f"{len(within)} of the output times lie there, and a rate needs two; the times are {_listed(time)}"
        )
    initial = spectra[REFERENCE][0]
    largest = np.linalg.norm(initial[:, learnable(mesh.frequency, initial, limit)], axis=0).max(initial=0.0)
    defined = learnable(mesh.frequency, spectra[REFERENCE][part.start], limit, least=floor * largest)
    if not defined.any():
        raise InputError(
            f"--floor {floor:g}: at t = {within[0]:g} no frequency of the finite elements has that much left of the "
            "largest at t = 0; give a lower floor, or an earlier --from"
        )
    spectra = {name: values[part] for name, values in spectra.items()}
    theory = theory_rate(problem, mesh.frequency)
    flow = spectra[REFERENCE][0] * np.exp(-theory * (within - within[0])[:, None, None])

    def rates(values: np.ndarray, where: np.ndarray, least: float, quiet: float) -> Rates:
        return _rates(within, values, where, floor=least, noise=quiet)

    def regions(kind: str, low: np.ndarray, high: np.ndarray, energy: Any) -> Regions:
        whole = energy(initial[None])[0]
        least, quiet = floor * np.sqrt(whole.max()), noise * np.sqrt(whole.sum())
        everywhere = np.ones(len(low), dtype=bool)
        measured = {
            name: rates(amplitude(energy(values)), everywhere, least, quiet) for name, values in spectra.items()
        }
        expected = mean_rate(within[[0, -1]], amplitude(energy(flow[[0, -1]])), floor=least)
        return Regions(kind, low, high, expected, measured)

    found = []
    if bands:
        edges = np.linspace(0, np.linalg.norm(mesh.frequency[defined], axis=1).max() * (1 + 1e-9), bands + 1)
        found.append(
            regions("band", edges[:-1], edges[1:], lambda values: band_energy(mesh, values, edges, limit=limit))
        )
    if count := DIRECTIONS[problem.dimension] if directions is None else directions:
        kind, low, high = _directions(problem.dimension, count)
        found.append(regions(kind, low, high, lambda values: direction_energy(mesh, values, count, limit=limit)))
    return Kappa(
        within,
        mesh.frequency,
        theory,
        {name: rates(values, defined, floor * largest, noise * largest) for name, values in spectra.items()},
        tuple(found),
        limit,
        attributes or {},
    )


def kappa_of(comparison: Comparison, problem: Problem) -> Kappa:
    """The rates over all times of a comparison; in one dimension by bands too."""
    bands = BANDS if problem.dimension == 1 else 0
    spectra = {"pde": comparison.pde, "nn": comparison.nn, **comparison.predictions}
    noise = comparison.attributes.get("tolerance", 0.0)
    return measure(
        comparison, comparison.time, spectra, problem, noise=noise, bands=bands, directions=0,
        attributes=comparison.attributes,
    )  # fmt: skip


def mean_rates(comparison: Comparison) -> dict[str, np.ndarray]:
    """`mean_rate` on the nodes over all times of a comparison, (n,) each, by source; the floor is FLOOR of the largest
    |v_pde(0)| within the Nyquist box, beyond which nothing is defined."""
    defined, least = _floor(comparison, comparison.pde[0], comparison.limit, FLOOR)
    spectra = {"pde": comparison.pde, "nn": comparison.nn, **comparison.predictions}
    rates = {name: mean_rate(comparison.time, values, floor=least) for name, values in spectra.items()}
    return {name: np.where(defined, rate, np.nan) for name, rate in rates.items()}


def _floor(mesh: OnMesh, initial: np.ndarray, limit: np.ndarray, floor: float) -> tuple[np.ndarray, float]:
    """Where v(0), (C, n), is at least the floor times its largest within the Nyquist box, and what that is."""
    inside = learnable(mesh.frequency, initial, limit)
    least = floor * float(np.linalg.norm(initial[:, inside], axis=0).max(initial=0.0))
    return learnable(mesh.frequency, initial, limit, least=least), least


def _rates(time: np.ndarray, error: np.ndarray, where: np.ndarray, *, floor: float, noise: float) -> Rates:
    """NaN elsewhere."""
    nowhere = np.full(error.shape[2], np.nan)
    fit = fitted_rate(time, error, floor=floor, noise=noise) if len(time) >= LEAST_TIMES else (nowhere, nowhere)
    found = (mean_rate(time, error, floor=floor), *fit, instant_rate(time, error, floor=floor))
    return Rates(*(np.where(where, rate, np.nan) for rate in found))


def _directions(dimension: int, count: int) -> tuple[str, np.ndarray, np.ndarray]:
    if dimension == 3:
        return "axis", np.arange(1.0, 4.0), np.arange(1.0, 4.0)
    middle = 180 / count * np.arange(count)
    return "sector", middle - 90 / count, middle + 90 / count


def _listed(time: np.ndarray) -> str:
    return ", ".join(f"{t:g}" for t in time) if len(time) <= 8 else f"{len(time)} from {time[0]:g} to {time[-1]:g}"
