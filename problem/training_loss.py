"""The losses that a network can minimise.

    L = 1/(2N) sum_c u_c . P u_c,    u = f - f* on the N samples, (C, N),

with a symmetric matrix P, (N, N), which stands between the kernel and the error: the gradient flow is

    du/dt = -K P u,    K u = mean_j K(x, x_j) u(x_j),

and a position y learns f(y, t) = f(y, 0) - K(y, X) w, with w the integral of P u over time. In the inner product of P
the operator K P is symmetric, so what holds for P = 1 holds in this inner product (`numerics.Metric`).
Source: Yu, Yang, Townsend, Tuning frequency bias in neural network training with nonuniform data, ICLR 2023.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import isfinite

import numpy as np

from freqbias.errors import InputError
from freqbias.numerics import EUCLIDEAN, Metric
from freqbias.problem.laws import Laws

MOST_RATIO = 1e12  # of two eigenvalues of P; beyond it, rounding errors decide


class TrainingLoss(ABC):
    """L = 1/(2N) sum_c u_c . P u_c, by its matrix P.

    smallest: the smallest eigenvalue of P, or None if it is unknown. Then tolerances hold in the norm of P. largest: an
    upper estimate of the largest eigenvalue.
    """

    smallest: float | None
    largest: float

    @abstractmethod
    def residual(self, error: np.ndarray) -> np.ndarray:
        """Return P u, (..., N) -> (..., N)."""

    @property
    def metric(self) -> Metric:
        """The inner product of P, for vectors (C N,) of any number of channels C."""
        return Metric(lambda u: self.residual(u.reshape(-1, self.size)).ravel(), self.smallest)

    @property
    @abstractmethod
    def size(self) -> int:
        """N, the number of samples."""

    def symbol(self, frequency: np.ndarray) -> np.ndarray:
        """Return the factor of v(xi) in the spectrum of P u, (n,), for samples that fill a box evenly.

        frequency: xi, (n, d) [cycles/length].
        """
        return np.ones(len(frequency))

    @property
    def is_multiplier(self) -> bool:
        """Whether P multiplies each frequency of the Fourier series on a grid by `symbol`."""
        return False

    @property
    def warning(self) -> str:
        """Advice to the user in words. It is empty if there is none."""
        return ""

    def norm_share(self, error: np.ndarray) -> float:
        """Return min_c sqrt(smallest) |u_c| / |u_c|_P for an error u, (C, N), or 1 if `smallest` is unknown.

        If an error is smaller than this share of |u|_P in the norm of P, it is smaller than |u|.
        """
        rows = error[error.any(axis=1)]
        if self.smallest is None or not len(rows):
            return 1.0
        sizes = np.einsum("cn,cn->c", rows, rows) / np.einsum("cn,cn->c", rows, self.residual(rows))
        return float(np.sqrt(self.smallest * sizes.min()))

    def for_laws(self, laws: Laws) -> "TrainingLoss":
        """Return the loss for a network with these laws, on the same samples."""
        return self

    def check(self, samples: int) -> None:
        """Raise InputError if the loss is for another number of samples."""
        if self.size != samples:
            raise InputError(f"the loss is for {self.size} samples, but there are {samples}")

    def value(self, error: np.ndarray) -> float:
        """Return L. error: u, (C, N)."""
        return float(0.5 * np.vdot(error, self.residual(error)) / error.shape[-1])


class MeanSquare(TrainingLoss):
    """L = 1/2 mean_j sum_c u_cj^2: P = 1, for any number of samples."""

    smallest = largest = 1.0

    @property
    def size(self) -> int:
        raise NotImplementedError("the mean square is for any number of samples")

    @property
    def is_multiplier(self) -> bool:
        return True

    def check(self, samples: int) -> None:
        """Do nothing."""

    @property
    def metric(self) -> Metric:
        return EUCLIDEAN

    def residual(self, error: np.ndarray) -> np.ndarray:
        return error


MEAN_SQUARE = MeanSquare()


class WeightedSquare(TrainingLoss):
    """L = 1/2 mean_j w_j sum_c u_cj^2: P = diag(w). weights: w > 0, (N,), of any mean, which becomes 1."""

    def __init__(self, weights: np.ndarray) -> None:
        self.weights = with_mean_1(weights)
        self.smallest, self.largest = float(self.weights.min()), float(self.weights.max())

    @property
    def size(self) -> int:
        return len(self.weights)

    def residual(self, error: np.ndarray) -> np.ndarray:
        return np.asarray(self.weights * error)


class BlockSquare(TrainingLoss):
    """L = 1/2 sum_b weight_b mean_j sum_c u_cj^2, with the means over blocks of samples: P = diag(weight_b N / N_b).

    sizes: N_b, the numbers of samples of the blocks, in the order of the samples. weights: positive numbers.
    """

    def __init__(self, sizes: Sequence[int], weights: Sequence[float]) -> None:
        if not all(isfinite(weight) and weight > 0 for weight in weights):
            raise InputError(f"the weights of the blocks are {list(weights)}; give positive numbers")
        factors = [weight * sum(sizes) / size for size, weight in zip(sizes, weights, strict=True)]
        self.block_weights, self._factors = tuple(weights), np.repeat(factors, sizes)
        # A small error in a block with a large weight causes an error in the others that is larger by up to the root of
        # the ratio of the weights. In the norm of P no error grows, so tolerances hold in this norm.
        self.smallest, self.largest = None, max(factors)

    @property
    def size(self) -> int:
        return len(self._factors)

    def residual(self, error: np.ndarray) -> np.ndarray:
        return np.asarray(self._factors * error)

    def symbol(self, frequency: np.ndarray) -> np.ndarray:
        """The weight of the first block."""
        return np.full(len(frequency), self.block_weights[0])


def with_mean_1(weights: np.ndarray) -> np.ndarray:
    weights = np.array(weights, dtype=float)
    if weights.ndim != 1 or not np.isfinite(weights).all() or not (weights > 0).all():
        raise InputError("the weights of the samples must be positive numbers, one for each sample")
    if (ratio := weights.max() / weights.min()) > MOST_RATIO:
        raise InputError(
            f"the largest weight of a sample is {ratio:.1e} times the smallest; use weights whose ratio is at most "
            f"{MOST_RATIO:.0e}, because rounding errors hide smaller ones"
        )
    return np.asarray(weights / weights.mean())
