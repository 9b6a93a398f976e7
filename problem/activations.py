"""Activations phi of hidden layers, and the dual functions P and Q of each activation.

A wide layer maps two inputs with correlation c to two outputs with correlation P(c). For unit normals y, z with
correlation c, let p(c) = E[phi(y) phi(z)] and q(c) = E[phi'(y) phi'(z)] = p'(c). The dual functions are

    P(c) = p(c) / p(1),    Q(c) = q(c) / p(1).

P maps [-1, 1] into itself, P(1) = 1, and the power series of P has no negative coefficients. Sources: Cho and Saul,
Kernel methods for deep learning, NeurIPS 2009 (relu); Williams, Computing with infinite networks, NeurIPS 1996 (erf).
q = p' is Price's theorem. The formulas of gelu follow from Stein's identity.
"""

from abc import ABC, abstractmethod
from functools import cached_property
from math import e, pi
from typing import ClassVar

import numpy as np

ROUNDING = 1e-12  # the most by which rounding may increase a correlation beyond 1
ALMOST_ONE = 1 - 4 * np.finfo(float).eps  # treated as 1, since arccos in relu amplifies rounding near 1 to 1e-8
INTERVAL, NODES = 40.0, 4001  # of the trapezoidal rule; Hermite functions with n < 200 vanish for |y| > 40


class Activation(ABC):
    """The function phi, the derivative of phi, and the dual functions of phi, on arrays of any shape."""

    odd: ClassVar[bool] = False  # whether phi(-y) = -phi(y), which makes p(0) = 0
    smooth: ClassVar[bool] = True  # whether p is smooth up to c = 1

    @abstractmethod
    def value(self, y: np.ndarray) -> np.ndarray:
        """phi(y)."""

    @abstractmethod
    def derivative(self, y: np.ndarray) -> np.ndarray:
        """phi'(y)."""

    @abstractmethod
    def product(self, c: np.ndarray) -> np.ndarray:
        """p(c) = E[phi(y) phi(z)], |c| <= 1."""

    @abstractmethod
    def derivative_product(self, c: np.ndarray) -> np.ndarray:
        """q(c) = E[phi'(y) phi'(z)], |c| <= 1."""

    @cached_property
    def second_moment(self) -> float:
        """p(1) = E[phi(y)^2]."""
        return float(self.product(np.ones(1))[0])

    def dual(self, c: np.ndarray) -> np.ndarray:
        """P(c) = p(c) / p(1). Raises ValueError if some |c| > 1."""
        return self.product(correlation(c)) / self.second_moment

    def dual_derivative(self, c: np.ndarray) -> np.ndarray:
        """Q(c) = q(c) / p(1). Raises ValueError if some |c| > 1."""
        return self.derivative_product(correlation(c)) / self.second_moment


class Relu(Activation):
    """phi(y) = max(y, 0):  p = (sqrt(1 - c^2) + c (pi - arccos c)) / (2 pi),  q = (pi - arccos c) / (2 pi)."""

    smooth: ClassVar[bool] = False

    def value(self, y: np.ndarray) -> np.ndarray:
        return np.maximum(y, 0)

    def derivative(self, y: np.ndarray) -> np.ndarray:
        return np.where(y > 0, 1.0, 0.0)

    def product(self, c: np.ndarray) -> np.ndarray:
        return (np.sqrt(1 - c**2) + c * (pi - np.arccos(c))) / (2 * pi)

    def derivative_product(self, c: np.ndarray) -> np.ndarray:
        return (pi - np.arccos(c)) / (2 * pi)


class Sine(Activation):
    """phi(y) = sin y:  p = sinh(c) / e,  q = cosh(c) / e."""

    odd: ClassVar[bool] = True

    def value(self, y: np.ndarray) -> np.ndarray:
        return np.sin(y)

    def derivative(self, y: np.ndarray) -> np.ndarray:
        return np.cos(y)

    def product(self, c: np.ndarray) -> np.ndarray:
        return np.sinh(c) / e

    def derivative_product(self, c: np.ndarray) -> np.ndarray:
        return np.cosh(c) / e


class Erf(Activation):
    """phi(y) = erf y:  p = (2/pi) arcsin(2c/3),  q = (4/pi) / sqrt(9 - 4 c^2)."""

    odd: ClassVar[bool] = True

    def value(self, y: np.ndarray) -> np.ndarray:
        from scipy.special import erf

        return np.asarray(erf(y))

    def derivative(self, y: np.ndarray) -> np.ndarray:
        return 2 / np.sqrt(pi) * np.exp(-(y**2))

    def product(self, c: np.ndarray) -> np.ndarray:
        return 2 / pi * np.arcsin(2 * c / 3)

    def derivative_product(self, c: np.ndarray) -> np.ndarray:
        return 4 / pi / np.sqrt(9 - 4 * c**2)


class Gelu(Activation):
    """phi(y) = y Phi(y), where Phi is the normal distribution function. With r = sqrt(4 - c^2):
    p = c/4 + c arcsin(c/2) / (2 pi) + 1 / (2 pi r),  q = 1/4 + arcsin(c/2) / (2 pi) + c (5 - c^2) / (2 pi r^3)."""

    def value(self, y: np.ndarray) -> np.ndarray:
        return y * _normal_cdf(y)

    def derivative(self, y: np.ndarray) -> np.ndarray:
        return _normal_cdf(y) + y * np.exp(-(y**2) / 2) / np.sqrt(2 * pi)

    def product(self, c: np.ndarray) -> np.ndarray:
        return c / 4 + (c * np.arcsin(c / 2) + 1 / np.sqrt(4 - c**2)) / (2 * pi)

    def derivative_product(self, c: np.ndarray) -> np.ndarray:
        return 1 / 4 + (np.arcsin(c / 2) + c * (5 - c**2) / (4 - c**2) ** 1.5) / (2 * pi)


class Tanh(Activation):
    """phi(y) = tanh y:  p = sum_n a_n^2 c^n,  q = sum_n n a_n^2 c^(n-1).

    a_n are the Hermite coefficients of tanh, which are 0 for even n. a_n^2 falls as exp(-pi sqrt(n)), because tanh has
    poles at +-i pi/2. After TERMS terms the error is 1e-15.
    """

    odd: ClassVar[bool] = True
    TERMS: ClassVar[int] = 160

    def value(self, y: np.ndarray) -> np.ndarray:
        return np.tanh(y)

    def derivative(self, y: np.ndarray) -> np.ndarray:
        return 1 / np.cosh(y) ** 2

    @cached_property
    def _squares(self) -> np.ndarray:
        """a_n^2 for n = 1, 3, 5, ..."""
        return hermite_coefficients(self, self.TERMS)[1::2] ** 2

    def product(self, c: np.ndarray) -> np.ndarray:
        return c * np.polynomial.polynomial.polyval(c**2, self._squares)

    def derivative_product(self, c: np.ndarray) -> np.ndarray:
        n = 1 + 2 * np.arange(len(self._squares))
        return np.asarray(np.polynomial.polynomial.polyval(c**2, n * self._squares))


def _normal_cdf(y: np.ndarray) -> np.ndarray:
    from scipy.special import ndtr  # imported late, because this takes half a second, and few networks need it

    return np.asarray(ndtr(y))


ACTIVATIONS: dict[str, Activation] = {"relu": Relu(), "sine": Sine(), "tanh": Tanh(), "erf": Erf(), "gelu": Gelu()}


def correlation(c: np.ndarray) -> np.ndarray:
    """Return c clipped to [-1, 1]. Raises ValueError if some |c| exceeds 1 by more than rounding."""
    c = np.asarray(c, dtype=float)
    if c.size and not np.abs(c).max() <= 1 + ROUNDING:
        raise ValueError(f"correlation = {c.flat[np.abs(c).argmax()]}; use values in [-1, 1]")
    return np.where(np.abs(c) > ALMOST_ONE, np.sign(c), c)


def hermite_coefficients(activation: Activation, count: int) -> np.ndarray:
    """Return a_n = E[phi(y) h_n(y)] for n < count. The Hermite polynomials h_n are orthonormal under the normal law.

    The integrals are computed with the trapezoidal rule and the Hermite functions h_n(y) exp(-y^2 / 4), which do not
    overflow. If phi is analytic in a strip around the real axis, this rule converges exponentially. Gauss-Hermite
    quadrature would converge only as exp(-sqrt(nodes)).
    """
    y, step = np.linspace(-INTERVAL, INTERVAL, NODES, retstep=True)
    previous, current = np.zeros(NODES), np.exp(-(y**2) / 4) / (2 * pi) ** 0.25  # h_{n-1}, h_n times exp(-y^2 / 4)
    weighted = activation.value(y) * current * step
    coefficients = []
    for n in range(count):
        coefficients.append(weighted @ current)
        previous, current = current, (y * current - np.sqrt(n) * previous) / np.sqrt(n + 1)
    return np.array(coefficients)
