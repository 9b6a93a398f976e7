"""Gradient descent, Heun and Runge-Kutta 4 for d(state)/dt = slope(state), and the step that a tolerance asks for.

One verb: `integrator.advance(slope, state, h, first)` is the state a time h later in gradient-flow time; `first` is
slope(state), which the caller has already. On a mode that decays as exp(-lambda t) a step multiplies by R(z),
z = h lambda, so that s steps are wrong by |R(z)^s - exp(-s z)|, relative to the start. The maximum over s tends to
z/(2e), z^2/(6e), z^4/(120e) as z -> 0, for orders 1, 2, 4.
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
    """advance: one step. taylor: R(z) = sum_j taylor_j (-z)^j. constant: the error is z^order / constant."""

    advance: Callable[[NegativeGradient, torch.Tensor, float, torch.Tensor], torch.Tensor]
    order: int
    taylor: tuple[float, ...]
    constant: float

    def damps(self, z: float) -> bool:
        """Whether no mode with h lambda up to z grows."""
        return z < 10 and bool((np.abs(np.polyval(self.taylor[::-1], -np.linspace(0, z, 1001))) <= 1).all())

    def decay_error(self, z: float) -> float:
        """max over s of |R(z)^s - exp(-s z)|: the error over the start at the worst time, of modes of z = h lambda."""
        steps = np.unique(np.ceil(np.geomspace(1, max(1.0, 50 / z), 400)))
        return float(np.abs(np.polyval(self.taylor[::-1], -z) ** steps - np.exp(-steps * z)).max())

    def largest_step(self, tolerance: float) -> float:
        """The z = h lambda at which `decay_error` is the tolerance: z^order / constant = tolerance, corrected.

        The formula alone, right as z -> 0, would miss the tolerance 1e-2 threefold with Runge-Kutta 4, 1e-3 twofold.
        """
        guess = (tolerance * self.constant) ** (1 / self.order)
        return largest_within(tolerance, self.decay_error, order=self.order, guess=guess)

    def begin(self) -> "RungeKutta":
        """What advances: itself, since a step needs nothing of those before it."""
        return self

    def memory(self) -> dict[str, torch.Tensor]:
        return {}

    def restore(self, memory: Mapping[str, torch.Tensor]) -> None:
        pass


def largest_within(tolerance: float, error: Callable[[float], float], *, order: int, guess: float) -> float:
    """The z at which error(z), of this order as z -> 0, is the tolerance."""
    z = guess
    for _ in range(30):
        z *= (tolerance / error(z)) ** (1 / order)
    return float(z)


RUNGE_KUTTA = {
    "gradient-descent": RungeKutta(_gradient_descent, 1, (1, 1), 2 * np.e),
    "heun": RungeKutta(_heun, 2, (1, 1, 1 / 2), 6 * np.e),
    "rk4": RungeKutta(_runge_kutta_4, 4, (1, 1, 1 / 2, 1 / 6, 1 / 24), 120 * np.e),
}
