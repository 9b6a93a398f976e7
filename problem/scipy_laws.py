"""Densities rho_w from frozen laws of scipy.stats. `freqbias.problem.density` documents the methods."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from freqbias.errors import InputError
from freqbias.problem.densities import Gaussian, StudentT
from freqbias.problem.density import Density
from freqbias.problem.function_density import FunctionDensity

LAWS = "give a frozen continuous law of scipy.stats, multivariate_normal or multivariate_t"


def from_scipy(law: Any, *, breaks: tuple[float, ...] = ()) -> Density:
    """Return the density rho_w of a frozen law of scipy.stats.

    A law on the line, for example scipy.stats.logistic(scale=5.0), gives the density rho_w(xi) = prod_i p(xi_i) in any
    dimension. scipy.stats.multivariate_normal and multivariate_t give the density in the law's own dimension.
    breaks: the places x > 0 where p or its derivative jumps, apart from the ends of the law's support [cycles/length].
    Raises InputError if the law is of another kind, or if it is not an even density (see `FunctionDensity`).
    """
    from scipy import stats

    distribution = getattr(law, "dist", None)
    if isinstance(distribution, stats.rv_continuous):
        ends = [abs(float(end)) for end in law.support()]
        return FunctionDensity(law.pdf, (*breaks, *(end for end in ends if np.isfinite(end) and end > 0)))
    kind = type(law).__name__
    if kind not in ("multivariate_normal_frozen", "multivariate_t_frozen"):
        raise InputError(f"the density is a {kind}; {LAWS}")
    unit: Density = Gaussian(1.0)
    if kind == "multivariate_normal_frozen":
        centre, matrix = law.mean, law.cov
    else:
        centre, matrix = law.loc, law.shape
        if np.isfinite(law.df):
            unit = StudentT(1.0, float(law.df))
    if np.any(centre):
        raise InputError(f"the density: it is not even, because its centre is {np.asarray(centre).tolist()}; give 0")
    if not 1 <= len(np.atleast_2d(matrix)) <= 3:
        raise InputError(f"the density has {len(matrix)} dimensions; give 1, 2 or 3")
    return Elliptical(unit, np.atleast_2d(np.asarray(matrix, dtype=float)))


@dataclass(frozen=True, eq=False)
class Elliptical(Density):
    """rho_w(xi) = f(|L^-1 xi|) / det L,  k(z) = k_f(|L^T z|),  L L^T = matrix.

    unit: the density f(|xi|), with scale 1, in every dimension. Its values decrease with |xi|.
    matrix: symmetric and positive definite, (d, d) [cycles^2/length^2]. Raises InputError if it is not.
    """

    unit: Density
    matrix: np.ndarray

    def __post_init__(self) -> None:
        try:
            np.linalg.cholesky(self.matrix)
        except np.linalg.LinAlgError:
            raise InputError(
                f"the density: the matrix {self.matrix.tolist()} is not positive definite; give a positive definite one"
            ) from None

    @property
    def dimensions(self) -> tuple[int, ...]:
        return (len(self.matrix),)

    @property
    def _factor(self) -> np.ndarray:
        """L, lower triangular, (d, d)."""
        return np.linalg.cholesky(self.matrix)

    @property
    def _determinant(self) -> float:
        return float(np.prod(np.diag(self._factor)))

    def density(self, xi: np.ndarray) -> np.ndarray:
        return self.unit.density(xi @ np.linalg.inv(self._factor).T) / self._determinant

    def transform(self, z: np.ndarray) -> np.ndarray:
        return self.unit.transform(z @ self._factor)

    def from_unit_cube(self, unit: np.ndarray) -> np.ndarray:
        return self.unit.from_unit_cube(unit) @ self._factor.T

    def maximum(self, dimension: int) -> float:
        return self.unit.maximum(dimension) / self._determinant

    @property
    def _widest(self) -> float:
        """The largest scale of an axis. On the plane xi_i = R, the least |L^-1 xi| is R / sqrt(matrix_ii)."""
        return float(np.sqrt(np.diag(self.matrix).max()))

    def tail_maximum(self, radius: float, dimension: int) -> float:
        return self.unit.tail_maximum(radius / self._widest, dimension) / self._determinant

    def tail_radius(self, level: float, dimension: int) -> float:
        return self._widest * self.unit.tail_radius(level * self._determinant, dimension)
