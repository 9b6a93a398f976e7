"""The exponential of a symmetric operator by Lanczos, with full reorthogonalisation.

Vectors are real arrays; under MPI they are the local parts, and `dot` sums over the ranks. One basis serves every
output time.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh_tridiagonal

from freqbias.errors import ComputationError

Apply = Callable[[np.ndarray], np.ndarray]  # (n,) -> (n,)
Dot = Callable[[np.ndarray, np.ndarray], np.ndarray]  # (k, n), (n,) -> (k,)

Callback = Callable[["Lanczos"], None]  # called before a product; what it raises ends the work, the basis being whole

BREAKDOWN = 1e-14  # beta below this times the norm of A v: the Krylov space is invariant, and the result exact


@dataclass(frozen=True)
class Evolution:
    """u evolved to the output times, (T, n); steps: products made; error: the bound or estimate reached, relative
    to |u|."""

    values: np.ndarray
    steps: int
    error: float


@dataclass(frozen=True)
class Basis:
    """A Krylov space that can be gone on from: vectors (m + 1, n), v_{m+1} included; alpha (m,), beta (m,)."""

    vectors: np.ndarray
    alpha: np.ndarray
    beta: np.ndarray


class Lanczos:
    """S V_m = V_m T_m + beta_m v_{m+1} e_m^T for S = apply M symmetric in the inner product of M, in which V_m is
    orthonormal; `step` appends one column to V and T.

    apply takes M v to S v; without `mass`, M is the identity. M V_m is kept beside V_m, so that each step makes one
    product with M. known: the basis that an earlier one left, from the same start, to go on from.
    Source: Golub and Van Loan, Matrix Computations, section 10.1; the three-term recurrence, then Gram-Schmidt
    against the whole basis.
    """

    def __init__(
        self,
        apply: Apply,
        start: np.ndarray,
        *,
        mass: Apply | None = None,
        dot: Dot = np.matmul,
        saved_basis: Basis | None = None,
    ) -> None:
        self._apply, self._mass, self._dot = apply, mass, dot
        image = start if mass is None else mass(start)
        self.norm = float(np.sqrt(dot(image[None, :], start)[0]))
        self.alpha: list[float] = [] if saved_basis is None else saved_basis.alpha.tolist()
        self.beta: list[float] = [] if saved_basis is None else saved_basis.beta.tolist()
        if saved_basis is not None:
            self.basis = saved_basis.vectors
            self._images = self.basis if mass is None else np.array([mass(v) for v in self.basis])
        elif self.norm != 0:
            self.basis = start[None, :] / self.norm
            self._images = self.basis if mass is None else image[None, :] / self.norm

    def step(self) -> None:
        """One product with S. Raises ComputationError where it gives NaN or infinity."""
        m = len(self.alpha)
        basis, images = self.basis[: m + 1], self._images[: m + 1]
        vector = self._apply(images[m])
        alpha = float(self._dot(images[m:], vector)[0])
        vector = vector - alpha * basis[m]
        if m > 0:
            vector -= self.beta[-1] * basis[m - 1]
        coefficients = self._dot(images, vector)
        vector -= coefficients @ basis
        image = vector if self._mass is None else self._mass(vector)
        beta = float(np.sqrt(self._dot(image[None, :], vector)[0]))
        if not np.isfinite(alpha + beta):
            raise ComputationError(
                f"Lanczos step {m + 1}: the operator gave a value that is not finite; check the data and the laws"
            )
        alpha += float(coefficients[m])
        scale = np.linalg.norm([alpha, beta, self.beta[-1] if m > 0 else 0.0])  # of S v_m
        self.alpha.append(alpha)
        self.beta.append(beta if beta > BREAKDOWN * scale else 0.0)
        if self.beta[-1] > 0:
            self.basis = _with_row(self.basis, m + 1, vector / beta)
            self._images = self.basis if self._mass is None else _with_row(self._images, m + 1, image / beta)

    @property
    def steps(self) -> int:
        return len(self.alpha)

    def spectrum(self, m: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues (m,) and eigenvectors (m, m) of T_m; by default m is the number of steps."""
        m = m or self.steps
        return eigh_tridiagonal(np.array(self.alpha[:m]), np.array(self.beta[: m - 1]))

    def iterate(self, most: int, callback: Callback) -> Iterator[tuple[float, np.ndarray, np.ndarray]]:
        """beta_m, and eigenvalues and eigenvectors of T_m, for m = 1, 2, ..., most: a step where m asks for one, and
        `watch` before it."""
        for m in range(1, most + 1):
            if m > self.steps:
                callback(self)
                self.step()
            yield self.beta[m - 1], *self.spectrum(m)

    def saved_basis(self) -> Basis:
        """What another `Lanczos` can go on from."""
        return Basis(self.basis[: self.steps + 1], np.array(self.alpha), np.array(self.beta))

    def combine(self, coefficients: np.ndarray) -> np.ndarray:
        """sum_i c_i v_i: (T, m) -> (T, n)."""
        return coefficients @ self.basis[: coefficients.shape[1]]


def _with_row(rows: np.ndarray, place: int, row: np.ndarray) -> np.ndarray:
    """rows with one more at `place`, longer in good time: (k, n) -> (k or more, n)."""
    if place == len(rows):
        rows = np.concatenate([rows, np.empty((max(16, place), len(row)))])
    rows[place] = row
    return rows


def exponential(
    apply: Apply,
    start: np.ndarray,
    times: np.ndarray,
    tolerance: float,
    *,
    saved_basis: Basis | None = None,
    callback: Callback = lambda lanczos: None,
    max_steps: int = 500,
) -> Evolution:
    """exp(-t A) u for a positive semidefinite A, at each of `times` (T,).

    Stops when, at every output time, beta_m |e_m^T t phi_1(-t T_m) e_1| <= tolerance, phi_1(z) = (e^z - 1)/z: an
    upper bound of the error over |u|. Raises ComputationError when that takes more than max_steps products.
    Source: Saad, SIAM J. Numer. Anal. 29 (1992); Hochbruck and Lubich, SIAM J. Numer. Anal. 34 (1997).
    """
    lanczos = Lanczos(apply, start, saved_basis=saved_basis)
    if lanczos.norm == 0:
        return Evolution(np.zeros((len(times), len(start))), 0, 0.0)
    bound = np.inf
    for beta, found, vectors in lanczos.iterate(max_steps, callback):
        eigenvalues = np.maximum(found, np.finfo(float).tiny)  # A is semidefinite; rounding may not be
        decay = -np.expm1(-np.outer(times, eigenvalues)) / eigenvalues  # t phi_1(-t lambda), (T, m)
        bound = beta * np.abs(decay @ (vectors[-1] * vectors[0])).max()
        if bound <= tolerance:
            coefficients = (np.exp(-np.outer(times, eigenvalues)) * vectors[0]) @ vectors.T
            return Evolution(lanczos.norm * lanczos.combine(coefficients), len(found), float(bound))
    raise ComputationError(
        f"Lanczos: error bound {bound:.1e} after {max_steps} steps, asked {tolerance:.1e}; ask for shorter times "
        f"or a larger tolerance"
    )


def shift_invert_exponential(
    solve: Apply,
    start: np.ndarray,
    times: np.ndarray,
    tolerance: float,
    *,
    shift: float,
    mass: Apply,
    dot: Dot = np.matmul,
    saved_basis: Basis | None = None,
    callback: Callback = lambda lanczos: None,
    max_steps: int = 100,
) -> Evolution:
    """exp(-t M^-1 A) w for positive semidefinite A, at each of `times` (T,), from solve: b -> (M + shift A)^-1 b.

    Lanczos on S = (M + shift A)^-1 M in the inner product of M; an eigenvalue theta of S is 1 / (1 + shift lambda).
    Stops when the coefficient vectors of steps m and m - 3 differ by at most `tolerance` relative to |w|_M at all
    times. Raises ComputationError after max_steps solves.
    Source: van den Eshof and Hochbruck, SIAM J. Sci. Comput. 27 (2006).
    """
    lanczos = Lanczos(solve, start, mass=mass, dot=dot, saved_basis=saved_basis)
    if lanczos.norm == 0:
        return Evolution(np.zeros((len(times), len(start))), 0, 0.0)
    history: list[np.ndarray] = []
    change = np.inf
    for beta, found, vectors in lanczos.iterate(max_steps, callback):
        theta = np.clip(found, np.finfo(float).tiny, 1.0)
        coefficients = (np.exp(-np.outer(times, (1 / theta - 1) / shift)) * vectors[0]) @ vectors.T
        history.append(coefficients)
        if len(found) > 3:
            earlier = np.pad(history[-4], ((0, 0), (0, 3)))
            change = float(np.linalg.norm(coefficients - earlier, axis=1).max())
        if change <= tolerance or beta == 0:
            values = lanczos.norm * lanczos.combine(coefficients)
            return Evolution(values, len(found), 0.0 if beta == 0 else change)
    raise ComputationError(
        f"shift-and-invert Lanczos: change {change:.1e} after {max_steps} solves, asked {tolerance:.1e}; ask for "
        f"a larger tolerance"
    )
