"""The distance of a draw of the network from infinite width, and the width for a distance.

    distance = max over t of |u(t) - u_inf(t)| / |u(0)|,

where u is the error of the draw as a linearised network, and u_inf that of the kernel at infinite width with the same
start. The kernel of independent draws is a mean over neurons, so the distance falls as 1/sqrt(width).
"""

import math

import numpy as np

from freqbias.errors import InputError
from freqbias.problem.draws import LEVEL
from freqbias.problem.settings import Network

WIDEST = 10**9  # [network] width allows no more


def upper_quantile(values: np.ndarray) -> tuple[float, float]:
    """Return the value below which a further draw lies, and with which probability.

    values: of n draws, (n,). The j-th smallest has the probability j / (n + 1). The smallest j with at least LEVEL
    counts, or the largest value, if there are fewer than 19 draws.
    """
    count = len(values)
    order = min(math.ceil(LEVEL * (count + 1) - 1e-9), count)
    return float(np.sort(values)[order - 1]), order / (count + 1)


def width_for_distance(distance: float, width: int, wanted: float) -> float:
    """Return the width at which a distance, measured at a width, is as small as wanted.

    Raises InputError unless 0 < wanted < infinity.
    """
    if not 0 < wanted < math.inf:
        raise InputError(f"distance = {wanted:g}: give a distance above 0, such as 0.01, relative to |u(0)|")
    return width * (distance / wanted) ** 2


def distance_in_words(distance: np.ndarray, network: Network, wanted: float | None = None) -> str:
    """Return in words how near to infinite width draws are, and the width for the distance wanted.

    distance: of each draw, (n,). wanted: by default the next smaller power of ten.
    """
    found, level = upper_quantile(distance)
    words = f"{100 * level:.0f} % of draws stay within {_percent(found)} of infinite width"
    if not found or network.omega_0 is not None:  # the width of SIREN changes its speed, not only its distance
        return words
    if wanted is None:
        wanted = 10.0 ** (math.ceil(math.log10(found)) - 1)
    least = width_for_distance(found, network.width, wanted)
    about = "at most about" if network.sampling == "sobol" else "about"
    if least > WIDEST:
        return f"{words}; {_percent(wanted)} needs a width of more than 10^9"
    words += f"; {_percent(wanted)} needs a width of {about} {_rounded(least):,}"
    if network.hidden_width is not None:
        words += f" and a hidden_width of {about} {_rounded(least * network.hidden_width / network.width):,}"
    return words


def _rounded(width: float) -> int:
    """Return a width with two significant digits, rounded up to an even number."""
    unit = 10 ** max(0, math.floor(math.log10(max(width, 1))) - 1)
    return max(2, 2 * math.ceil(math.ceil(width / unit - 1e-9) * unit / 2))


def _percent(ratio: float) -> str:
    return f"{100 * ratio:.2g} %" if 100 * ratio < 99.5 else f"{100 * ratio:.0f} %"
