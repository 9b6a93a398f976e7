"""Linearised training: the flow u(t) = exp(-t K) u(0), and the steps u <- R(eta K) u of an integrator.

With the kernel at infinite width it is the training of infinitely many neurons. With a drawn network's own kernel it is
the training of the network linearised about its start; the actual training differs from it by feature learning.
"""

from collections.abc import Sequence

import numpy as np

from freqbias.nn.ntk import Kernel
from freqbias.numerics import Basis, Callback, Evolution, Lanczos, Schedule, exponential, gradient_descent

TOLERANCE = 1e-8  # of |u - u_exact| / |u(0)|: far below the compared differences, for 50 % more products


class LinearisedTraining:
    """du/dt = -K u from u(0) = start (C, N). Flow and steps share one Krylov space.

    saved_basis: the Krylov space of an earlier run with the same kernel and start, to continue from. callback: called
    before every product; an exception from it stops the work. products: the number so far, those of `saved_basis`
    included. error: the largest error bound so far, over the norm of the start.

    tolerance, in both methods, bounds the error over the norm of the start. If it is not reached, a second call with a
    larger one repeats no product.
    """

    def __init__(
        self,
        kernel: Kernel,
        start: np.ndarray,
        *,
        saved_basis: Basis | None = None,
        callback: Callback = lambda lanczos: None,
    ) -> None:
        self._kernel, self._start, self._saved_basis, self._callback = kernel, start, saved_basis, callback
        self._krylov: Lanczos | None = None
        self.products, self.error = 0 if saved_basis is None else len(saved_basis.alpha), 0.0

    def flow(self, times: np.ndarray, *, tolerance: float = TOLERANCE) -> np.ndarray:
        """exp(-t K) u(0) at times (T,), the first of which is 0: (T, C, N).

        Raises ComputationError if Lanczos does not reach the tolerance.
        """
        return self._with_start(
            exponential(
                self._apply,
                self._start.ravel(),
                times[1:],
                tolerance,
                saved_basis=self._basis(),
                callback=self._before_product,
            )
        )

    def steps(self, schedule: Schedule, taylor: Sequence[float], *, tolerance: float = TOLERANCE) -> np.ndarray:
        """u (T, C, N) at the schedule's output times, by u <- R(eta K) u, R(z) = sum_j taylor_j (-z)^j.

        Raises ComputationError if the steps diverge, or Lanczos does not reach the tolerance.
        """
        return self._with_start(
            gradient_descent(
                self._apply, self._start.ravel(), schedule, tolerance,
                taylor=taylor, saved_basis=self._basis(), callback=self._before_product,
            )
        )  # fmt: skip

    def _apply(self, values: np.ndarray) -> np.ndarray:
        self.products += 1
        return self._kernel.apply(values.reshape(self._start.shape)).ravel()

    def _basis(self) -> Basis | None:
        return self._saved_basis if self._krylov is None else self._krylov.saved_basis()

    def _before_product(self, lanczos: Lanczos) -> None:
        self._krylov = lanczos
        self._callback(lanczos)

    def _with_start(self, evolution: Evolution) -> np.ndarray:
        self.error = max(self.error, evolution.error)
        return np.concatenate([self._start[None], evolution.values.reshape(-1, *self._start.shape)])
