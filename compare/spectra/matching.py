"""Match a network's samples with the samples of the data, by position."""

import numpy as np
from scipy.spatial import KDTree

from freqbias.errors import InputError
from freqbias.numerics import Sites
from freqbias.problem import counted

POSITION_TOLERANCE = 1e-6  # of the samples' mean distance along each axis


def match_positions(position: np.ndarray, sites: Sites) -> np.ndarray:
    """Return the permutation that puts samples into the order of the sites.

    position: the positions of the samples, (N, d) [length]. Samples at the same position keep their order.
    Raises InputError for the first sample that is not at a site, and for the first site with too many samples.
    """
    if position.shape != (sites.size, sites.dimension):
        raise InputError(
            f"position has shape {position.shape}, but the data of the run file are {sites.size} samples "
            f"in {sites.dimension} dimensions; give the errors at the run file's own samples"
        )
    points, site_point = np.unique(sites.positions(), axis=0, return_inverse=True)
    scale = sites.span / sites.size ** (1 / sites.dimension)
    distance, point = KDTree(points / scale).query(position / scale, p=np.inf)
    wrong = distance > POSITION_TOLERANCE
    if wrong.any():
        first = int(wrong.argmax())
        raise InputError(
            f"sample {first} lies at {position[first].tolist()}, where the data of the run file have no sample "
            f"(the closest is {points[point[first]].tolist()}); {np.count_nonzero(wrong)} of {len(position)} samples "
            "do not match the data; give the errors at the run file's own samples"
        )
    count = np.bincount(site_point.ravel(), minlength=len(points))
    if (crowded := np.flatnonzero(np.bincount(point, minlength=len(points)) > count)).size:
        first = int(crowded[0])
        raise InputError(
            f"samples {' and '.join(map(str, np.flatnonzero(point == first)))} lie at the same point "
            f"{points[first].tolist()}, but the data have only {counted(int(count[first]), 'sample')} there; give each "
            "sample of the data once"
        )
    permutation = np.empty(sites.size, dtype=np.int64)
    permutation[np.argsort(site_point.ravel(), kind="stable")] = np.argsort(point, kind="stable")
    return permutation
