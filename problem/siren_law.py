"""The laws of SIREN, sine networks as Sitzmann et al. draw them (NeurIPS 2020, arXiv 2006.09661):

    y_1 = sin(omega_0 (W x + b_1)),    y_l = sin(omega_0 (V_l y_{l-1} + b_l)),  l = 2, ..., L,    f = c.y_L + b.

All y_l have n entries. W is uniform on (-1/d, 1/d), the V_l and c on (-sqrt(6/n), sqrt(6/n)) / omega_0, and biases, as
in torch's Linear layers, on (-F^(-1/2), F^(-1/2)) for F inputs. Gradient descent trains all of them.

So omega_0 W / (2 pi) has the uniform density rho_w on the box of half-width omega_0 / (2 pi d), with the transform k.
The phases omega_0 b_1 are taken as uniform on the circle; this neglects a part of about sqrt(d) / (2 omega_0) of the
kernel's first layer. Let S_l = y_l.y_l', and T_l the neural tangent kernel of one entry of y_l. For wide layers,
omega_0 V_l y_{l-1} is normal, but its bias omega_0 b_l stays uniform on (-B, B), B = omega_0 / sqrt(n), with the mean
cosine E cos(2 omega_0 b_l) = s = sin(2 B) / (2 B). So

    S_1 = n k / 2,    T_1 = omega_0^2 (x.x' + 1) k / 2,
    A_l = 2 S_{l-1} / n,  v_l = A_l for x = x',    E_l = exp(A_l - v_l),  O_l = s exp(-A_l - v_l),
    S_l = n (E_l - O_l) / 2,    T_l = (E_l + O_l) / 2 (omega_0^2 (S_{l-1} + 1) + 2 T_{l-1}),
    K = S_L + 1 + 2 T_L / omega_0^2.

K = G + 4 pi^2 x.x' H with functions G and H of k. The damping has an atom, because G does not tend to 0 with k.
"""

from functools import partial

import numpy as np

from freqbias.numerics import TINY, check_kind, check_number
from freqbias.problem.deep_law import DeepLaw
from freqbias.problem.laws import Laws
from freqbias.problem.supports import Uniform


def siren_laws(dimension: int, *, width: int, sine_layers: int, omega_0: float = 30.0) -> Laws:
    """Return the laws of SIREN, at infinite width for the kernel's fluctuations.

    dimension: d. width: n, which also scales the kernel. sine_layers: L. The density of `Problem(density, ...)` is
    `Uniform(omega_0 / (2 pi d))`; SIREN expects coordinates in (-1, 1).
    The laws are for the loss 1/2 mean_q sum_c u_cq^2 and times t = (number of steps) (step size). For use in
    `Problem(..., laws=...)`. Raises InputError unless the numbers are positive, and all but omega_0 whole.
    """
    for name, number, largest in (
        ("dimension", dimension, 3),
        ("width", width, 10**9),
        ("sine_layers", sine_layers, 99),
    ):
        check_kind(f"siren_laws: {name}", number, int, np.integer, remedy="a whole number")
        check_number(f"siren_laws: {name}", number, 1, largest, remedy=f"a whole number from 1 to {largest}")
    check_number("siren_laws: omega_0", omega_0, TINY, remedy="a positive number, such as 30.0")
    density = Uniform(omega_0 / (2 * np.pi * dimension))
    plain, moment = (partial(_kernel, width, sine_layers, omega_0, part) for part in (0, 1))
    damping, diffusion = (DeepLaw(density, series, dimension, smooth=True) for series in (plain, moment))
    return Laws(damping, diffusion, float(plain(np.zeros(1))[0]))


def _kernel(width: int, sine_layers: int, omega_0: float, part: int, k: np.ndarray) -> np.ndarray:
    """Return G(k) for part 0, or H(k) for part 1, in the shape of k, for |k| <= 1."""
    k = np.asarray(k, dtype=float)
    sums, same = width * k / 2, np.array(width / 2)  # S, and S for x = x'
    tangents = [omega_0**2 * k / 2] * 2  # the part of T without x.x', and the coefficient of x.x'
    mean_cosine = np.sinc(2 * omega_0 / np.sqrt(width) / np.pi)  # s
    for _ in range(sine_layers - 1):
        covariance, variance = 2 * sums / width, 2 * same / width
        even, odd = np.exp(covariance - variance), mean_cosine * np.exp(-covariance - variance)
        tangents = [(even + odd) / 2 * each for each in (omega_0**2 * (sums + 1) + 2 * tangents[0], 2 * tangents[1])]
        sums, same = width * (even - odd) / 2, width * (1 - mean_cosine * np.exp(-2 * variance)) / 2
    if part == 1:
        return 2 * tangents[1] / (2 * np.pi * omega_0) ** 2
    return np.asarray(sums + 1 + 2 * tangents[0] / omega_0**2)
