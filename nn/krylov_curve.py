"""A Krylov space of a kernel, extended until what is computed from it has converged."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from freqbias.nn.budget import Budget, Decay
from freqbias.nn.step_rules import StepRule, solve_products
from freqbias.numerics import EUCLIDEAN, Lanczos, Metric

CHECK_EVERY = 4  # products between two tests of convergence
ACCURACY = 2e-3  # change of a quantity over CHECK_EVERY products, relative to its scale
MOST_DEFECT = 0.1  # of the error, relative to its size
MOST_PRODUCTS = 400
TINY = 1e-200

Measure = Callable[[], tuple[np.ndarray, np.ndarray, bool]]  # -> quantities, their scales, and if they may be right


class ProductPair(Protocol):
    """A kernel K between the training samples, and from them to the held-out samples. start: u(0) on both."""

    start: np.ndarray
    held_out_start: np.ndarray

    def apply(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]: ...


class KrylovCurve:
    """The Krylov space K_m(K P, u(0)), with the Ritz pairs of K P in it.

    callback: called before every product. metric: the inner product of P.
    """

    def __init__(self, kernel: ProductPair, callback: Callable[[], None], metric: Metric = EUCLIDEAN) -> None:
        self._shape, self._metric = kernel.start.shape, metric
        self._pushed: list[np.ndarray] = []  # K(Y, X) P v for each vector v of the basis and the held-out samples Y

        def apply(values: np.ndarray) -> np.ndarray:
            callback()
            product, elsewhere = kernel.apply(values.reshape(self._shape))
            self._pushed.append(elsewhere)
            return product.ravel()

        self._lanczos = Lanczos(apply, kernel.start.ravel(), mass=metric.mass)

    def _grow(self, measure: Measure, accuracy: float = ACCURACY) -> bool:
        """Extend the Krylov space, and return whether the quantities have converged after at most MOST_PRODUCTS.

        measure: called after every CHECK_EVERY products, with the Ritz pairs up to date.
        """
        previous, size = None, int(np.prod(self._shape))
        while self.products < min(MOST_PRODUCTS, size):
            self._lanczos.step()
            exhausted = self._lanczos.beta[-1] == 0 or self.products == size
            if self.products % CHECK_EVERY and not exhausted:
                continue
            eigenvalues, self._vectors = self._lanczos.ritz_pairs()
            self._eigenvalues = np.maximum(eigenvalues, TINY)
            values, scale, plausible = measure()
            settled = previous is not None and bool((np.abs(values - previous) <= accuracy * scale).all())
            if exhausted or (settled and plausible):
                return True
            previous = values
        return False

    def _is_plausible(self, decay: Decay, floor: float) -> bool:
        """Return whether the error u(t) = q(K) u(0) in the Krylov space nearly is u(0) - K w, w its integral over time.

        The difference has the norm |u(0)| beta_m |phi(T)_m1|, phi = (1 - q) / lambda. A small space has large Ritz
        values only, so u(t) seems to vanish, and stays so in the next products. floor: |u(t)| / |u(0)| below which u(t)
        is not needed.
        """
        q = decay(self._eigenvalues)
        defect = self._lanczos.beta[-1] * abs(self._vectors[-1] @ ((1 - q) / self._eigenvalues * self._vectors[0]))
        return bool(defect <= MOST_DEFECT * max(float(np.linalg.norm(q * self._vectors[0])), floor))

    def cost(self, rule: StepRule) -> int:
        """Return the number of evaluations of the gradient that cost as much as a step."""
        if not rule.damping:
            return 1
        shift = rule.damping * self.largest
        return 1 + solve_products(np.array(self._lanczos.alpha), np.array(self._lanczos.beta), shift)

    def decay(self, budget: Budget) -> Decay:
        """Return q, how much of each mode the budget leaves."""
        return budget.decay(self.largest, self.cost(budget.rule))

    def _times_mass(self, vector: np.ndarray) -> np.ndarray:
        return vector if self._metric.mass is None else self._metric.mass(vector)

    @property
    def products(self) -> int:
        """The number of products with the kernel, m."""
        return self._lanczos.steps

    @property
    def largest(self) -> float:
        """lambda_max, from below, to much better than 1 %."""
        return float(self._eigenvalues[-1])
