"""The scales of the densities that a design tries."""

import numpy as np

from freqbias.numerics import Sites, scale_range

ROUNDED = ".4g"


def default_scales(
    sites: Sites, band: tuple[float, float] | None = None, *, ordered: bool = False
) -> tuple[float, float]:
    """Return the range of scales for some samples [cycles/length].

    To learn a band of frequencies, the range is a quarter to twice the largest of them. Learning rates in a given order
    also need narrower densities.
    """
    if band is not None:
        return band[1] / (16 if ordered else 4), 2 * band[1]
    return scale_range(sites)


def scale_grid(lower: float, upper: float, count: int) -> list[float]:
    """Return scales with a constant ratio, rounded to four digits."""
    return sorted({rounded(scale) for scale in np.geomspace(lower, upper, count)})


def between(scale: float, other: float) -> float:
    """Return the geometric mean, rounded to four digits."""
    return rounded(np.sqrt(scale * other))


def rounded(scale: float) -> float:
    return float(format(scale, ROUNDED))
