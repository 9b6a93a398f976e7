"""Check that the user's mesh covers the frequencies that [density] draws."""

import numpy as np

from freqbias.errors import InputError
from freqbias.problem import Problem

MAX_MISSING = 0.02  # largest share of the drawn frequencies that may lie outside the mesh
ADVISED_SHARE = 0.99  # share inside the half-width that the message advises, if rho_w has no bounded support
GOLDEN = {1: 1.618033988749895, 2: 1.324717957244746, 3: 1.220744084605760}  # x^(d+1) = x + 1
SAMPLES = 2**14


def check_coverage(problem: Problem, missing: float) -> None:
    """Raise InputError if the share `missing` of the drawn frequencies outside a mesh is larger than MAX_MISSING."""
    if missing <= MAX_MISSING:
        return
    laws = problem.laws.damping, problem.laws.diffusion
    if all(law.compact for law in laws):
        needed = max(law.tail_radius(1e-12 * law.maximum) for law in laws)
    else:
        needed = float(np.quantile(_drawn(problem), ADVISED_SHARE))
    raise InputError(
        f"the mesh leaves out {round(100 * missing, 1):g} % of the frequencies that [density] draws; the mesh must "
        f"cover about |xi_i| <= {needed:.4g}"
    )


def share_outside(problem: Problem, half_width: float) -> float:
    """Return the share of the drawn frequencies outside the box |xi_i| <= half_width, with an error of about 1e-3."""
    return float(np.mean(_drawn(problem) > half_width * (1 + 1e-9)))


def _drawn(problem: Problem) -> np.ndarray:
    """Return max_i |xi_i| for frequencies drawn from the density rho_w, (SAMPLES,) [cycles/length].

    The frequencies are drawn with Kronecker's sequence in place of random numbers, because the points of this sequence
    fill the unit cube evenly.
    """
    d = problem.dimension
    unit = (0.5 + np.arange(SAMPLES)[:, None] * GOLDEN[d] ** -np.arange(1.0, d + 1)) % 1
    return np.abs(problem.density.from_unit_cube(unit)).max(axis=1)
