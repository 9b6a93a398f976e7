"""How much of each mode of a linear network remains after some evaluations of the gradient.

With z = eta lambda, for the learning rate eta and an eigenvalue lambda of K P, and s steps:

    gradient descent    q = (1 - z)^s,
    momentum            q = y_s,  y_{s+1} = a y_s - b y_{s-1},  with the a, b of `freqbias.nn.optimisers`,
    Gauss-Newton        q = (1 - lambda / (lambda + eps))^s.

A step of gradient descent and of momentum evaluates the gradient once. A step of the Gauss-Newton method evaluates it
once, and for its linear system it needs products with the kernel, each of which costs about as much.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from freqbias.errors import InputError
from freqbias.numerics import momentum_limit

SOLVE_ACCURACY = 1e-4  # of the linear system of a Gauss-Newton step, relative to |u|
SMALL = 1e-12
SPLIT = 1e-7  # of two equal roots, as a share of their size


@dataclass(frozen=True)
class StepRule:
    """An optimiser. mu: of momentum. damping: eps over the largest eigenvalue, of the Gauss-Newton method."""

    kind: Literal["gradient-descent", "momentum", "nesterov", "gauss-newton"] = "gradient-descent"
    mu: float = 0.0
    damping: float = 0.0

    def limit(self) -> float:
        """Return the largest stable eta lambda_max."""
        return momentum_limit(self.mu, nesterov=self.kind == "nesterov") if self.kind != "gauss-newton" else np.inf

    def remaining(self, z: np.ndarray, steps: int) -> np.ndarray:
        """Return q after some steps, (m,). z: eta lambda; for the Gauss-Newton method lambda over lambda_max."""
        match self.kind:
            case "gradient-descent":
                return np.asarray((1 - z) ** steps)
            case "gauss-newton":
                return np.asarray((self.damping / (z + self.damping)) ** steps)
        mu, nesterov = self.mu, self.kind == "nesterov"
        total, product, first = 1 + mu - z, np.full_like(z, mu), 1 - z
        if nesterov:
            total, product, first = (1 + mu) * (1 - z), mu * (1 - z), 1 - (1 + mu) * z
        split = np.sqrt(total.astype(complex) ** 2 / 4 - product)
        split = np.where(np.abs(split) < SPLIT, SPLIT, split)  # y_s is smooth in the roots, but this formula is not
        plus, minus = total / 2 + split, total / 2 - split
        weight = (first - minus) / (plus - minus)
        q = (weight * plus**steps + (1 - weight) * minus**steps).real
        pushes = (steps - mu ** (2 if nesterov else 1) * (1 - mu**steps) / (1 - mu)) / (1 - mu)  # at small z
        return np.where(z < SMALL, 1 - z * pushes, q)  # rounding errors of 1 - q would be divided by z


GRADIENT_DESCENT = StepRule()


def solve_products(alpha: np.ndarray, beta: np.ndarray, shift: float) -> int:
    """Return the number of products that solve (T + eps) z = e_1 to SOLVE_ACCURACY by conjugate gradients.

    alpha, beta: the entries of the tridiagonal matrix T of Lanczos, (m,) each. The relative residual after j products
    is the product of beta_i / d_i over i <= j, with the pivots d of T + eps. If it is larger than SOLVE_ACCURACY after
    all m products, return m.
    """
    residual, pivot = 1.0, np.inf
    for j, (a, b) in enumerate(zip(alpha, beta, strict=True), 1):
        pivot = a + shift - (beta[j - 2] ** 2 / pivot if j > 1 else 0.0)
        residual *= b / pivot
        if residual <= SOLVE_ACCURACY:
            return j
    return len(alpha)


def step_rule(name: str) -> StepRule:
    """Return the rule with a name such as "momentum 0.9" or "gauss-newton 0.001"; the numbers have defaults.

    Raises InputError if the name is unknown or the number out of range.
    """
    kind, _, text = name.partition(" ")
    number = float(text) if text else {"momentum": 0.9, "nesterov": 0.9, "gauss-newton": 1e-3}.get(kind)
    if kind == "gradient-descent" and number is None:
        return GRADIENT_DESCENT
    if kind in ("momentum", "nesterov") and number is not None and 0 <= number < 1:
        return StepRule(kind, mu=number)  # type: ignore[arg-type]
    if kind == "gauss-newton" and number is not None and 0 < number <= 1:
        return StepRule(kind, damping=number)  # type: ignore[arg-type]
    raise InputError(
        f'"{name}" is no optimiser; use "gradient-descent", "momentum 0.9", "nesterov 0.9" (a number from 0 to less '
        'than 1) or "gauss-newton 0.001" (a number up to 1)'
    )
