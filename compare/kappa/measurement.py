"""Measure the frequency learning rates of a result, on the nodes and by region, and compute the theory."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from freqbias.compare.comparison import Comparison
from freqbias.compare.kappa.estimators import (
    FLOOR,
    MIN_FIT_TIMES,
    fitted_rate,
    instant_rate,
    mean_rate,
    theory_rate,
    window,
)
from freqbias.compare.kappa.rates import REFERENCE, Kappa, Rates, Regions
from freqbias.compare.spectra import (
    FrequencyMesh,
    amplitude,
    energy_in_bands,
    energy_in_directions,
    has_signal,
    signal_floor,
)
from freqbias.errors import InputError
from freqbias.numerics import decayed
from freqbias.problem import Problem, SobolevLoss, counted

BANDS, DIRECTIONS = 12, {1: 0, 2: 4, 3: 3}  # by dimension


def measure(
    mesh: FrequencyMesh,
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
    shift: float = 0.0,
    attributes: Mapping[str, Any] | None = None,
) -> Kappa:
    """Measure the learning rates of spectra at the nodes of a mesh, in bands and in directions.

    time (T,). spectra: v (T, C, n) on the nodes, by source; one source is "pde".
    start, end: the time window; None for no bound.
    initial: v_pde(0) (C, n). None if the first time is 0.
    floor: a rate is defined where |v_pde| at the start of the window is at least floor times the largest |v_pde(0)|. In
    bands and directions, floor is relative to the largest initial amplitude. None for FLOOR, or more if the leakage
    requires a larger floor.
    noise: the size of the errors of v. At every frequency, this size is relative to the largest |v_pde(0)|. For the
    norm over all frequencies, the size is relative to ||v_pde(0)||.
    leakage: see `freqbias.compare.spectra.signal.leakage`.
    bands: the number of bands of |xi|, which have equal widths and end at the largest |xi| with a rate. In more than
    one dimension, this |xi| may lie in the corners of the Nyquist box.
    directions: the number of directions; None for DIRECTIONS, 0 for no directions.
    shift: as for `theory_rate`.
    attributes: attributes of the result, to which floor and noise are added.
    Raises InputError for fewer than two times, in total or in the window, and if no frequency reaches the floor.
    """
    if len(time) < 2:
        raise InputError(
            f"the errors share only one output time, t = {time[0]:g}, but a rate needs at least two; give errors at "
            "more of the run file's output times"
        )
    part = window(time, start, end)
    within, limit = time[part], problem.sites.nyquist
    if len(within) < 2:
        raise InputError(
            f"--from {time[0] if start is None else start:g} --to {time[-1] if end is None else end:g}: "
            f"this window contains {counted(len(within), 'output time')}, but a rate needs at least two; choose a "
            f"window that contains at least two of the output times, which are {_listed(time)}"
        )
    initial = spectra[REFERENCE][0] if initial is None else initial
    largest = np.linalg.norm(initial[:, has_signal(mesh.frequency, initial, limit)], axis=0).max(initial=0.0)
    if floor is None:
        floor = signal_floor(largest, leakage, FLOOR) / largest if largest else FLOOR
    defined = has_signal(mesh.frequency, spectra[REFERENCE][part.start], limit, floor=floor * largest)
    if not defined.any():
        raise InputError(
            f"--floor {floor:g}: at t = {within[0]:g}, |v| of the finite elements is below this fraction of the "
            "largest |v(0)| at every frequency; give a lower --floor or an earlier --from"
        )
    spectra = {name: values[part] for name, values in spectra.items()}
    theory = theory_rate(problem, mesh.frequency, shift=shift)
    remaining = decayed(within, theory, problem.decay.rate)
    theory_spectrum = spectra[REFERENCE][0] * (remaining / remaining[0])[:, None]

    def regions(kind: str, low: np.ndarray, high: np.ndarray, energy: Callable[[np.ndarray], np.ndarray]) -> Regions:
        initial_energy = energy(initial[None])[0]
        volume = energy(np.ones_like(initial[None, :1]))[0]
        least = floor * np.sqrt(initial_energy.max())
        region_noise = noise * np.sqrt(np.minimum(largest**2 * volume, initial_energy.sum()))
        measured = {
            name: _rates(within, amplitude(energy(values)), floor=least, noise=region_noise)
            for name, values in {"theory": theory_spectrum, **spectra}.items()
        }
        return Regions(kind, low, high, measured.pop("theory"), measured)

    all_regions = []
    if bands:
        edges = np.linspace(0, np.linalg.norm(mesh.frequency[defined], axis=1).max() * (1 + 1e-9), bands + 1)
        all_regions.append(regions("band", edges[:-1], edges[1:], energy_in_bands(mesh, edges, limit=limit)))
    if count := DIRECTIONS[problem.dimension] if directions is None else directions:
        kind, low, high = _directions(problem.dimension, count)
        all_regions.append(regions(kind, low, high, energy_in_directions(mesh, count, limit=limit)))
    measured = {
        name: _rates(within, values, defined=defined, floor=floor * largest, noise=noise * largest)
        for name, values in spectra.items()
    }
    attributes = {**(attributes or {}), "floor": floor, "noise": noise}
    if isinstance(problem.loss, SobolevLoss):
        attributes["order"] = problem.loss.order
    if shift:
        attributes["shift"] = shift
    return Kappa(within, mesh.frequency, mesh.cells, theory, measured, tuple(all_regions), limit, attributes)


def comparison_rates(comparison: Comparison, problem: Problem, *, floor: float | None = None, bands: int = 0) -> Kappa:
    """Measure the rates over all times of a comparison, without directions."""
    attributes = comparison.attributes
    return measure(
        comparison, comparison.time, {"pde": comparison.pde, "nn": comparison.nn, **comparison.predictions}, problem,
        initial=comparison.initial, floor=floor, noise=attributes.get("tolerance", 0.0),
        leakage=attributes.get("leakage", 0.0), bands=bands, directions=0, shift=attributes.get("shift", 0.0),
        attributes=attributes,
    )  # fmt: skip


def _rates(
    time: np.ndarray,
    error: np.ndarray,
    *,
    floor: float,
    noise: float | np.ndarray,
    defined: np.ndarray | bool = True,
) -> Rates:
    """Compute all estimates of the rates of error (T, C, n). They are NaN where `defined` (n,) is False."""
    nowhere = np.full(error.shape[2], np.nan)
    fit = fitted_rate(time, error, floor=floor, noise=noise) if len(time) >= MIN_FIT_TIMES else (nowhere, nowhere)
    mean, instant = (rate(time, error, floor=floor, noise=noise) for rate in (mean_rate, instant_rate))
    return Rates(*(np.where(defined, values, np.nan) for values in (mean, *fit, instant)))


def _directions(dimension: int, count: int) -> tuple[str, np.ndarray, np.ndarray]:
    """Return kind, low and high of the directions, as in `Regions`."""
    if dimension == 3:
        return "axis", np.arange(1.0, 4.0), np.arange(1.0, 4.0)
    middle = 180 / count * np.arange(count)
    return "sector", middle - 90 / count, middle + 90 / count


def _listed(time: np.ndarray) -> str:
    return ", ".join(f"{t:g}" for t in time) if len(time) <= 8 else f"{len(time)} from {time[0]:g} to {time[-1]:g}"
