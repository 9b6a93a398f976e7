"""The held-out loss and the loss without noise over time, in words, and the best time to stop."""

import numpy as np

from freqbias.problem.loss import psnr, squared_loss
from freqbias.problem.noise_prediction import NoisePrediction
from freqbias.problem.samples import Samples

RISE = 0.05  # relative rise of the held-out loss after its minimum, above which users are warned


def held_out_in_words(samples: Samples, time: np.ndarray, error: np.ndarray) -> str:
    """Return the held-out loss at the start, at the end and where it is least, with the peak signal-to-noise ratio.

    samples: the held-out samples. time: (T,). error: u on these samples, (T, C, N').
    """
    loss, ratio = squared_loss(error), psnr(samples.prediction(error), samples.restore(samples.values))
    best = int(loss.argmin())
    words = f"held-out loss {loss[0]:.3g} -> {loss[-1]:.3g}{_psnr(ratio[-1])}"
    return (
        words
        if best == len(time) - 1
        else f"{words}, least {loss[best]:.3g}{_psnr(ratio[best])} at t = {time[best]:.4g}"
    )


def held_out_warning(time: np.ndarray, error: np.ndarray) -> str | None:
    """Return a warning if the held-out loss rises again by more than RISE. Arguments as in `held_out_in_words`."""
    loss = squared_loss(error)
    best = int(loss.argmin())
    if loss[-1] <= (1 + RISE) * loss[best]:
        return None
    if best == 0:
        return (
            f"the held-out loss rises from the start, from {loss[0]:.3g} to {loss[-1]:.3g}; use a narrower [density], "
            "other weights in the loss, or a later [time] end"
        )
    return (
        f"the held-out loss rises again, from {loss[best]:.3g} at t = {time[best]:.4g} to {loss[-1]:.3g} at t = "
        f"{time[-1]:.4g}; stop the training earlier with [time] end, or use a narrower [density]"
    )


def clean_loss_in_words(time: np.ndarray, noise: NoisePrediction, scale: np.ndarray) -> str:
    """Return the noise level, and the expected loss without noise at the start, at the end and where it is least.

    Its standard deviation is that where it is least. time: (T,). scale: `Normalisation.value_scale`, (C,), for the
    level in the units of the user.
    """
    loss, levels = noise.clean_loss, dict.fromkeys(f"{level:.3g}" for level in noise.noise_level * scale)
    best = int(loss.argmin())
    words = f"with noise of standard deviation {', '.join(levels)} in the labels, the expected loss without noise is "
    words += f"{loss[0]:.3g} -> {loss[-1]:.3g}"
    if best < len(time) - 1:
        words += f", least {loss[best]:.3g} at t = {time[best]:.4g}"
    deviation = noise.clean_loss_standard_deviation
    return words if deviation is None else f"{words}, standard deviation {deviation[best]:.2g}"


def clean_loss_warning(time: np.ndarray, noise: NoisePrediction) -> str | None:
    """Return a warning if the expected loss without noise rises again by more than RISE.

    The rise is relative to the least loss, or to the loss of the noise itself, which limits the accuracy of the
    estimate. time: (T,).
    """
    loss = noise.clean_loss
    best = int(loss.argmin())
    if loss[-1] - loss[best] <= RISE * max(loss[best], noise.noise_loss):
        return None
    return (
        f"the training learns the noise of the labels: the expected loss without noise rises again, from "
        f"{loss[best]:.3g} at t = {time[best]:.4g} to {loss[-1]:.3g} at t = {time[-1]:.4g}; stop the training earlier "
        "with [time] end, or use a narrower [density]"
    )


def _psnr(ratio: float) -> str:
    return f" (PSNR {ratio:.1f} dB)" if np.isfinite(ratio) else ""
