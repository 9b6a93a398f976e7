"""Which sample of the network's errors is which sample of the data: by their positions."""

import numpy as np
from scipy.spatial import KDTree

from freqbias.errors import InputError
from freqbias.numerics import Sites

SAME_PLACE = 1e-6  # of the samples' mean distance along each axis


def match_positions(position: np.ndarray, sites: Sites) -> np.ndarray:
    """The permutation that puts samples at position (N, d) [length] into the order of the sites; samples of the data
    that share one position are taken in the order they come in.

    Raises InputError naming the first sample that lies where the data have none, or at one position too often.
    """
    if position.shape != (sites.size, sites.dimension):
        raise InputError(
            f"position has shape {position.shape}; the data of the run file are {sites.size} samples "
            f"in {sites.dimension} dimensions: give the errors at these"
        )
    places, ours = np.unique(sites.positions(), axis=0, return_inverse=True)
    scale = np.ptp(places, axis=0) / sites.size ** (1 / sites.dimension)
    apart, theirs = KDTree(places / scale).query(position / scale, p=np.inf)
    wrong = apart > SAME_PLACE
    if wrong.any():
        first = int(wrong.argmax())
        raise InputError(
            f"sample {first} lies at {position[first].tolist()}, where the data of the run file have none "
            f"(the closest is {places[theirs[first]].tolist()}); {np.count_nonzero(wrong)} of {len(position)} samples "
            "are off: give the errors at the run file's own samples"
        )
    there = np.bincount(ours.ravel(), minlength=len(places))
    if (crowded := np.flatnonzero(np.bincount(theirs, minlength=len(places)) > there)).size:
        place = crowded[0]
        raise InputError(
            f"samples {' and '.join(map(str, np.flatnonzero(theirs == place)))} lie at the same point "
            f"{places[place].tolist()}, where the data have {there[place]}; give each sample of the data once"
        )
    permutation = np.empty(sites.size, dtype=np.int64)
    permutation[np.argsort(ours.ravel(), kind="stable")] = np.argsort(theirs, kind="stable")
    return permutation
