"""Gradient descent, Heun and Runge-Kutta 4 for d(state)/dt = -grad L(state), and the step size for a tolerance.

`method.advance(negative_gradient, state, h, first)` returns the state after a step of size h in gradient-flow time.
`first` is negative_gradient(state), which the caller has already computed. The exact flow of a mode is exp(-lambda t).
One step multiplies this mode by the stability function R(z), z = h lambda. After s steps the error relative to the
initial value of the mode is |R(z)^s - exp(-s z)|. As z -> 0, the maximum over s tends to z/(2e), z^2/(6e), z^4/(120e)
for orders 1, 2, 4.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

NegativeGradient = Callable[[torch.Tensor], torch.Tensor]


def _gradient_descent(
    negative_gradient: NegativeGradient, state: torch.Tensor, h: float, first: torch.Tensor
) -> torch.Tensor:
    return state.add(first, alpha=h)


def _heun(negative_gradient: NegativeGradient, state: torch.Tensor, h: float, first: torch.Tensor) -> torch.Tensor:
    second = negative_gradient(state.add(first, alpha=h))
    return state + (first + second).mul_(h / 2)


def _runge_kutta_4(
    negative_gradient: NegativeGradient, state: torch.Tensor, h: float, first: torch.Tensor
) -> torch.Tensor:
    second = negative_gradient(state.add(first, alpha=h / 2))
    third = negative_gradient(state.add(second, alpha=h / 2))
    fourth = negative_gradient(state.add(third, alpha=h))
    return state + (first + fourth).add_(second + third, alpha=2).mul_(h / 6)


@dataclass(frozen=True)
class RungeKutta:
    """An explicit Runge-Kutta method.

    advance: the function that computes one step. taylor: the coefficients of R(z) = sum_j taylor_j (-z)^j.
    error_constant: as z -> 0, the largest error relative to the initial value is z^order / error_constant.
    """

    advance: Callable[[NegativeGradient, torch.Tensor, float, torch.Tensor], torch.Tensor]
    order: int
    taylor: tuple[float, ...]
    error_constant: float

    def is_stable(self, z: float) -> bool:
        """Return True if |R| <= 1 on [0, z]. Then no mode with h lambda <= z grows."""
        return z < 10 and bool((np.abs(np.polyval(self.taylor[::-1], -np.linspace(0, z, 1001))) <= 1).all())

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
    "heun": RungeKutta(_heun, 2, (1, 1, 1 / 2), 6 * np.e),
    "rk4": RungeKutta(_runge_kutta_4, 4, (1, 1, 1 / 2, 1 / 6, 1 / 24), 120 * np.e),
}
