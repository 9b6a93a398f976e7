"""Linearised training: the flow u(t) = exp(-t K P) u(0), and the steps u <- R(eta K P) u of an integrator.

Weight decay towards the start adds -lambda (u - u(0)) to du/dt.

K is a kernel, P the matrix of the loss, which is 1 for the mean square, eta the step size, and R the stability function
of the integrator. With the kernel at infinite width, linearised training is the training of infinitely many neurons.
With the kernel of a drawn network, it is the training of the network linearised about the initial parameters. The
actual training differs by feature learning.

At a position y without a sample, the network learns

    f(y, t) = f(y, 0) - mean_j K(y, x_j) w(x_j, t),

where w is the integral of P u over time: w = P phi_t(K P) u(0), phi_t(lambda) = (1 - exp(-t lambda)) / lambda for the
flow, and (1 - R(eta lambda)^s) / lambda for s steps. The damped Gauss-Newton method has lambda / (lambda + eps) in
place of lambda in the exponent and in the steps u <- (1 - h K P (K P + eps)^-1) u, and w is the integral of
P (K P + eps)^-1 u. By the Cauchy-Schwarz inequality of the kernel, an error dw of w
changes f(y, t) by at most sqrt(K(y, y) / N) |K^(1/2) dw|.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from freqbias.nn.ntk import Kernel, KernelAt, gauss_newton_shift
from freqbias.numerics import (
    EUCLIDEAN,
    Basis,
    Callback,
    Evolution,
    Lanczos,
    Metric,
    Schedule,
    exponential,
    gauss_newton,
    gradient_descent,
    momentum_steps,
)
from freqbias.problem import Problem

TOLERANCE = 1e-8  # bound of |u - u_exact| / |u(0)|, far below the differences to compare; needs 50 % more products


@dataclass(frozen=True)
class LinearisedPath:
    """The errors of a linearised training, and the values at other positions.

    error: u, (T, C, N). integral: the integral w of P u, (T, C, N). integral_error: a bound of |K^(1/2) dw|, (T,).
    """

    error: np.ndarray
    integral: np.ndarray
    integral_error: np.ndarray

    def at(self, kernel: KernelAt) -> "PointPrediction":
        """Return the values at other positions. kernel: `Kernel.at(sites)` of the kernel of this training."""
        values = kernel.start - kernel.apply(self.integral)
        bound = np.sqrt(kernel.diagonal.max() / self.error.shape[-1]) * self.integral_error
        return PointPrediction(values, bound)


@dataclass(frozen=True)
class PointPrediction:
    """The predicted values of a network at P positions.

    values: f, (T, C, P). bound: a bound of their error by Lanczos at each time, in the units of f, (T,).
    """

    values: np.ndarray
    bound: np.ndarray


class LinearisedTraining:
    """The solution of du/dt = -K P u with the initial error u(0) = start, (C, N). Flow and steps share a Krylov space.

    metric: the inner product of P, the matrix of the training loss (`problem.TrainingLoss.metric`); by default P = 1.
    decay: lambda, the rate of the weight decay.
    shift: eps of the damped Gauss-Newton method (`gauss_newton_shift`), or 0 for gradient descent; for the flow.
    saved_basis: the Krylov basis of an earlier run with the same kernel and the same u(0), to continue from. callback:
    called before every product with K. An exception of the callback stops the work. products: the number of products so
    far, including those in `saved_basis`. error: the largest error bound so far, relative to |u(0)|.

    All methods have a parameter tolerance, which bounds the error relative to |u(0)|. If the tolerance is not reached,
    a second call with a larger tolerance repeats no product. They raise ComputationError if Lanczos does not reach the
    tolerance, or if the steps diverge.
    """

    def __init__(
        self,
        kernel: Kernel,
        start: np.ndarray,
        *,
        metric: Metric = EUCLIDEAN,
        decay: float = 0.0,
        shift: float = 0.0,
        saved_basis: Basis | None = None,
        callback: Callback = lambda lanczos: None,
    ) -> None:
        self._kernel, self._start, self._saved_basis, self._callback = kernel, start, saved_basis, callback
        self._metric, self._decay, self._shift = metric, decay, shift
        self._krylov: Lanczos | None = None
        self.products, self.error = 0 if saved_basis is None else len(saved_basis.alpha), 0.0

    def flow(self, times: np.ndarray, *, tolerance: float = TOLERANCE) -> np.ndarray:
        """Return exp(-t K P) u(0), or exp(-t K P (K P + eps)^-1) u(0) with a shift eps, at the times, (T, C, N).

        times: (T,), beginning with 0.
        """
        return self._with_start(self._flow(times, tolerance, integrate=False).values, self._start)

    def steps(self, schedule: Schedule, taylor: Sequence[float], *, tolerance: float = TOLERANCE) -> np.ndarray:
        """Return u at the schedule's output times, (T, C, N), after steps u <- R(eta K) u.

        R(z) = sum_j taylor_j (-z)^j.
        """
        return self._with_start(self._steps(schedule, taylor, tolerance, integrate=False).values, self._start)

    def follow_flow(self, times: np.ndarray, *, tolerance: float = TOLERANCE) -> LinearisedPath:
        """As `flow`, but the result also gives the values at other positions."""
        return self._path(self._flow(times, tolerance, integrate=True))

    def follow_steps(
        self, schedule: Schedule, taylor: Sequence[float], *, tolerance: float = TOLERANCE
    ) -> LinearisedPath:
        """As `steps`, but the result also gives the values at other positions."""
        return self._path(self._steps(schedule, taylor, tolerance, integrate=True))

    def follow_momentum(
        self, schedule: Schedule, mu: float, *, nesterov: bool = False, tolerance: float = TOLERANCE
    ) -> LinearisedPath:
        """As `follow_steps`, for steps of gradient descent with momentum mu, Polyak's or Nesterov's."""
        options = self._options(integrate=True)
        evolution = momentum_steps(
            self._apply, self._start.ravel(), schedule, tolerance, mu=mu, nesterov=nesterov, **options
        )
        return self._path(self._recorded(evolution))

    def follow_gauss_newton(self, schedule: Schedule, *, shift: float, tolerance: float = TOLERANCE) -> LinearisedPath:
        """As `follow_steps`, for steps of the damped Gauss-Newton method. shift: eps."""
        return self._path(
            self._recorded(
                gauss_newton(
                    self._apply, self._start.ravel(), schedule, tolerance, shift=shift, metric=self._metric,
                    integrate=True, saved_basis=self._basis(), callback=self._before_product,
                )
            )
        )  # fmt: skip

    def _flow(self, times: np.ndarray, tolerance: float, *, integrate: bool) -> Evolution:
        start, options = self._start.ravel(), self._options(integrate=integrate)
        return self._recorded(exponential(self._apply, start, times[1:], tolerance, shift=self._shift, **options))

    def _steps(self, schedule: Schedule, taylor: Sequence[float], tolerance: float, *, integrate: bool) -> Evolution:
        start, options = self._start.ravel(), self._options(integrate=integrate)
        return self._recorded(gradient_descent(self._apply, start, schedule, tolerance, taylor=taylor, **options))

    def _options(self, *, integrate: bool) -> dict[str, Any]:
        """Return the keyword arguments that all methods in freqbias.numerics share."""
        return {
            "metric": self._metric, "decay": self._decay, "integrate": integrate,
            "saved_basis": self._basis(), "callback": self._before_product,
        }  # fmt: skip

    def _recorded(self, evolution: Evolution) -> Evolution:
        self.error = max(self.error, evolution.error)
        return evolution

    def _path(self, evolution: Evolution) -> LinearisedPath:
        integral, start = evolution.integral, self._start
        assert integral is not None
        return LinearisedPath(
            self._with_start(evolution.values, start),
            self._with_start(integral.values, np.zeros_like(start)),
            np.linalg.norm(start) * np.concatenate([[0.0], integral.error]),
        )

    def _with_start(self, later: np.ndarray, start: np.ndarray) -> np.ndarray:
        return np.concatenate([start[None], later.reshape(-1, *start.shape)])

    def _apply(self, values: np.ndarray) -> np.ndarray:
        self.products += 1
        return self._kernel.apply(values.reshape(self._start.shape)).ravel()

    def _basis(self) -> Basis | None:
        return self._saved_basis if self._krylov is None else self._krylov.saved_basis()

    def _before_product(self, lanczos: Lanczos) -> None:
        self._krylov = lanczos
        self._callback(lanczos)


def linearised_training(
    problem: Problem,
    kernel: Kernel,
    start: np.ndarray,
    *,
    saved_basis: Basis | None = None,
    callback: Callback = lambda lanczos: None,
) -> LinearisedTraining:
    """Return the linearised training of a problem: with its loss, its weight decay and its Gauss-Newton damping.

    start: u(0), (C, N). saved_basis, callback: as for `LinearisedTraining`.
    """
    return LinearisedTraining(
        kernel, start, metric=problem.loss.metric, decay=problem.decay.rate, shift=gauss_newton_shift(problem),
        saved_basis=saved_basis, callback=callback,
    )  # fmt: skip
