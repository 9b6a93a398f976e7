"""The exponential of a symmetric operator by Lanczos, with full reorthogonalisation.

Vectors are real arrays; under MPI they are the local parts, and `inner` sums over the ranks. One basis serves every
output time.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh_tridiagonal

from problem import ComputationError

Apply = Callable[[np.ndarray], np.ndarray]  # (n,) -> (n,)
Inner = Callable[[np.ndarray, np.ndarray], np.ndarray]  # (k, n), (n,) -> (k,)

BREAKDOWN = 1e-14  # beta below this times the norm of A v: the Krylov space is invariant, and the result exact


@dataclass(frozen=True)
class Exponential:
    """exp(-t A) u at the output times, (T, n); steps: products made; error: the bound or estimate reached, relative
    to |u|."""

    values: np.ndarray
    steps: int
    error: float


class Lanczos:
    """A V_m = V_m T_m + beta_m v_{m+1} e_m^T with V_m orthonormal in `inner`; `step` appends one column to V and T.

    Source: Golub and Van Loan, Matrix Computations, section 10.1, with the Gram-Schmidt step done twice.
    """

    def __init__(self, apply: Apply, start: np.ndarray, *, inner: Inner = np.matmul) -> None:
        self._apply, self._inner = apply, inner
        self.norm = float(np.sqrt(inner(start[None, :], start)[0]))
        self.basis = start[None, :] / self.norm
        self.alpha: list[float] = []
        self.beta: list[float] = []

    def step(self) -> None:
        """One product with A. Raises ComputationError where it gives NaN or infinity."""
        m = len(self.alpha)
        vector = self._apply(self.basis[m])
        scale = np.sqrt(self._inner(vector[None, :], vector)[0])
        if not np.isfinite(scale):
            raise ComputationError(
                f"Lanczos step {m + 1}: the operator gave a value that is not finite; check the data and the laws"
            )
        alpha = 0.0
        for _ in range(2):
            coefficients = self._inner(self.basis[: m + 1], vector)
            vector = vector - coefficients @ self.basis[: m + 1]
            alpha += coefficients[m]
        beta = float(np.sqrt(self._inner(vector[None, :], vector)[0]))
        self.alpha.append(float(alpha))
        self.beta.append(beta if beta > BREAKDOWN * scale else 0.0)
        if self.beta[-1] > 0:
            if m + 1 == len(self.basis):
                self.basis = np.concatenate([self.basis, np.empty((max(16, m), len(vector)))])
            self.basis[m + 1] = vector / beta

    @property
    def steps(self) -> int:
        return len(self.alpha)

    def spectrum(self) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues (m,) and eigenvectors (m, m) of T_m."""
        return eigh_tridiagonal(np.array(self.alpha), np.array(self.beta[:-1]))

    def combine(self, coefficients: np.ndarray) -> np.ndarray:
        """sum_i c_i v_i: (T, m) -> (T, n)."""
        return coefficients @ self.basis[: coefficients.shape[1]]


def exponential(
    apply: Apply,
    start: np.ndarray,
    times: np.ndarray,
    tolerance: float,
    *,
    inner: Inner = np.matmul,
    max_steps: int = 500,
) -> Exponential:
    """exp(-t A) u for a positive semidefinite A, at each of `times` (T,).

    Stops when, at every output time, beta_m |e_m^T t phi_1(-t T_m) e_1| <= tolerance, phi_1(z) = (e^z - 1)/z: an
    upper bound of the error over |u|. Raises ComputationError when that takes more than max_steps products.
    Source: Saad, SIAM J. Numer. Anal. 29 (1992); Hochbruck and Lubich, SIAM J. Numer. Anal. 34 (1997).
    """
    if not inner(start[None, :], start)[0] > 0:
        return Exponential(np.zeros((len(times), len(start))), 0, 0.0)
    lanczos = Lanczos(apply, start, inner=inner)
    bound = np.inf
    for _ in range(max_steps):
        lanczos.step()
        eigenvalues, vectors = lanczos.spectrum()
        eigenvalues = np.maximum(eigenvalues, np.finfo(float).tiny)  # A is semidefinite; rounding may not be
        decay = -np.expm1(-np.outer(times, eigenvalues)) / eigenvalues  # t phi_1(-t lambda), (T, m)
        bound = lanczos.beta[-1] * np.abs(decay @ (vectors[-1] * vectors[0])).max()
        if bound <= tolerance:
            coefficients = (np.exp(-np.outer(times, eigenvalues)) * vectors[0]) @ vectors.T
            return Exponential(lanczos.norm * lanczos.combine(coefficients), lanczos.steps, float(bound))
    raise ComputationError(
        f"Lanczos: error bound {bound:.1e} after {max_steps} steps, asked {tolerance:.1e}; ask for shorter times "
        f"or a larger tolerance"
    )


def shift_invert_exponential(
    resolvent: Apply,
    start: np.ndarray,
    times: np.ndarray,
    tolerance: float,
    *,
    shift: float,
    inner: Inner,
    max_steps: int = 100,
) -> Exponential:
    """exp(-t M^-1 A) w for positive semidefinite A, at each of `times` (T,), from the resolvent S = (M + shift A)^-1 M.

    Lanczos on S in the inner product of M (`inner`); an eigenvalue theta of S is 1 / (1 + shift lambda). Stops when
    the coefficient vectors of steps m and m - 3 differ by at most `tolerance` relative to |w|_M at all times. Raises
    ComputationError after max_steps solves.
    Source: van den Eshof and Hochbruck, SIAM J. Sci. Comput. 27 (2006).
    """
    if not inner(start[None, :], start)[0] > 0:
        return Exponential(np.zeros((len(times), len(start))), 0, 0.0)
    lanczos = Lanczos(resolvent, start, inner=inner)
    history: list[np.ndarray] = []
    change = np.inf
    for m in range(1, max_steps + 1):
        lanczos.step()
        theta, vectors = lanczos.spectrum()
        theta = np.clip(theta, np.finfo(float).tiny, 1.0)
        coefficients = (np.exp(-np.outer(times, (1 / theta - 1) / shift)) * vectors[0]) @ vectors.T
        history.append(coefficients)
        if m > 3:
            earlier = np.pad(history[-4], ((0, 0), (0, 3)))
            change = float(np.linalg.norm(coefficients - earlier, axis=1).max())
        if change <= tolerance or lanczos.beta[-1] == 0:
            return Exponential(
                lanczos.norm * lanczos.combine(coefficients), m, 0.0 if lanczos.beta[-1] == 0 else change
            )
    raise ComputationError(
        f"shift-and-invert Lanczos: change {change:.1e} after {max_steps} solves, asked {tolerance:.1e}; ask for "
        f"a larger tolerance"
    )
