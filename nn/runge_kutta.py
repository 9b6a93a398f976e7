"""Gradient descent, Heun and Runge-Kutta 4 for d(state)/dt = -grad L(state), and the step size for a tolerance.

`method.advance(negative_gradient, state, h, first)` returns the state after a step of size h in gradient-flow time.
`first` is negative_gradient(state), which the caller has already computed. The exact flow of a mode is exp(-lambda t).
One step multiplies this mode by the stability function R(z), z = h lambda. After s steps the error relative to the
initial value of the mode is |R(z)^s - exp(-s z)|. As z -> 0, the maximum over s tends to z/(2e), z^2/(6e), z^4/(120e)
for orders 1, 2, 4.

This error is that of a kernel that does not change. In general, the local error of a step is estimated by an embedded
method: the difference between two Runge-Kutta methods of different orders that share their slopes k_i, values of
-grad L (Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I, section II.4). For Heun, the other
method has order 3 and one more slope k_3 = -grad L(state + h (k_1 + k_2) / 4), and the difference is
h/3 (k_1 + k_2 - 2 k_3), the error of Heun. For Runge-Kutta 4, the other method has order 3 and the slope k_5 at the end
of the step, which the next step needs in any case. The difference is h/6 (k_4 - k_5). This is the error of the other
method, and larger than that of Runge-Kutta 4 for all but very long steps.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from freqbias.nn.linearised import TOLERANCE, LinearisedPath, LinearisedTraining
from freqbias.numerics import Schedule, stability_limit

NegativeGradient = Callable[[torch.Tensor], torch.Tensor]
LocalError = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Step:
    """The state after a step, and the estimate of the local error of this step.

    local_error: a function of the slope -grad L at the new state, which returns the local error of the state. None if
    the method has no estimate.
    """

    state: torch.Tensor
    local_error: LocalError | None = None


def _gradient_descent(
    negative_gradient: NegativeGradient, state: torch.Tensor, h: float, first: torch.Tensor, *, estimate: bool = False
) -> Step:
    return Step(state.add(first, alpha=h))


def _heun(
    negative_gradient: NegativeGradient, state: torch.Tensor, h: float, first: torch.Tensor, *, estimate: bool = False
) -> Step:
    both = negative_gradient(state.add(first, alpha=h)).add_(first)
    advanced = state.add(both, alpha=h / 2)
    if not estimate:
        return Step(advanced)
    error = both.sub(negative_gradient(state.add(both, alpha=h / 4)), alpha=2).mul_(h / 3)
    return Step(advanced, lambda slope: error)


def _runge_kutta_4(
    negative_gradient: NegativeGradient, state: torch.Tensor, h: float, first: torch.Tensor, *, estimate: bool = False
) -> Step:
    second = negative_gradient(state.add(first, alpha=h / 2))
    third = negative_gradient(state.add(second, alpha=h / 2))
    fourth = negative_gradient(state.add(third, alpha=h))
    advanced = state + (first + fourth).add_(second + third, alpha=2).mul_(h / 6)
    return Step(advanced, lambda slope: (fourth - slope).mul_(h / 6))


@dataclass(frozen=True)
class Estimate:
    """Properties of an estimate of the local error.

    order: the estimate is proportional to h^order. scale: the largest accepted estimate over the tolerance; see
    `local_error`. For the fastest mode alone, the error reaches the tolerance if scale is 2.7 (Heun), and 10 to 16
    (Runge-Kutta 4, tolerances 1e-2 to 1e-4). The values below leave a reserve for kernels that change. With twice these
    values, steps were 12 % fewer in `python -m tests.fuzz trainings`, and one error in 60 was 4 tolerances.
    """

    order: int
    scale: float


@dataclass(frozen=True)
class RungeKutta:
    """An explicit Runge-Kutta method.

    advance: the function that computes one step. If its argument `estimate` is True, the method also estimates the
    local error, if it can. taylor: the coefficients of R(z) = sum_j taylor_j (-z)^j. error_constant: as z -> 0, the
    largest error relative to the initial value is z^order / error_constant. estimate: the estimate of the local error,
    if the method has one.
    """

    advance: Callable[..., Step]
    order: int
    taylor: tuple[float, ...]
    error_constant: float
    estimate: Estimate | None = None

    @property
    def stability_limit(self) -> float:
        """The z up to which no mode grows: |R| <= 1 on [0, z]."""
        return stability_limit(self.taylor)

    def is_stable(self, z: float) -> bool:
        """Return True if |R| <= 1 on [0, z]. Then no mode with h lambda <= z grows."""
        return z <= self.stability_limit * (1 + 1e-12)

    def decay_error(self, z: float) -> float:
        """Return the maximum of |R(z)^s - exp(-s z)| over s.

        This is the largest error of a mode with h lambda = z, relative to the initial value of the mode.
        """
        steps = np.unique(np.ceil(np.geomspace(1, max(1.0, 50 / z), 400)))
        return float(np.abs(np.polyval(self.taylor[::-1], -z) ** steps - np.exp(-steps * z)).max())

    def largest_step(self, tolerance: float) -> float:
        """Return the z = h lambda for which `decay_error` equals the tolerance.

        The asymptotic formula z^order / error_constant = tolerance is only the first guess. With Runge-Kutta 4 the
        error at this guess differs from a tolerance of 1e-2 by a factor of 3, and from 1e-3 by a factor of 2.
        """
        guess = (tolerance * self.error_constant) ** (1 / self.order)
        return solve_for_step(tolerance, self.decay_error, order=self.order, guess=guess)

    def follow(
        self, training: LinearisedTraining, schedule: Schedule, *, tolerance: float = TOLERANCE
    ) -> LinearisedPath:
        """Return the path of these steps in a linearised training."""
        return training.follow_steps(schedule, self.taylor, tolerance=tolerance)

    def make_stepper(self) -> "RungeKutta":
        """Return the method itself, because a step needs no data of earlier steps."""
        return self

    def buffers(self) -> dict[str, torch.Tensor]:
        return {}

    def load_buffers(self, buffers: Mapping[str, torch.Tensor]) -> None:
        pass


def solve_for_step(tolerance: float, error: Callable[[float], float], *, order: int, guess: float) -> float:
    """Return the z for which error(z) = tolerance. order: the order of the error as z -> 0."""
    z = guess
    for _ in range(30):
        z *= (tolerance / error(z)) ** (1 / order)
    return float(z)


RUNGE_KUTTA = {
    "gradient-descent": RungeKutta(_gradient_descent, 1, (1, 1), 2 * np.e),
    "heun": RungeKutta(_heun, 2, (1, 1, 1 / 2), 6 * np.e, Estimate(order=3, scale=1.0)),
    "rk4": RungeKutta(_runge_kutta_4, 4, (1, 1, 1 / 2, 1 / 6, 1 / 24), 120 * np.e, Estimate(order=4, scale=3.0)),
}
