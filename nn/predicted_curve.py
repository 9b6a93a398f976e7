"""The loss of a linearised training as a function of the number of steps or of time, from one Krylov space.

With the kernel K of a network, its Krylov space K_m(K, u(0)) = span V, and the Ritz pairs (lambda_k, s_k) of T,

    u(t) = |u(0)| V sum_k q(lambda_k) (s_k)_1 s_k                    on the training samples,
    u(y, t) = u(y, 0) - |u(0)| K(y, X) V sum_k phi(lambda_k) (s_k)_1 s_k,   phi = (1 - q) / lambda,    elsewhere,

where q(lambda) = exp(-t lambda) for the flow, and (1 - eta lambda)^s for s steps of gradient descent; other optimisers
have other q (`freqbias.nn.step_rules`). Under a loss with a matrix P, the Krylov space is that of K P in the inner
product of P, and P V takes the place of V in K(y, X) V. K(y, X) V comes with the products that build V. So every number
of steps, every time and every optimiser costs only small dense products.

Generalised cross-validation estimates the loss on unseen samples from the training samples alone:

    GCV = loss / (tr q(K) / n)^2,    n = C N,

with the trace of `freqbias.nn.trace`. Source: Golub, Heath, Wahba, Technometrics 21 (1979).
"""

from collections.abc import Callable, Sequence

import numpy as np

from freqbias.nn.budget import Budget
from freqbias.nn.krylov_curve import ACCURACY, KrylovCurve, ProductPair
from freqbias.numerics import EUCLIDEAN, Metric

LOSS_FLOOR = 1e-5  # a loss below this share of the start counts as this share
LOSS_ROUNDING = 1e-10  # share of the start below which a loss of a kernel in single precision is rounding


class PredictedCurve(KrylovCurve):
    """Losses on the training samples and on the held-out samples, for a kernel and its u(0).

    budgets: the losses at these budgets are `converged` to about `accuracy` when the constructor returns, unless they
    need too many products. A loss below `floor` times that at the start counts as this. callback: called before every
    product.
    A loss is half the mean square of the error, summed over channels.
    """

    def __init__(
        self,
        kernel: ProductPair,
        budgets: Sequence[Budget],
        *,
        accuracy: float = ACCURACY,
        floor: float = LOSS_FLOOR,
        metric: Metric = EUCLIDEAN,
        callback: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(kernel, callback, metric)
        self._held_out_start, self._start_loss = kernel.held_out_start, _loss(kernel.start)
        self._products_of_basis: np.ndarray | None = None

        def measure() -> tuple[np.ndarray, np.ndarray, bool]:
            self._prepare()
            losses = np.array([[self.training(each), self.held_out(each)] for each in budgets])
            plausible = all(self._is_plausible(self.decay(each), np.sqrt(floor)) for each in budgets)
            return losses, np.maximum(losses, floor * self._start_loss), plausible

        self.converged = self._grow(measure, accuracy)

    def training(self, budget: Budget) -> float:
        """Return the loss on the training samples."""
        kept = self.decay(budget)(self._eigenvalues) * self._vectors[0]
        share = float(kept @ kept)
        if self._products_of_basis is not None:  # the basis is orthonormal in another inner product
            y = self._vectors @ kept
            share = float(y @ self._products_of_basis @ y) / float(self._products_of_basis[0, 0])
        return max(self._start_loss * share, LOSS_ROUNDING * self._start_loss)

    def held_out(self, budget: Budget) -> float:
        """Return the loss on the held-out samples; 0 if there are none."""
        return float(self.held_out_by_channel(budget).sum())

    def held_out_by_channel(self, budget: Budget) -> np.ndarray:
        """Return the part of each channel of the loss on the held-out samples, (C,)."""
        count = self._held_out_start.shape[1]
        if not count:
            return np.zeros(self._shape[0])
        c = self._coefficients(budget)
        squares = self._squares - 2 * self._projected @ c + np.einsum("i,cij,j->c", c, self._gram, c)
        return 0.5 * np.maximum(squares, LOSS_ROUNDING * self._squares) / count

    def integral(self, budget: Budget) -> np.ndarray:
        """Return the integral w of P u over time on the training samples, (C, N), with u(0) - u = K w."""
        return self._times_mass(self._lanczos.combine(self._coefficients(budget))).reshape(self._shape)

    def _coefficients(self, budget: Budget) -> np.ndarray:
        """Return the coefficients of w in V, (m,)."""
        weights = (1 - self.decay(budget)(self._eigenvalues)) / self._eigenvalues * self._vectors[0]
        return self._lanczos.norm * (self._vectors @ weights)

    def best(self, budget: Budget, count: int = 60) -> Budget:
        """Return the budget up to the given one at which the held-out loss is least."""
        return min(budget.up_to(count), key=self.held_out)

    def _prepare(self) -> None:
        if self._metric.mass is not None:
            basis = self._lanczos.basis[: self.products]
            self._products_of_basis = basis @ basis.T
        start, rows = self._held_out_start, np.array(self._pushed)
        self._gram = np.einsum("icn,jcn->cij", rows, rows, optimize=True)
        self._projected, self._squares = np.einsum("icn,cn->ci", rows, start), (start**2).sum(axis=1)


def _loss(error: np.ndarray) -> float:
    return 0.5 * float((error**2).sum()) / error.shape[1]
