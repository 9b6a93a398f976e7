"""The comparison on the held-out samples: losses, and the causes of the distance between network and equation."""

from collections.abc import Mapping

import numpy as np

from freqbias.problem import ErrorHistory, Problem, Spectrum, Targets, match_positions, squared_loss


def held_out_errors(
    problem: Problem,
    history: ErrorHistory,
    spectrum: Spectrum,
    predictions: Mapping[str, ErrorHistory],
    indices: Mapping[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """Return the errors (T, C, N') on the held-out samples of the problem, for each source that has them.

    The sources are "nn", "pde", and the predictions by name. indices: the compared times of each source.
    """
    records: dict[str, Targets] = {"nn": history, "pde": spectrum, **predictions}
    if problem.held_out is None:
        return {}
    found = {}
    for name, record in records.items():
        if record.held_out_error is not None and record.held_out_position is not None and name in indices:
            order = match_positions(record.held_out_position, problem.held_out.sites)
            found[name] = record.held_out_error[indices[name]][..., order]
    return found


def held_out_metrics(
    errors: Mapping[str, np.ndarray], neighbours: Mapping[str, tuple[str, str]]
) -> dict[str, np.ndarray]:
    """Return metrics on the held-out samples, (T,) each.

        loss_held_out           loss 1/2 mean_j u_j^2 of the network, summed over channels
        loss_held_out_SOURCE    the same of the equation ("pde") and of each prediction
        held_out_CAUSE          the distance between the cause's two neighbours, relative to |u(0)| of the network

    errors: u by source. neighbours: as `freqbias.compare.comparison.causes.causes` returns them.
    """
    metrics = {
        "loss_held_out" if name == "nn" else f"loss_held_out_{name.replace('-', '_')}": squared_loss(error)
        for name, error in errors.items()
    }
    if "nn" not in errors or not (start := float(np.linalg.norm(errors["nn"][0]))):
        return metrics
    for cause, pair in neighbours.items():
        one, other = (errors.get("nn" if name == "network" else name) for name in pair)
        if one is not None and other is not None:
            metrics[f"held_out_{cause}"] = np.linalg.norm(one - other, axis=(1, 2)) / start
    return metrics
