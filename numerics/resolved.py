"""The frequencies that samples resolve. Scattered samples count as evenly spread over their span.

If the samples are every k-th point of a grid along an axis, they count as a grid with k times the spacing.
"""

import numpy as np
from numpy.fft import fftfreq, fftshift

from freqbias.numerics.grid_subset import lattice_indices
from freqbias.numerics.sites import Sites

HIGHEST = 0.75  # of the Nyquist frequency: the largest scale of a density


def mean_nyquist(sites: Sites) -> np.ndarray:
    """Return the Nyquist frequency along each axis, (d,) [cycles/length]."""
    if sites.lattice is not None:
        return sites.nyquist / _every_kth(sites)[1]
    return np.full(sites.dimension, 0.5 * (sites.size / sites.volume) ** (1 / sites.dimension))


def scale_range(sites: Sites) -> tuple[float, float]:
    """Return the smallest and the largest sensible scale of a density rho_w for these samples [cycles/length].

    They are half a cycle over the longest side, and HIGHEST of the Nyquist frequency.
    """
    extent = sites.span if sites.lattice is None else sites.lattice.extent
    return 0.5 / float(np.max(extent)), HIGHEST * float(mean_nyquist(sites).max())


def resolved_frequencies(sites: Sites) -> np.ndarray:
    """Return the frequencies k / L up to the Nyquist frequency, (n, d) [cycles/length].

    On a grid, of extent L, these are the discrete frequencies.
    """
    if sites.lattice is not None:
        axes = [
            fftshift(fftfreq(len(range(first, n, k)), k * h))
            for n, h, first, k in zip(sites.lattice.shape, sites.lattice.spacing, *_every_kth(sites), strict=True)
        ]
    else:
        counts = np.floor(mean_nyquist(sites) * sites.span).astype(int)
        axes = [np.arange(-count, count + 1) / length for count, length in zip(counts, sites.span, strict=True)]
    return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=-1)


def _every_kth(sites: Sites) -> tuple[np.ndarray, np.ndarray]:
    """Return the first place and the largest k along each axis for which the samples are among every k-th, (d,)."""
    assert sites.lattice is not None
    places = [np.unique(axis) for axis in np.unravel_index(lattice_indices(sites), sites.lattice.shape)]
    k = [max(1, int(np.gcd.reduce(np.diff(axis)))) for axis in places]
    return np.array([axis[0] % k_i for axis, k_i in zip(places, k, strict=True)]), np.array(k)
