"""Extend a Krylov space until some quantities that are computed from it have converged."""

from collections.abc import Callable

import numpy as np

from freqbias.numerics import Lanczos

CHECK_EVERY = 4  # products between two tests of convergence
ACCURACY = 2e-3  # change of a quantity over CHECK_EVERY products, relative to its scale
MOST_PRODUCTS = 400

Measure = Callable[[], tuple[np.ndarray, np.ndarray]]  # -> the quantities and the scale of each, in any shape


def grow(lanczos: Lanczos, size: int, measure: Measure, *, accuracy: float = ACCURACY) -> bool:
    """Extend the Krylov space, and return whether the quantities have converged after at most MOST_PRODUCTS products.

    size: the dimension of the whole space. measure: called after every CHECK_EVERY products.
    """
    previous: np.ndarray | None = None
    while lanczos.steps < min(MOST_PRODUCTS, size):
        lanczos.step()
        exhausted = lanczos.beta[-1] == 0 or lanczos.steps == size
        if lanczos.steps % CHECK_EVERY and not exhausted:
            continue
        values, scale = measure()
        if exhausted or (previous is not None and bool((np.abs(values - previous) <= accuracy * scale).all())):
            return True
        previous = values
    measure()
    return False
