"""The comparison of the network's spectrum with the finite-element solution, at the times both have, and with what
its kernels predict."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from freqbias.compare.comparison.causes import causes
from freqbias.compare.kappa import leakage
from freqbias.compare.spectra import MassNorm, match_positions, onto_mesh, solution_on_mesh
from freqbias.errors import InputError
from freqbias.numerics import Grid
from freqbias.problem import ErrorHistory, Problem, Spectrum, save_netcdf
from freqbias.runtime import version_of

SAME_TIME = 1e-9  # of the time itself


@dataclass(frozen=True)
class Comparison:
    """Both spectra on the mesh nodes at the common times, and their distances.

    time (T,) gradient-flow time; frequency (n, d) [cycles/length]; pde, nn (T, C, n) complex; cells, cell_type, degree:
    see `problem.Spectrum`. limit (d,): the Nyquist box |xi_i| <= limit_i [cycles/length], infinite for scattered
    samples. metrics: by name, (T,) each, taken within that box; see `compare`. predictions: spectra as pde and nn, by
    the name of the kernel's file. split: the causes among the metrics, with what each lies between (`freqbias.compare.comparison.causes`).
    initial (C, n): v_pde(0), where it is not the first of pde.
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
    split: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    initial: np.ndarray | None = None

    def save(self, path: Path) -> None:
        """Write `spectra.nc`: dims time, channel, node, axis, cell, local_node."""
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
        save_netcdf(path, variables, self.time, {**self.attributes, "cell_type": self.cell_type, "degree": self.degree})

    def save_metrics(self, path: Path) -> None:
        """Write `metrics.csv`: a header, and one row a time, with all digits."""
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["time", *self.metrics])
            table.writerows(
                [repr(float(value)) for value in row] for row in zip(self.time, *self.metrics.values(), strict=True)
            )


def compare(
    spectrum: Spectrum,
    history: ErrorHistory,
    problem: Problem,
    *,
    predictions: Mapping[str, ErrorHistory] | None = None,
    projection: str = "interpolation",
    threads: int = 1,
) -> Comparison:
    """Hold a network's errors against the finite-element solution of the same problem.

    predictions: of the same training by its kernels, under the names that the files of the stage ntk have. projection:
    "interpolation" or "l2", of all errors onto the mesh, and of the spectrum where it is the transform of errors.

    The norms are L2 norms of the mesh within the Nyquist box, channels added up as squares. metrics:

        relative_l2_error   ||v_nn - v_pde|| / ||v_nn||, NaN where v_nn is 0
        error_over_initial  ||v_nn - v_pde|| / ||v_pde(0)||
        norm_pde, norm_nn   ||v_pde||, ||v_nn||
        loss_nn             1/2 mean_j u_j^2, summed over channels
        loss_held_out       the same at the samples that are held out, where there are any
        loss_pde            the same of the finite-element solution, by `parseval_loss` where the spectrum has none

    and with predictions one for each cause of `freqbias.compare.comparison.causes`, the distance between its two sides over ||v_pde(0)||.

    The samples may come in any order, as long as they are those of problem.sites.
    Raises InputError where positions or channels are others, no time is common (nothing is interpolated), v_pde(0) is
    0, or a spectrum lacks its loss or errors where they are needed.
    """
    error = errors_in_order(history, problem)
    ours, theirs = common_times(spectrum.time, history.time)
    limit = problem.sites.nyquist
    norm = MassNorm(spectrum.frequency, spectrum.cells, spectrum.cell_type, spectrum.degree, limit=limit)
    project = partial(onto_mesh, sites=problem.sites, mesh=spectrum, projection=projection, threads=threads)
    solution = solution_on_mesh(spectrum, problem.sites, projection=projection, threads=threads)
    pde, nn = solution[ours], project(error[theirs])

    def total(values: np.ndarray) -> np.ndarray:
        """(..., C, n) -> (...): the norm of all channels together."""
        return np.linalg.norm(norm(values), axis=-1)

    distance, norm_pde, norm_nn, initial = total(nn - pde), total(pde), total(nn), total(solution[0])
    if not initial:
        raise InputError(
            "the spectrum starts at 0 on the whole mesh, so that there is no error over the start; "
            "the mesh must cover frequencies of the data"
        )
    metrics = {
        "relative_l2_error": np.divide(distance, norm_nn, out=np.full_like(norm_nn, np.nan), where=norm_nn > 0),
        "error_over_initial": distance / initial,
        "loss_pde": parseval_loss(norm_pde, problem.grid) if spectrum.loss is None else spectrum.loss[ours],
        "loss_nn": 0.5 * np.mean(error[theirs] ** 2, axis=-1).sum(axis=-1),
        "norm_pde": norm_pde,
        "norm_nn": norm_nn,
    }
    if history.held_out_loss is not None:
        metrics["loss_held_out"] = history.held_out_loss[theirs]
    predictions = predictions or {}
    settings = {key: spectrum.attributes[key] for key in ("operator", "tolerance") if key in spectrum.attributes}
    split = causes(
        predictions.keys(),
        dynamics=spectrum.attributes.get("dynamics", "flow"),
        operator=settings.get("operator", "data"),
    )
    kernels = {}
    for name in sorted({end for _, end in split.values()} - {"pde"}):
        predicted = _at(history.time[theirs], predictions[name], problem)
        kernels[name] = project(predicted)
    spectra = {"network": nn, "pde": pde, **kernels}
    metrics |= {cause: total(spectra[one] - spectra[other]) / initial for cause, (one, other) in split.items()}
    attributes = {"name": problem.name, "unit": problem.unit, "seed": problem.seed, "freqbias": version_of("freqbias")}
    attributes |= settings | provenance_of(history)
    if left := leakage(spectrum):
        attributes["leakage"] = left
    return Comparison(
        spectrum.time[ours],
        spectrum.frequency,
        pde,
        nn,
        spectrum.cells,
        spectrum.cell_type,
        spectrum.degree,
        limit,
        metrics,
        attributes,
        kernels,
        split,
        solution[0],
    )


def errors_in_order(history: ErrorHistory, problem: Problem) -> np.ndarray:
    """Its errors (T, C, N), in the order of the data's samples. Raises InputError where positions or channels are
    others."""
    channels, ours = history.error.shape[1], problem.samples.channels
    order = match_positions(history.position, problem.sites)
    if channels != ours:
        raise InputError(
            f"the network's errors have {channels} channels and the data {ours}; compare errors on the same data"
        )
    return history.error[:, :, order]


def _at(times: np.ndarray, prediction: ErrorHistory, problem: Problem) -> np.ndarray:
    """Its errors at these times; raises InputError where it lacks one."""
    which, found = common_times(times, prediction.time)
    if len(which) < len(times):
        raise InputError(f"a prediction has {_range(prediction.time)}, and not all of {_range(times)}; make it anew")
    return errors_in_order(prediction, problem)[found]


def provenance_of(history: ErrorHistory) -> dict[str, int]:
    """Width and depth of its network, where it says them: in a user's file they may be anything."""
    found = {key: history.attributes.get(key) for key in ("width", "depth")}
    return {key: int(number) for key, number in found.items() if isinstance(number, int | np.integer)}


def common_times(ours: np.ndarray, theirs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices into both of the times both have, each once and in order; raises InputError where there is none."""
    apart = np.abs(ours[:, None] - theirs)
    nearest, nearest_to_theirs = apart.argmin(axis=1), apart.argmin(axis=0)
    same = apart.min(axis=1) <= SAME_TIME * np.maximum(np.abs(ours), np.abs(theirs[nearest]))
    same &= nearest_to_theirs[nearest] == np.arange(len(ours))
    if not same.any():
        raise InputError(
            f"no time is common to the finite-element solution ({_range(ours)}) "
            f"and the network's errors ({_range(theirs)}); "
            "give errors at output times of the run file, since nothing is interpolated"
        )
    return np.flatnonzero(same), nearest[same]


def parseval_loss(norm: np.ndarray, grid: Grid) -> np.ndarray:
    """1/2 mean_j u_j^2 from ||v||, the norm of its spectrum over the Nyquist box; any shape.

    With v(xi) = mean_j u_j exp(-2 pi i xi.x_j) on a grid, integral over the box of |v|^2 = mean_j u_j^2 / prod extent.
    A mesh smaller than the box gives the part of the loss that it carries.
    """
    return 0.5 * grid.volume * norm**2


def _range(times: np.ndarray) -> str:
    return f"{len(times)} times from {times.min():g} to {times.max():g}"
