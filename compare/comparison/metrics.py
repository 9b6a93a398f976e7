"""Measure the distance between the network's spectrum and the finite-element solution, and its causes."""

from collections.abc import Mapping
from functools import partial
from typing import Literal

import numpy as np

from freqbias.compare.comparison.causes import causes
from freqbias.compare.comparison.clean_loss import clean_loss_metrics
from freqbias.compare.comparison.draw_band import band_metrics, draw_band, report
from freqbias.compare.comparison.equal_loss import equal_losses
from freqbias.compare.comparison.held_out import held_out_errors, held_out_metrics
from freqbias.compare.comparison.learned import Learned
from freqbias.compare.comparison.minibatch_band import minibatch_band
from freqbias.compare.comparison.record import Comparison, network_attributes
from freqbias.compare.comparison.start_check import check_start
from freqbias.compare.comparison.times import common_times
from freqbias.compare.spectra import MassNorm, errors_on_mesh, leakage, solution_on_mesh
from freqbias.errors import InputError
from freqbias.numerics import Sites, check_kind
from freqbias.problem import (
    Draws,
    ErrorHistory,
    MinibatchErrors,
    Problem,
    Spectrum,
    errors_in_order,
    match_times,
    squared_loss,
)
from freqbias.runtime import version_of


def compare(
    spectrum: Spectrum,
    history: ErrorHistory,
    problem: Problem,
    *,
    predictions: Mapping[str, ErrorHistory] | None = None,
    draws: Draws | None = None,
    minibatches: MinibatchErrors | None = None,
    projection: str = "interpolation",
    threads: int = 1,
    match: Literal["time", "loss"] = "time",
) -> Comparison:
    """Compare a network's errors with the finite-element solution of the same problem.

    history: the network's errors at the samples of problem.sites, in any order.
    predictions: the errors that kernels predict for the same training, by the names of their files in the stage ntk.
    draws: the predictions for several draws of the network. metrics then contains the ends of the bands of the losses,
    loss_low, loss_high and loss_held_out_low, loss_held_out_high, and whether the network lies inside, loss_in_band and
    loss_held_out_in_band (1 or 0), and feature_learning_over_spread of `problem.Draws`. `Comparison.band` also has the
    errors in bands of |xi|.
    minibatches: the predictions for other minibatches. metrics then contains minibatch_loss_low, ..._high and
    ..._in_band, and the same of minibatch_loss_held_out. `Comparison.minibatches` also has the errors in bands of |xi|.
    projection: "interpolation" or "l2". This is the projection of all errors onto the mesh. The finite-element solution
    is projected as well if it is a transform of errors.

    match: "time" compares errors and solution at equal time, "loss" at equal loss
    (`freqbias.compare.comparison.equal_loss`), for trainings such as Adam's, whose time is not that of the equation.
    The times of the comparison are those of the equation; metrics has those of the errors as time_nn.

    All norms are L2 norms on the mesh within the Nyquist box, and squared norms are summed over channels. metrics:

        relative_l2_error   ||v_nn - v_pde|| / ||v_nn||; NaN if v_nn is 0
        error_over_initial  ||v_nn - v_pde|| / ||v_pde(0)||
        time_nn             the time of the network's errors, only with match = "loss"
        norm_pde, norm_nn   ||v_pde||, ||v_nn||
        loss_nn             loss 1/2 mean_j u_j^2 of the network's errors u, summed over channels
        loss_pde            loss of the finite-element solution; by `parseval_loss` if the spectrum has no loss
        psnr_nn, psnr_pde   for training samples on a grid, `psnr` of what network and equation have learnt, in the
                            user's units
        ssim_nn, ssim_pde   `ssim` of the same, for images of at least 7 x 7 samples without held-out samples

    Warns if times are left out, because only one of errors and finite-element solution has them, and if the errors do
    not start where the equation does.

    If samples are held out, metrics also contains `freqbias.compare.comparison.held_out.held_out_metrics`, and
    psnr_held_out_nn and psnr_held_out_pde for samples on a grid.

    If the labels have noise, metrics also contains `freqbias.compare.comparison.clean_loss.clean_loss_metrics`.

    With predictions, metrics also contains each cause of `freqbias.compare.comparison.causes`: the distance between the
    cause's two neighbouring spectra, divided by ||v_pde(0)||.

    Raises InputError if

        - positions or channels of errors and data differ;
        - the errors at t = 0 have the opposite sign;
        - errors and finite-element solution have no time in common but t = 0 (compare does not interpolate in time);
        - v_pde(0) is 0;
        - errors and finite-element solution have no loss in common but the first, with match = "loss";
        - predictions, draws or minibatches are given with match = "loss", because they have times of their own;
        - a prediction lacks a time that errors and finite-element solution have in common;
        - the projection needs errors on the samples that the spectrum does not contain.
    """
    remedy = "compare(spectrum, history, problem), such as compare(pde.solve(problem), nn.train(problem), problem)"
    for name, value, kind in (
        ("spectrum", spectrum, Spectrum), ("history", history, ErrorHistory), ("problem", problem, Problem),
    ):  # fmt: skip
        check_kind(f"compare: {name}", value, kind, remedy=remedy)
    error = errors_in_order(history, problem.samples)
    check_start(error, history, problem, spectrum)
    if match not in ("time", "loss"):
        raise InputError(f'compare: match = {match!r}; use "time" or "loss"')
    if match == "loss" and (predictions or draws is not None or minibatches is not None):
        raise InputError('compare: match = "loss" compares errors only; leave out predictions, draws and minibatches')
    limit = problem.sites.nyquist
    norm = MassNorm(spectrum.frequency, spectrum.cells, spectrum.cell_type, spectrum.degree, limit=limit)
    project = partial(errors_on_mesh, sites=problem.sites, mesh=spectrum, projection=projection, threads=threads)
    solution = solution_on_mesh(spectrum, problem.sites, projection=projection, threads=threads)

    def total(values: np.ndarray) -> np.ndarray:
        """Return the norm over all channels, (..., C, n) -> (...)."""
        return np.linalg.norm(norm(values), axis=-1)

    loss = parseval_loss(total(solution), problem.sites) if spectrum.loss is None else spectrum.loss
    if match == "loss":
        pde_index, nn_index = equal_losses(loss, squared_loss(error))
    else:
        pde_index, nn_index = common_times(spectrum.time, history.time)
    pde, nn = solution[pde_index], project(error[nn_index])
    distance, norm_pde, norm_nn, norm_initial = total(nn - pde), total(pde), total(nn), total(solution[0])
    if not norm_initial:
        raise InputError(
            "the finite-element solution starts at 0 on the whole mesh, so no error relative to v(0) is defined; "
            "use a mesh that contains frequencies of the data"
        )
    metrics = {
        "relative_l2_error": np.divide(distance, norm_nn, out=np.full_like(norm_nn, np.nan), where=norm_nn > 0),
        "error_over_initial": distance / norm_initial,
        "loss_pde": loss[pde_index],
        "loss_nn": squared_loss(error[nn_index]),
        "norm_pde": norm_pde,
        "norm_nn": norm_nn,
    }
    if match == "loss":
        metrics["time_nn"] = history.time[nn_index]
    predictions = predictions or {}
    indices = {"nn": nn_index, "pde": pde_index}
    indices |= {name: _times_of(history.time[nn_index], each) for name, each in predictions.items()}
    held_out = held_out_errors(problem, history, spectrum, predictions, indices)

    solved = None if spectrum.sample_error is None else spectrum.sample_error[pde_index]
    errors = {"nn": error[nn_index]} | ({} if solved is None else {"pde": solved})
    losses = {name: metrics[f"loss_{name}"] for name in ("nn", "pde")}
    dynamics = spectrum.attributes.get("dynamics", "flow")
    metrics |= clean_loss_metrics(problem, errors, losses, predictions, indices, dynamics=dynamics)
    learned = Learned.on_grid(problem, spectrum.time[pde_index], {"nn": error[nn_index], "pde": solved}, held_out)
    if learned is not None:
        metrics |= learned.metrics()

    kept = ("operator", "tolerance", "shift")
    settings = {key: spectrum.attributes[key] for key in kept if key in spectrum.attributes}
    neighbours = causes(
        predictions.keys(),
        dynamics=dynamics,
        operator=settings.get("operator", "data"),
    )
    kernels = {
        name: project(errors_in_order(predictions[name], problem.samples)[indices[name]])
        for name in sorted({end for _, end in neighbours.values()} - {"pde"})
    }
    spectra = {"network": nn, "pde": pde, **kernels}
    metrics |= {cause: total(spectra[a] - spectra[b]) / norm_initial for cause, (a, b) in neighbours.items()}
    metrics |= held_out_metrics(held_out, neighbours)
    band = None
    if draws is not None:
        band = draw_band(draws, history.time[nn_index], project, spectrum, (solution[0], pde, nn), limit)
        metrics |= band_metrics(band, metrics)
        report(band, metrics, spectrum.time[pde_index])
    others = None
    if minibatches is not None:
        others = minibatch_band(minibatches, history.time[nn_index], project, spectrum, (solution[0], pde, nn), limit)
        metrics |= others.metrics(metrics)

    attributes = {"name": problem.name, "unit": problem.unit, "seed": problem.seed, "freqbias": version_of("freqbias")}
    attributes |= settings | network_attributes(history) | ({"match": match} if match == "loss" else {})
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
        learned=learned,
        band=band,
        minibatches=others,
    )


def _times_of(time: np.ndarray, prediction: ErrorHistory) -> np.ndarray:
    """Return the indices of these times in a prediction. Raises InputError if the prediction lacks one of the times."""
    found, index = match_times(time, prediction.time)
    if len(found) < len(time):
        raise InputError(
            f"a prediction has {_range(prediction.time)}, but the comparison needs {_range(time)}; "
            "predict again with `freqbias ntk RUN.toml --overwrite`"
        )
    return index


def parseval_loss(norm: np.ndarray, sites: Sites) -> np.ndarray:
    """Return the loss 1/2 mean_j u_j^2, in the shape of norm.

    norm: ||v||, the norm of the spectrum v over the Nyquist box, of any shape.
    For N samples on a grid or on a part of a grid, v(xi) = mean_j u_j exp(-2 pi i xi.x_j) satisfies

        integral over the box of |v|^2 dxi = mean_j u_j^2 / (N cell volume).

    If the mesh is smaller than the box, the result is only the part of the loss at the frequencies of the mesh.
    Raises InputError for scattered samples.
    """
    if sites.lattice is None:
        raise InputError(
            "the spectrum has no loss, and Parseval's identity does not give the loss of scattered samples; compute "
            "the spectrum again with `freqbias pde RUN.toml --overwrite`"
        )
    return 0.5 * norm**2 / sites.closest_density


def _range(time: np.ndarray) -> str:
    return f"{len(time)} times from {time.min():g} to {time.max():g}"
