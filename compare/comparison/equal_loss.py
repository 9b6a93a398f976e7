"""Match a training with the equation at equal loss. For example, the time of Adam is not that of the equation."""

import numpy as np

from freqbias.errors import InputError
from freqbias.runtime import log

CLOSE = 0.1  # largest relative difference of two equal losses
SHOWN = 5  # losses in a message


def equal_losses(pde_loss: np.ndarray, nn_loss: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of output times and of records with the same loss, within `CLOSE`, in order.

    pde_loss: the decreasing loss of the equation, (T,). nn_loss: the loss of the training at its records, (R,).
    For each output time, the record is the first that has reached the loss of the equation, or the one before if that
    is closer. A training may be noisy, so a later record may lie closer by chance.
    A warning names the losses of the equation without a record. Raises InputError if no loss but the first has one.
    """
    pde, nn = list[int](), list[int]()
    log_nn, tiny = np.log(np.maximum(nn_loss, np.finfo(float).tiny)), np.finfo(float).tiny
    for k, loss in enumerate(np.log(np.maximum(pde_loss, tiny))):
        reached = np.flatnonzero(log_nn <= loss)
        first = int(reached[0]) if reached.size else len(nn_loss) - 1
        nearest = min((first, max(first - 1, 0)), key=lambda j: abs(log_nn[j] - loss))
        if abs(log_nn[nearest] - loss) <= np.log(1 + CLOSE):
            pde.append(k)
            nn.append(nearest)
    if not any(pde):
        raise InputError(
            f"--match loss: the training has the losses {_listed(nn_loss)}, and the equation {_listed(pde_loss)}; but "
            f"for the start, no two are within {100 * CLOSE:.0f} % of each other; record the errors more often, or "
            "choose [time] times at which the equation has the losses of the training"
        )
    missing = np.delete(pde_loss, pde)
    if missing.size:
        beyond = (missing > nn_loss.max()) | (missing < nn_loss.min())
        remedy = "the training did not have such losses" if beyond.all() else "record the errors more often"
        log.warning(
            "compare: losses of the equation that no record has, within %.0f %%, are left out: %s; %s",
            100 * CLOSE, _listed(missing), remedy,
        )  # fmt: skip
    return np.array(pde), np.array(nn)


def _listed(loss: np.ndarray) -> str:
    shown = ", ".join(f"{each:.3g}" for each in loss[:SHOWN])
    return shown if len(loss) <= SHOWN else f"{shown}, ... {loss[-1]:.3g}"
