"""The magnitude of a target's Fourier transform, for figures 2 and 6."""

import numpy as np

from freqbias.compare.spectra import project
from freqbias.problem import Problem


def transform_magnitude(problem: Problem, xi: np.ndarray) -> np.ndarray:
    """Return |F[f*](xi)| by the midpoint rule on the grid, (n,).

    xi (n, d) [cycles/length]. The midpoint rule is volume |mean_j f*_j exp(-2 pi i xi.x_j)|. With several channels,
    return the root of the sum of their squares.
    """
    return problem.grid.volume * np.linalg.norm(project(problem.samples.values, problem.sites, xi), axis=0)
