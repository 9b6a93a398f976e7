"""The laws of relu networks of torch's Linear layers, with their default initialisation, on fixed Fourier features:

    y_0 = [cos 2 pi W x, sin 2 pi W x],    y_l = relu(V_l y_{l-1} + b_l),  l = 1, ..., L,    f = c.y_L + b.

W has m rows, and every y_l with l > 0 has n entries. A layer with F inputs draws its weights and biases uniformly from
(-F^(-1/2), F^(-1/2)), so their variance is 1 / (3 F). Gradient descent trains all V_l, b_l, c and b, but not W: Tancik
et al., Fourier features let networks learn high frequency functions, NeurIPS 2020; NeRF's network, arXiv 2003.08934,
without shortcuts.

With P and Q of relu (`freqbias.problem.activations`), the covariance of the entries of y_l is a function of k. Let
S_l = y_l.y_l', and T_l the neural tangent kernel of one entry of y_l. With F_0 = 2 m and F_l = n,

    S_0 = m k,  T_0 = 0,
    A_l = (S_{l-1} + 1) / (3 F_{l-1}),  C_l = A_l / A_l(1),
    S_l = n A_l(1) P(C_l) / 2,    T_l = (S_{l-1} + 1 + T_{l-1} / 3) Q(C_l) / 2,    K = S_L + 1 + T_L / 3.

K depends on x and x' through k(x - x') only, so the diffusion is 0, and the damping has the atom K(k = 0).
"""

from functools import partial

import numpy as np

from freqbias.errors import InputError
from freqbias.numerics import check_kind, check_number
from freqbias.problem.activations import ACTIVATIONS
from freqbias.problem.deep_law import law_of_series
from freqbias.problem.density import Density
from freqbias.problem.laws import Laws
from freqbias.problem.two_layer_law import scaled

DRAWN = 1 / 3  # F times the variance of weights and biases


def mlp_laws(density: Density, dimension: int, *, features: int, width: int, hidden_layers: int) -> Laws:
    """Return the laws of a relu network on fixed Fourier features, at infinite width for the kernel's fluctuations.

    density: rho_w, from which the rows of W are drawn, in `dimension` dimensions. features: m. width: n, which also
    scales the kernel. hidden_layers: L.
    The laws are for the loss 1/2 mean_q sum_c u_cq^2 and times t = (number of steps) (step size). For use in
    `Problem(..., laws=...)`. Raises InputError unless the numbers are whole and positive.
    """
    check_kind("mlp_laws: density", density, Density, remedy="a density, such as Gaussian(10.0)")
    if dimension not in density.dimensions:
        raise InputError(f"mlp_laws: dimension = {dimension!r}; {density} is defined in {density.dimensions}")
    for name, number in (("features", features), ("width", width), ("hidden_layers", hidden_layers)):
        check_kind(f"mlp_laws: {name}", number, int, np.integer, remedy="a whole number")
        check_number(f"mlp_laws: {name}", number, 1, remedy="a positive number")
    series = partial(_kernel, features, width, hidden_layers)
    damping = law_of_series(density, series, dimension, smooth=False)
    return Laws(damping, scaled(density, 0.0, dimension), float(series(np.zeros(1))[0]))


def _kernel(features: int, width: int, hidden_layers: int, k: np.ndarray) -> np.ndarray:
    """Return K(k), in the shape of k, for |k| <= 1."""
    relu = ACTIVATIONS["relu"]
    sums, sums_of_same = features * np.asarray(k, dtype=float), float(features)  # S, and S for x = x'
    tangent, inputs = np.zeros(np.shape(k)), 2 * features
    for _ in range(hidden_layers):
        variance = DRAWN * (sums_of_same + 1) / inputs
        correlation = (sums + 1) / (sums_of_same + 1)
        tangent = (sums + 1 + DRAWN * tangent) * relu.dual_derivative(correlation) / 2
        sums, sums_of_same = width * variance * relu.dual(correlation) / 2, width * variance / 2
        inputs = width
    return np.asarray(sums + 1 + DRAWN * tangent)
