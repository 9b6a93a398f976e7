"""Positions far from x = 0, which make the kernel large and the problem stiff."""

import numpy as np

from freqbias.numerics import Sites

FAR = 2.0  # distance of the mean position from 0, in units of the spread
LARGER = 2.0  # factor by which the kernel grows


def origin_warning(sites: Sites, sigma_a: float) -> str:
    """Return a warning if the samples are far from x = 0, compared with their spread, otherwise an empty text.

    The kernel K(x, x') = (1 + 4 pi^2 sigma_a^2 x.x') k(x - x') and its eigenvalues grow with the distance from 0.
    """
    if sites.lattice is not None:  # centred
        return ""
    positions = sites.positions()
    mean = positions.mean(axis=0)
    distance = float(np.linalg.norm(mean))
    spread = float(np.sqrt(((positions - mean) ** 2).sum(axis=1).mean()))
    weight = (2 * np.pi * sigma_a) ** 2
    growth = (1 + weight * (distance**2 + spread**2)) / (1 + weight * spread**2)
    if distance <= FAR * spread or growth <= LARGER:
        return ""
    return (
        f"the samples lie far from x = 0: their mean is at the distance {distance:.4g}, but they spread only "
        f"{spread:.4g} around the mean; the kernel contains x.x', so lambda_max, the number of steps and the mesh "
        f"grow: the kernel is about {growth:.3g} times as large as for centred positions; use [data] center = true"
    )
