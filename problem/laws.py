"""The laws that set the damped heat equation in frequency space: dv/dt = -C (damping v - div(diffusion grad v)).

C is the convolution with the transform of the data density (data operator) or 1 / prod extent (local operator); see
`pde`.
A network of any depth enters `pde` through its laws alone, never through rho_w.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from problem.densities import Density

Field = Callable[[np.ndarray], np.ndarray]  # (n, d) -> (n,)


@dataclass(frozen=True)
class Law:
    """An even, non-negative law on frequency space, by its values and by its transform.

    value: xi (n, d) [cycles/length] -> (n,);  transform: z (n, d) [length] -> integral value(xi) cos(2 pi xi.z) dxi,
    (n,).
    """

    value: Field
    transform: Field


@dataclass(frozen=True)
class Laws:
    """damping = F[G], diffusion = F[H] of the kernel K(x, x') = G(x - x') + 4 pi^2 x.x' H(x - x'), and the atom of
    the damping at xi = 0."""

    damping: Law
    diffusion: Law
    atom: float = 0.0


def two_layer(density: Density, sigma_a: float) -> Laws:
    """damping = rho_w, diffusion = sigma_a^2 rho_w, no atom: arXiv 2405.14957, with G = k and H = sigma_a^2 k.

    sigma_a: standard deviation of the output weights (dimensionless).
    """
    return Laws(
        damping=Law(density.density, density.transform),
        diffusion=Law(lambda xi: sigma_a**2 * density.density(xi), lambda z: sigma_a**2 * density.transform(z)),
    )
