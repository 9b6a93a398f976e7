"""Exponentials of symmetric operators by the Lanczos method, with full reorthogonalisation.

Vectors are real arrays. Under MPI each rank holds its part of a vector, and `dot` sums over the ranks. One Krylov space
serves all output times.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh_tridiagonal

from freqbias.errors import ComputationError

Apply = Callable[[np.ndarray], np.ndarray]  # (n,) -> (n,)
Dot = Callable[[np.ndarray, np.ndarray], np.ndarray]  # (k, n), (n,) -> (k,)

Callback = Callable[["Lanczos"], None]  # called before each product; an exception stops the iteration

BREAKDOWN = 1e-14  # if beta_m < BREAKDOWN |S v_m|, the Krylov space is invariant and the result is exact


INTEGRAL_FACTOR = 0.6382  # max of (1 - exp(-y)) / sqrt(y)


@dataclass(frozen=True)
class Evolution:
    """The result of an evolution.

    values: u at the output times, (T, n). steps: the number of products or solves.
    error: a bound or estimate of the largest error, relative to |u(0)|.
    """

    values: np.ndarray
    steps: int
    error: float
    integral: "Integral | None" = None


@dataclass(frozen=True)
class Integral:
    """The integral w of u from time 0 to the output times, for which u(0) - u = A w.

    values: w at the output times, (T, n). error: a bound of the error |A^(1/2) dw| relative to |u(0)|, (T,).
    For a vector k, the error of k.w is at most |A^(-1/2) k| |A^(1/2) dw|.
    """

    values: np.ndarray
    error: np.ndarray


@dataclass(frozen=True)
class Basis:
    """A Krylov space that a later `Lanczos` can extend.

    vectors: v_1 .. v_{m+1}, (m + 1, n). alpha, beta: the entries of T_m, (m,).
    """

    vectors: np.ndarray
    alpha: np.ndarray
    beta: np.ndarray


@dataclass(frozen=True)
class Metric:
    """The inner product (u, v) = u^T P v of a symmetric positive definite matrix P.

    mass: the product with P, or None for P = 1. smallest: a lower bound of the eigenvalues of P, or None if it is
    unknown. Then errors are bounded relative to |u|_P, in the norm of P.
    """

    mass: Apply | None = None
    smallest: float | None = 1.0


EUCLIDEAN = Metric()


class Lanczos:
    """The Lanczos recurrence for an operator S that is symmetric in the inner product (u, v) = u^T M v:

        S V_m = V_m T_m + beta_m v_{m+1} e_m^T,    V_m^T M V_m = I,    T_m = tridiag(beta_{k-1}, alpha_k, beta_k).

    apply: maps M v to S v. start: the vector with the direction of v_1, (n,). mass: maps v to M v; by default M = I.
    Only V_m is stored. M v_m is a product with a row of V_m, so a saved basis determines the next step to the last bit.
    saved_basis: the Krylov space of an earlier run with the same `start`, which this object extends.
    Source: Golub and Van Loan, Matrix Computations, section 10.1.
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
        mass_start = start if mass is None else mass(start)
        self.norm = float(np.sqrt(dot(mass_start[None, :], start)[0]))
        self.alpha: list[float] = [] if saved_basis is None else saved_basis.alpha.tolist()
        self.beta: list[float] = [] if saved_basis is None else saved_basis.beta.tolist()
        self.basis = np.zeros((0, len(start))) if saved_basis is None else saved_basis.vectors
        if saved_basis is None and self.norm != 0:
            self.basis = _with_row(self.basis, 0, start / self.norm)

    def step(self) -> None:
        """Make one step of the recurrence, with one product with S:

            alpha_m = v_m^T M S v_m,    r = S v_m - alpha_m v_m - beta_{m-1} v_{m-1},    r <- r - V_m V_m^T M r,
            beta_m = |r|_M,             v_{m+1} = r / beta_m.

        Raises ComputationError if S gives NaN or infinity.
        """
        m = len(self.alpha)  # from 0: V[m] is v_{m+1} of the formulas
        V = self.basis[: m + 1]
        Mv = self._mass_product(V[m])
        r = self._apply(Mv)
        alpha = float(self._dot(Mv[None, :], r)[0])
        r = r - alpha * V[m]  # not in place: r may be an array of the caller
        if m > 0:
            r -= self.beta[-1] * V[m - 1]
        corrections = self._dot(V, self._mass_product(r))
        r -= corrections @ V
        beta = float(np.sqrt(self._dot(self._mass_product(r)[None, :], r)[0]))
        if not np.isfinite(alpha + beta):
            raise ComputationError(
                f"Lanczos step {m + 1}: the operator gave NaN or infinity; check the data and the run file"
            )
        alpha += float(corrections[m])
        scale = np.linalg.norm([alpha, beta, self.beta[-1] if m > 0 else 0.0])  # |S v_m|_M
        self.alpha.append(alpha)
        self.beta.append(beta if beta > BREAKDOWN * scale else 0.0)
        if self.beta[-1] > 0:
            self.basis = _with_row(self.basis, m + 1, r / beta)

    def _mass_product(self, v: np.ndarray) -> np.ndarray:
        return v if self._mass is None else self._mass(v)

    def extend(self, steps: int) -> None:
        """Make steps until there are `steps`, or until the Krylov space is invariant under S."""
        while self.steps < min(steps, self.basis.shape[1]) and not (self.beta and self.beta[-1] == 0):
            self.step()

    @property
    def steps(self) -> int:
        """m, the number of steps so far."""
        return len(self.alpha)

    def ritz_pairs(self, m: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the ascending eigenvalues (m,) and the eigenvectors (m, m) of T_m; by default m = `steps`."""
        m = m or self.steps
        return eigh_tridiagonal(np.array(self.alpha[:m]), np.array(self.beta[: m - 1]))

    def iterate(self, max_steps: int, callback: Callback) -> Iterator[tuple[float, np.ndarray, np.ndarray]]:
        """Yield beta_m and the eigenvalues and eigenvectors of T_m, for m = 1 .. max_steps.

        Steps that the basis lacks are computed. `callback` is called before each of them.
        """
        for m in range(1, max_steps + 1):
            if m > self.steps:
                callback(self)
                self.step()
            yield self.beta[m - 1], *self.ritz_pairs(m)

    def saved_basis(self) -> Basis:
        """The Krylov space, for a later `Lanczos` to extend."""
        return Basis(self.basis[: self.steps + 1], np.array(self.alpha), np.array(self.beta))

    def combine_modes(self, weights: np.ndarray) -> np.ndarray:
        """Return sum_k g_k (s_k, v) s_k for v = |v| v_1 and Ritz vectors s_k, (T, n). weights: g, (T, m)."""
        _, vectors = self.ritz_pairs(weights.shape[1])
        return self.combine(self.norm * (weights * vectors[0]) @ vectors.T)

    def integral(self, weights: np.ndarray, error: np.ndarray) -> Integral:
        """Return M sum_k g_k (s_k, v) s_k. weights: g, (T, m). error: see `Integral`."""
        return Integral(np.array([self._mass_product(w) for w in self.combine_modes(weights)]), error)

    def combine(self, coefficients: np.ndarray) -> np.ndarray:
        """sum_i c_i v_i: (..., m) -> (..., n)."""
        return coefficients @ self.basis[: coefficients.shape[-1]]


def _with_row(rows: np.ndarray, index: int, row: np.ndarray) -> np.ndarray:
    """Return `rows` (k, n) with `row` at this index. If `rows` is full, the result has more rows.

    The operating system gives memory to a row only when it is written.
    """
    if index == len(rows):
        grown = np.empty((index + max(64, index), len(row)))
        grown[:index], rows = rows, grown
    rows[index] = row
    return rows


def integral_factor(times: np.ndarray, shift: float = 0.0) -> np.ndarray:
    """Return how much larger the bound of |A^(1/2) dw| is than that of |u|, at each of the times (T,).

    w is the `Integral` of `exponential` with this shift.
    """
    factor = INTEGRAL_FACTOR * np.sqrt(times)
    return np.asarray((0.5 + factor) / np.sqrt(shift) if shift else factor)


def exponential(
    apply: Apply,
    start: np.ndarray,
    times: np.ndarray,
    tolerance: float,
    *,
    metric: Metric = EUCLIDEAN,
    decay: float = 0.0,
    shift: float = 0.0,
    integrate: bool = False,
    saved_basis: Basis | None = None,
    callback: Callback = lambda lanczos: None,
    max_steps: int = 500,
) -> Evolution:
    """Return exp(-t A) u at each of `times` (T,), for a positive semidefinite matrix A.

    apply: the product with A. start: u, (n,).
    decay: lambda >= 0 of du/dt = -A u - lambda (u - u(0)). Then u(0) - u = A w with the w of the matrix A + lambda, and
    u = exp(-t (A + lambda)) u(0) + lambda w. The bounds stay the same, because each mode of an error becomes a mean of
    1 and exp(-t (A + lambda)) with positive weights.
    integrate: whether the result contains the integral w = t phi_1(-t A) u of exp(-s A) u over 0 < s < t. The residual
    of u at time s adds at most sqrt(lambda) (1 - exp(-(t - s) lambda)) / lambda <= INTEGRAL_FACTOR sqrt(t - s) times
    its norm to the error |A^(1/2) dw|.
    metric: with its matrix P, the result is exp(-t A P) u, and P w in place of w, for which u(0) - u = A P w. A P is
    symmetric in the inner product of P, and similar to P^(1/2) A P^(1/2).
    shift: with eps > 0, the result is exp(-t A P (A P + eps)^-1) u, with the integral of (A P + eps)^-1 u in place of
    that of u (`freqbias.numerics.damped_steps`).
    The iteration stops when this bound of the error relative to |u| is at most `tolerance` at every output time:

        c beta_m |e_m^T t phi_1(-t T_m) e_1|,    phi_1(z) = (e^z - 1) / z,    c = |u|_P / (|u| sqrt(smallest)).

    With a shift, (1 - exp(-t lambda / (lambda + eps))) / lambda replaces t phi_1(-t lambda).

    Raises ComputationError if the bound is still above `tolerance` after `max_steps` products.
    Source: Saad, SIAM J. Numer. Anal. 29 (1992); Hochbruck and Lubich, SIAM J. Numer. Anal. 34 (1997).
    """
    lanczos = Lanczos(apply, start, mass=metric.mass, saved_basis=saved_basis)
    if lanczos.norm == 0:
        zero = np.zeros((len(times), len(start)))
        return Evolution(zero, 0, 0.0, Integral(zero, np.zeros(len(times))) if integrate else None)
    ratio = lanczos.norm / np.linalg.norm(start)  # |u|_P / |u|
    bound, least = np.inf, ratio if metric.smallest is None else np.sqrt(metric.smallest)
    for beta, ritz_values, vectors in lanczos.iterate(max_steps, callback):
        eigenvalues = np.maximum(ritz_values, np.finfo(float).tiny) + decay  # rounding may make Ritz values negative
        rates = eigenvalues / (eigenvalues + shift) if shift else eigenvalues
        t_phi_1 = -np.expm1(-np.outer(times, rates)) / eigenvalues  # t phi_1(-t lambda), (T, m)
        bounds = ratio * beta * np.abs(t_phi_1 @ (vectors[-1] * vectors[0]))  # of |du|_P / |u|
        bound = bounds.max() / least
        if bound <= tolerance:
            values, integral = lanczos.combine_modes(np.exp(-np.outer(times, rates)) + decay * t_phi_1), None
            if integrate:
                integral = lanczos.integral(t_phi_1, integral_factor(times, shift) * bounds)
            return Evolution(values, len(eigenvalues), float(bound), integral)
    raise ComputationError(
        f"Lanczos: error bound {bound:.1e} after {max_steps} steps is above the tolerance {tolerance:.1e}; "
        "use earlier output times or a larger tolerance"
    )


def decayed(times: np.ndarray, rates: np.ndarray, decay: float) -> np.ndarray:
    """Return y(t) with dy/dt = -rate y - decay (y - 1) and y(0) = 1, (T, n): a mode of a flow with weight decay.

    rates: at least 0, (n,) [1/time].
    """
    total = np.maximum(rates, np.finfo(float).tiny) + decay
    exponent = np.outer(times, total)
    return np.asarray(np.exp(-exponent) - np.expm1(-exponent) * (decay / total))
