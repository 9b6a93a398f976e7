"""Exponentials of symmetric operators by the Lanczos method for a shifted and inverted operator."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from freqbias.errors import ComputationError
from freqbias.numerics.lanczos import Apply, Basis, Callback, Dot, Lanczos, decayed

Solve = Callable[[np.ndarray, float], np.ndarray]  # (n,), looseness -> (n,)


@dataclass(frozen=True)
class Trajectory:
    """The result of `shift_invert_exponential`, whose states are computed one by one because they may be large.

    coefficients: those of the states in the Krylov space, relative to |u(0)|, (T, m). steps, error: see `Evolution`.
    """

    krylov: "Lanczos"
    coefficients: np.ndarray
    steps: int
    error: float

    def states(self) -> Iterator[np.ndarray]:
        """Yield u at the output times, (n,)."""
        for coefficients in self.coefficients:
            yield self.krylov.combine(self.krylov.norm * coefficients)


def shift_invert_exponential(
    solve: Solve,
    start: np.ndarray,
    times: np.ndarray,
    tolerance: float,
    *,
    shift: float,
    mass: Apply,
    decay: float = 0.0,
    dot: Dot = np.matmul,
    saved_basis: Basis | None = None,
    callback: Callback = lambda lanczos: None,
    max_steps: int = 100,
) -> Trajectory:
    """Compute exp(-t M^-1 A) w at each of `times` (T,), for a positive semidefinite matrix A.

    solve: maps b to (M + shift A)^-1 b. Its second argument is a factor of the relative error of the solve, in the
    norm of M + shift A. The factor is at most 1 for the first solve, because an error of S changes exp(-t A) by up to
    t / shift times as much, and it grows like the inverse of the change that stops the iteration, because later vectors
    of the basis have smaller coefficients. start: w, (n,). mass: maps v to M v.
    decay: the rate of the decay towards the start, as for `exponential`.
    The Lanczos recurrence is that of S = (M + shift A)^-1 M in the inner product of M. An eigenvalue lambda of M^-1 A
    becomes the eigenvalue theta = 1 / (1 + shift lambda) of S. The iteration stops when the coefficients of steps m and
    m - 3 differ by at most `tolerance`, relative to |w|_M, at every output time.
    Raises ComputationError if they still differ by more after `max_steps` solves.
    Source: van den Eshof and Hochbruck, SIAM J. Sci. Comput. 27 (2006); Simoncini and Szyld, SIAM J. Sci. Comput. 25
    (2003), for solves with growing errors.
    """
    change, sensitivity = 1.0, max(1.0, times[-1] / (10 * shift))
    lanczos = Lanczos(
        lambda b: solve(b, 1 / (sensitivity * change)), start, mass=mass, dot=dot, saved_basis=saved_basis
    )
    if lanczos.norm == 0:
        return Trajectory(lanczos, np.zeros((len(times), 0)), 0, 0.0)
    history: list[np.ndarray] = []  # the coefficients of each step
    for beta, ritz_values, vectors in lanczos.iterate(max_steps, callback):
        theta = np.clip(ritz_values, np.finfo(float).tiny, 1.0)
        coefficients = (decayed(times, (1 / theta - 1) / shift, decay) * vectors[0]) @ vectors.T
        history.append(coefficients)
        if len(theta) > 3:
            earlier = np.pad(history[-4], ((0, 0), (0, 3)))
            change = min(1.0, float(np.linalg.norm(coefficients - earlier, axis=1).max()))
        if change <= tolerance or beta == 0:
            return Trajectory(lanczos, coefficients, len(theta), 0.0 if beta == 0 else change)
    raise ComputationError(
        f"shift-and-invert Lanczos: the last change is {change:.1e} after {max_steps} solves, above the tolerance "
        f"{tolerance:.1e}; use a larger tolerance"
    )
