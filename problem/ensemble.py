"""Predictions for several members of a random ensemble: draws of the network, or sequences of minibatches."""

from dataclasses import dataclass

import numpy as np

from freqbias.problem.loss import squared_loss


@dataclass(frozen=True)
class Ensemble:
    """The errors u of n members, as a kernel predicts them.

    time: (T,). error: on the training samples, (n, T, C, N). held_out_error: on the held-out samples, (n, T, C, N'), or
    None. Both errors are in single precision, and in the order of the problem's samples.
    """

    time: np.ndarray
    error: np.ndarray
    held_out_error: np.ndarray | None

    @property
    def loss(self) -> np.ndarray:
        """Half the mean square of the error, summed over channels, (n, T)."""
        return squared_loss(self.error.astype(float))

    @property
    def held_out_loss(self) -> np.ndarray | None:
        """Half the mean square of the held-out error, summed over channels, (n, T); None without held-out samples."""
        return None if self.held_out_error is None else squared_loss(self.held_out_error.astype(float))
