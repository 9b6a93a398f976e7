"""The laws of SIREN, sine networks as Sitzmann et al. draw them (NeurIPS 2020, arXiv 2006.09661).

`freqbias.problem.siren_weights` defines the network, with L layers of n sines, sigma_a = 1 / omega_0 and the learning
rates r of the groups of parameters, which are 1 by default. The frequencies omega_0 W / (2 pi) have the density rho_w
with the transform k. The phases omega_0 b_1 are taken as uniform on the circle; this neglects a part of about
sqrt(d) / (2 omega_0) of the kernel's first layer. Let S_l = y_l.y_l', and T_l the neural tangent kernel of one entry of
y_l. For wide layers, omega_0 V_l y_{l-1} is normal, but its bias omega_0 b_l stays uniform on (-B, B),
B = omega_0 / sqrt(n), with the mean cosine E cos(2 omega_0 b_l) = s = sin(2 B) / (2 B). So

    S_1 = n k / 2,    T_1 = omega_0^2 (r_frequencies x.x' + r_biases) k / 2,
    A_l = 2 S_{l-1} / n,  v_l = A_l for x = x',    E_l = exp(A_l - v_l),  O_l = s exp(-A_l - v_l),
    S_l = n (E_l - O_l) / 2,    T_l = (E_l + O_l) / 2 (omega_0^2 (r_hidden S_{l-1} + r_biases) + 2 T_{l-1}),
    K = r_output S_L + r_biases + 2 sigma_a^2 T_L.

K = G + 4 pi^2 x.x' H with functions G and H of k. The damping has an atom, because G does not tend to 0 with k. A
symmetric network has the kernel of one of its copies, of width n / 2.
"""

from functools import partial

import numpy as np

from freqbias.errors import InputError
from freqbias.numerics import Sites, check_kind
from freqbias.problem.deep_law import law_of_series
from freqbias.problem.density import Density
from freqbias.problem.laws import Law, Laws
from freqbias.problem.rates import DEFAULT_RATES, Rates
from freqbias.problem.settings import Network
from freqbias.problem.siren_weights import siren_density
from freqbias.problem.two_layer_law import scaled

OTHER_SCALE = 2.0  # positions have SIREN's scale if the largest |x_i| of each axis is 1 up to this factor
MOST_NEGLECTED = 0.05  # of the kernel of the first layer, by phases that are not uniform on the circle


def siren_laws(density: Density, network: Network, dimension: int, rates: Rates = DEFAULT_RATES) -> Laws:
    """Return the laws of SIREN, at infinite width for the kernel's fluctuations; the width also scales the kernel.

    density: rho_w, by default of the run file `siren_density(omega_0, dimension)`. network: with omega_0.
    rates: all are 1 by default. Raises InputError if the network is not SIREN, or if the density has other dimensions.
    """
    check_kind("siren_laws: [network] omega_0", network.omega_0, float, remedy="a network with omega_0, such as 30.0")
    assert network.omega_0 is not None
    if dimension not in density.dimensions:
        raise InputError(f"siren_laws: dimension = {dimension!r}; {density} is defined in {density.dimensions}")
    width = network.width // 2 if network.symmetric else network.width
    arguments = width, network.depth - 1, network.omega_0, network.sigma_a, rates

    def law(part: int) -> Law:
        series = partial(_kernel, *arguments, part)
        if network.depth == 2:  # linear in k
            none, one = series(np.array([0.0, 1.0]))
            return scaled(density, float(one - none), dimension)
        return law_of_series(density, series, dimension, smooth=True)

    return Laws(law(0), law(1), float(_kernel(*arguments, 0, np.zeros(1))[0]))


def phase_warning(network: Network, dimension: int) -> str | None:
    """Return a warning if the phases of SIREN's first layer are not nearly uniform on the circle, otherwise None."""
    if network.omega_0 is None:
        return None
    neglected, least = np.sqrt(dimension) / (2 * network.omega_0), np.sqrt(dimension) / (2 * MOST_NEGLECTED)
    if neglected <= MOST_NEGLECTED:
        return None
    return (
        f"[network] omega_0 = {network.omega_0:g}: the law takes the phases omega_0 b of the first layer as uniform on "
        f"the circle, which neglects up to about {100 * min(neglected, 1):.2g} % of its kernel; with an omega_0 of at "
        f"least {np.ceil(least):g} it is less than {100 * MOST_NEGLECTED:g} %"
    )


def coordinate_warning(density: Density, network: Network, sites: Sites) -> str | None:
    """Return a warning if the frequencies are those of SIREN's authors, but the positions have another scale."""
    if network.omega_0 is None or density != siren_density(network.omega_0, sites.dimension):
        return None
    if ((sites.reach >= 1 / OTHER_SCALE) & (sites.reach <= OTHER_SCALE)).all():
        return None
    reach = " x ".join(f"{each:.3g}" for each in sites.reach)
    remedy = "scale your positions to [-1, 1]" if sites.lattice is None else "use [data] extent = 2.0 without spacing"
    return (
        f"[network] omega_0 = {network.omega_0:g}: the frequencies are those of SIREN's authors, who scale |x_i| to 1, "
        f"but the positions reach {reach}; {remedy}, or give a [density] with the frequencies of your data"
    )


def _kernel(
    width: int, sine_layers: int, omega_0: float, sigma_a: float, rates: Rates, part: int, k: np.ndarray
) -> np.ndarray:
    """Return G(k) for part 0, or H(k) for part 1, in the shape of k, for |k| <= 1."""
    k = np.asarray(k, dtype=float)
    sums, same = width * k / 2, np.array(width / 2)  # S, and S for x = x'
    # The part of T without x.x', and the coefficient of x.x'.
    tangents = [rate * omega_0**2 * k / 2 for rate in (rates.biases, rates.frequencies)]
    mean_cosine = np.sinc(2 * omega_0 / np.sqrt(width) / np.pi)  # s
    for _ in range(sine_layers - 1):
        covariance, variance = 2 * sums / width, 2 * same / width
        even, odd = np.exp(covariance - variance), mean_cosine * np.exp(-covariance - variance)
        own = omega_0**2 * (rates.hidden * sums + rates.biases)
        tangents = [(even + odd) / 2 * each for each in (own + 2 * tangents[0], 2 * tangents[1])]
        sums, same = width * (even - odd) / 2, width * (1 - mean_cosine * np.exp(-2 * variance)) / 2
    if part == 1:
        return 2 * sigma_a**2 * tangents[1] / (2 * np.pi) ** 2
    return np.asarray(rates.output * sums + rates.biases + 2 * sigma_a**2 * tangents[0])
