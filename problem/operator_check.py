"""The networks and densities for which the kernel of a differential operator is finite.

The kernel of the rows L f contains the integral of damping |l|^2 + diffusion |grad (l e_x)|^2, with the symbol l of L,
which grows as |xi|^order. For a density that falls as |xi|^-p, it is finite if p > d + 2 order.
"""

from math import inf, log2

from freqbias.errors import InputError
from freqbias.numerics import OperatorRows, Sites
from freqbias.problem.density import Density
from freqbias.problem.settings import Network

FAR = 2.0**40  # in units of the largest width: where a power of |xi| has reached its limit


def check_operator(density: Density, network: Network, sites: Sites) -> None:
    """Raise InputError if the samples are rows of an operator whose kernel is not finite, or not implemented."""
    if not isinstance(sites, OperatorRows):
        return
    operator, key = sites.operator, "omega_0" if network.omega_0 is not None else "depth"
    if network.activation == "relu":
        raise InputError(
            f'[training] operator = "{operator}": the derivatives of a relu network jump, so its kernel with this '
            "operator is infinite; use [network] depth = 2"
        )
    if not network.fourier_sum:
        raise InputError(
            f'[training] operator = "{operator}" is for networks with two layers, but [network] {key} = '
            f"{getattr(network, key)}; use depth = 2 without omega_0"
        )
    power, least = tail_power(density, sites.dimension), sites.dimension + 2 * operator.order
    if power <= least:
        raise InputError(
            f'[training] operator = "{operator}": {type(density).__name__} falls as |xi|^-{power:.3g} only, but '
            f"derivatives of order {operator.order} need a power above {least} for a finite kernel; use a [density] "
            "with lighter tails, for example gaussian"
        )


def tail_power(density: Density, dimension: int) -> float:
    """Return p such that the density falls as |xi|^-p, infinite if it falls faster than any power."""
    far = FAR * max(density.widths(dimension), default=0.0)
    near, further = (density.tail_maximum(radius, dimension) for radius in (far, 2 * far))
    return log2(near / further) if further > 0 else inf
