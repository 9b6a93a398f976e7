"""The loss of network and equation against the labels without noise."""

from collections.abc import Mapping

import numpy as np

from freqbias.problem import ErrorHistory, Problem, squared_loss

# Predictions that tell the part of the noise in a loss, the best first, for the network and for the equation.
NETWORK = ("empirical-steps", "empirical", "infinite-width-steps", "infinite-width")
EQUATION = {"flow": ("infinite-width",), "gradient-descent": ("infinite-width-steps",)}


def clean_loss_metrics(
    problem: Problem,
    errors: Mapping[str, np.ndarray],
    losses: Mapping[str, np.ndarray],
    predictions: Mapping[str, ErrorHistory],
    indices: Mapping[str, np.ndarray],
    *,
    dynamics: str,
) -> dict[str, np.ndarray]:
    """Return metrics for noisy labels, (T,) each.

        clean_loss_nn, clean_loss_pde   the expected loss without noise
        clean_loss_PREDICTION           the same of each prediction that contains it
        true_clean_loss_nn, ..._pde     the loss without noise, if the program has added all noise of the labels

    The expected loss of network and equation is their loss plus what the noise adds to the expected loss of a
    prediction (`freqbias.nn.noise_response`): for the network that by its own kernel, for the equation that by the
    kernel at infinite width.
    errors, losses: u (T, C, N) and the losses (T,) of "nn" and "pde", where known. predictions: by name. indices: the
    compared times of each prediction. dynamics: that of the equation.
    """
    parts, metrics = dict[str, np.ndarray](), dict[str, np.ndarray]()
    for name, each in sorted(predictions.items()):
        if each.noise is not None:
            parts[name] = (each.noise.clean_loss - each.loss)[indices[name]]
            metrics[f"clean_loss_{name.replace('-', '_')}"] = each.noise.clean_loss[indices[name]]
    for source, names in {"nn": NETWORK, "pde": EQUATION.get(dynamics, ())}.items():
        if source in losses and (found := [name for name in names if name in parts]):
            metrics[f"clean_loss_{source}"] = losses[source] + parts[found[0]]
    if problem.noise is not None and problem.noise.clean_is_known:
        for source, error in errors.items():
            metrics[f"true_clean_loss_{source}"] = squared_loss(error + problem.noise.added)
    return metrics
