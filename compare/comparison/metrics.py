"""The distance between the network's spectrum and the finite-element solution, and its split by the predictions of the
network's kernels."""

from collections.abc import Mapping
from functools import partial

import numpy as np

from freqbias.compare.comparison.causes import causes
from freqbias.compare.comparison.record import Comparison, network_attributes
from freqbias.compare.spectra import MassNorm, errors_on_mesh, leakage, match_positions, solution_on_mesh
from freqbias.errors import InputError
from freqbias.numerics import Grid
from freqbias.problem import ErrorHistory, Problem, Spectrum, squared_loss
from freqbias.runtime import version_of

TIME_TOLERANCE = 1e-9  # relative


def compare(
    spectrum: Spectrum,
    history: ErrorHistory,
    problem: Problem,
    *,
    predictions: Mapping[str, ErrorHistory] | None = None,
    projection: str = "interpolation",
    threads: int = 1,
) -> Comparison:
    """Compare a network's errors with the finite-element solution of the same problem.

    The history may have its samples in any order, but they must be those of problem.sites. predictions: of the same
    training by the network's kernels, by the names of their files in the stage ntk. projection: "interpolation" or
    "l2", onto the mesh, of all errors and of a spectrum that is the transform of errors.

    All norms are L2 norms of the mesh within the Nyquist box; the squares of channels add up. metrics:

        relative_l2_error   ||v_nn - v_pde|| / ||v_nn||, NaN if v_nn is 0
        error_over_initial  ||v_nn - v_pde|| / ||v_pde(0)||
        norm_pde, norm_nn   ||v_pde||, ||v_nn||
        loss_nn             1/2 mean_j u_j^2, summed over channels
        loss_held_out       the same on the held-out samples, if there are any
        loss_pde            the same of the finite-element solution, by `parseval_loss` if the spectrum has no loss

    With predictions there is one more for each cause of `freqbias.compare.comparison.causes`: the distance between its
    two neighbours over ||v_pde(0)||.

    Raises InputError if positions or channels differ, no time is common (nothing is interpolated), v_pde(0) is 0, a
    prediction lacks a time, or the projection needs errors that the spectrum does not hold.
    """
    error = errors_in_order(history, problem)
    pde_index, nn_index = common_times(spectrum.time, history.time)
    limit = problem.sites.nyquist
    norm = MassNorm(spectrum.frequency, spectrum.cells, spectrum.cell_type, spectrum.degree, limit=limit)
    project = partial(errors_on_mesh, sites=problem.sites, mesh=spectrum, projection=projection, threads=threads)
    solution = solution_on_mesh(spectrum, problem.sites, projection=projection, threads=threads)
    pde, nn = solution[pde_index], project(error[nn_index])

    def total(values: np.ndarray) -> np.ndarray:
        """The norm over all channels, (..., C, n) -> (...)."""
        return np.linalg.norm(norm(values), axis=-1)

    distance, norm_pde, norm_nn, norm_initial = total(nn - pde), total(pde), total(nn), total(solution[0])
    if not norm_initial:
        raise InputError(
            "the spectrum starts at 0 on the whole mesh, so there is no error over the start; "
            "the mesh must cover frequencies of the data"
        )
    metrics = {
        "relative_l2_error": np.divide(distance, norm_nn, out=np.full_like(norm_nn, np.nan), where=norm_nn > 0),
        "error_over_initial": distance / norm_initial,
        "loss_pde": parseval_loss(norm_pde, problem.grid) if spectrum.loss is None else spectrum.loss[pde_index],
        "loss_nn": squared_loss(error[nn_index]),
        "norm_pde": norm_pde,
        "norm_nn": norm_nn,
    }
    if history.held_out_loss is not None:
        metrics["loss_held_out"] = history.held_out_loss[nn_index]

    predictions = predictions or {}
    settings = {key: spectrum.attributes[key] for key in ("operator", "tolerance") if key in spectrum.attributes}
    neighbours = causes(
        predictions.keys(),
        dynamics=spectrum.attributes.get("dynamics", "flow"),
        operator=settings.get("operator", "data"),
    )
    kernels = {
        name: project(_prediction_at(history.time[nn_index], predictions[name], problem))
        for name in sorted({end for _, end in neighbours.values()} - {"pde"})
    }
    spectra = {"network": nn, "pde": pde, **kernels}
    metrics |= {cause: total(spectra[a] - spectra[b]) / norm_initial for cause, (a, b) in neighbours.items()}

    attributes = {"name": problem.name, "unit": problem.unit, "seed": problem.seed, "freqbias": version_of("freqbias")}
    attributes |= settings | network_attributes(history)
    if size := leakage(spectrum):
        attributes["leakage"] = size
    return Comparison(
        spectrum.time[pde_index],
        spectrum.frequency,
        pde,
        nn,
        spectrum.cells,
        spectrum.cell_type,
        spectrum.degree,
        limit,
        metrics,
        attributes,
        predictions=kernels,
        causes=neighbours,
        initial=solution[0],
    )


def errors_in_order(history: ErrorHistory, problem: Problem) -> np.ndarray:
    """The errors (T, C, N) of a history, in the order of the problem's samples.

    Raises InputError if positions or channels differ.
    """
    channels, expected = history.error.shape[1], problem.samples.channels
    order = match_positions(history.position, problem.sites)
    if channels != expected:
        raise InputError(
            f"the network's errors have {channels} channels and the data {expected}; compare errors on the same data"
        )
    return history.error[:, :, order]


def _prediction_at(time: np.ndarray, prediction: ErrorHistory, problem: Problem) -> np.ndarray:
    """The predicted errors at these times; raises InputError if one is missing."""
    found, index = common_times(time, prediction.time)
    if len(found) < len(time):
        raise InputError(
            f"a prediction has {_range(prediction.time)}, and not all of {_range(time)}; "
            "predict again with `freqbias ntk RUN.toml --overwrite`"
        )
    return errors_in_order(prediction, problem)[index]


def common_times(pde_time: np.ndarray, nn_time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The indices in both arrays of the times they have in common to rounding, each time once, in order.

    Raises InputError if there are none.
    """
    gap = np.abs(pde_time[:, None] - nn_time)
    nearest_nn, nearest_pde = gap.argmin(axis=1), gap.argmin(axis=0)
    same = gap.min(axis=1) <= TIME_TOLERANCE * np.maximum(np.abs(pde_time), np.abs(nn_time[nearest_nn]))
    same &= nearest_pde[nearest_nn] == np.arange(len(pde_time))
    if not same.any():
        raise InputError(
            f"no time is common to the finite-element solution ({_range(pde_time)}) and the network's errors "
            f"({_range(nn_time)}); give errors at output times of the run file: nothing is interpolated"
        )
    return np.flatnonzero(same), nearest_nn[same]


def parseval_loss(norm: np.ndarray, grid: Grid) -> np.ndarray:
    """1/2 mean_j u_j^2 from ||v||, the norm over the Nyquist box of the spectrum v; any shape.

    v(xi) = mean_j u_j exp(-2 pi i xi.x_j) on a grid has integral over the box of |v|^2 = mean_j u_j^2 / prod extent.
    A mesh smaller than the box gives only the part of the loss inside it.
    """
    return 0.5 * grid.volume * norm**2


def _range(time: np.ndarray) -> str:
    return f"{len(time)} times from {time.min():g} to {time.max():g}"
