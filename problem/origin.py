"""Positions far from x = 0, which make the kernel large and the problem stiff."""

import numpy as np

from freqbias.numerics import Sites
from freqbias.problem.laws import Laws

FAR = 2.0  # distance of the mean position from 0, in units of the spread
LARGER = 2.0  # factor by which the kernel grows


def origin_warning(sites: Sites, laws: Laws) -> str:
    """Return a warning if the samples are far from x = 0, compared with their spread, otherwise an empty text.

    The kernel K(x, x) = G(0) + 4 pi^2 |x|^2 H(0) of the laws and its eigenvalues grow with the distance from 0.
    """
    if sites.lattice is not None:  # centred
        return ""
    positions = sites.positions()
    mean = positions.mean(axis=0)
    distance = float(np.linalg.norm(mean))
    spread = float(np.sqrt(((positions - mean) ** 2).sum(axis=1).mean()))
    growth = laws.kernel_rate_bound(np.hypot(distance, spread)) / laws.kernel_rate_bound(spread)
    if distance <= FAR * spread or growth <= LARGER:
        return ""
    return (
        f"the samples lie far from x = 0: their mean is at the distance {distance:.4g}, but they spread only "
        f"{spread:.4g} around the mean; the kernel contains x.x', so lambda_max, the number of steps and the mesh "
        f"grow: the kernel is about {growth:.3g} times as large as for centred positions; use [data] center = true"
    )
