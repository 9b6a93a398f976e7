"""Training as its kernel alone would have it: u(t) = exp(-t K) u(0), and the steps u <- R(eta K) u of an integrator.

For the kernel at infinite width this is the training of infinitely many neurons; for a drawn network's own kernel that
of its linearisation about its start, so that what is left between it and the actual training is feature learning.
"""

from collections.abc import Sequence

import numpy as np

from freqbias.nn.ntk import Kernel
from freqbias.numerics import Basis, Callback, Evolution, Lanczos, Schedule, exponential, gradient_descent

TOLERANCE = 1e-8  # of the errors over the start: far below what they are compared with, for half as many products more


class LinearisedTraining:
    """du/dt = -K u from u(0) = start (C, N); flow and steps share one Krylov space.

    tolerance: of the errors over the start; where it is not reached, a larger one may be asked for, which takes no
    product twice. known: the Krylov space that an earlier one left, of the same kernel and start, to go on from. watch:
    called before every product; what it raises ends the work. products: made so far, those of `known` included; error:
    the largest bound reached, over the start.
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
        """exp(-t K) u(0) at each of times (T,), the first of which is 0: (T, C, N). Raises ComputationError where
        Lanczos does not reach the tolerance."""
        return self._from_the_start(
            exponential(
                self._apply, self._start.ravel(), times[1:], tolerance, saved_basis=self._space(), callback=self._seen
            )
        )

    def steps(self, schedule: Schedule, taylor: Sequence[float], *, tolerance: float = TOLERANCE) -> np.ndarray:
        """u after the steps of the schedule, at its output times, (T, C, N): u <- R(eta K) u, R(z) = sum_j taylor_j
        (-z)^j. Raises ComputationError where the steps diverge, or Lanczos does not reach the tolerance."""
        return self._from_the_start(
            gradient_descent(
                self._apply, self._start.ravel(), schedule, tolerance,
                taylor=taylor, saved_basis=self._space(), callback=self._seen,
            )
        )  # fmt: skip

    def _apply(self, values: np.ndarray) -> np.ndarray:
        self.products += 1
        return self._kernel.apply(values.reshape(self._start.shape)).ravel()

    def _space(self) -> Basis | None:
        return self._saved_basis if self._krylov is None else self._krylov.saved_basis()

    def _seen(self, lanczos: Lanczos) -> None:
        self._krylov = lanczos
        self._callback(lanczos)

    def _from_the_start(self, evolution: Evolution) -> np.ndarray:
        self.error = max(self.error, evolution.error)
        return np.concatenate([self._start[None], evolution.values.reshape(-1, *self._start.shape)])
