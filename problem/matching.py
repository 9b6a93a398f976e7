"""Match output times, and positions of samples, that two sources wrote in different precision or order."""

import numpy as np

from freqbias.errors import InputError
from freqbias.numerics import Sites, rounding
from freqbias.problem.error_history import ErrorHistory
from freqbias.problem.samples import Samples
from freqbias.problem.summary import counted

TIME_TOLERANCE = 1e-3  # relative, the largest; see match_times
POSITION_TOLERANCE = (1e-6, 1e-2)  # of the samples' mean distance along each axis: always allowed, and the largest


def match_times(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices, in each array, of the times that both arrays contain, in order. Each time is found once.

    Two times are equal if they are nearest to each other, and if they differ by at most the sum of their `rounding`,
    and by at most TIME_TOLERANCE of the larger. If t changes by epsilon t, a mode exp(-kappa t) changes by at most
    epsilon / e of its start.
    """
    one, other = np.atleast_1d(one), np.atleast_1d(other)
    nearest, back = _nearest(other, one), _nearest(one, other)
    partner = other[nearest].astype(float)
    largest = np.maximum(np.abs(one), np.abs(partner))
    allowed = np.minimum(rounding(one) + rounding(other)[nearest], TIME_TOLERANCE * largest)
    same = (np.abs(one - partner) <= allowed) & (back[nearest] == np.arange(len(one)))
    return np.flatnonzero(same), nearest[same]


def _nearest(points: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Return the index of the point nearest to each query; of equally near points the first."""
    order = np.argsort(points, kind="stable")
    points = points[order].astype(float)
    right = np.clip(np.searchsorted(points, queries), 1, max(len(points) - 1, 1))
    left = right - 1
    right = np.minimum(right, len(points) - 1)
    return order[np.where(np.abs(queries - points[left]) <= np.abs(points[right] - queries), left, right)]


def match_positions(position: np.ndarray, sites: Sites) -> np.ndarray:
    """Return the permutation that puts samples into the order of the sites.

    position: the positions of the samples, (N, d) [length]. Samples at the same position keep their order. A sample
    belongs to the nearest site, up to the `rounding` of the positions.
    Raises InputError for the first sample that is not at a site, and for the first site with too many samples.
    """
    if position.shape != (sites.size, sites.dimension):
        raise InputError(
            f"position has shape {position.shape}, but the data of the run file are {sites.size} samples "
            f"in {sites.dimension} dimensions; give the errors at the run file's own samples"
        )
    if np.array_equal(position, sites.positions()):
        return np.arange(sites.size)
    from scipy.spatial import KDTree  # slow to import

    points, site_point = np.unique(sites.positions(), axis=0, return_inverse=True)
    scale = sites.span / sites.size ** (1 / sites.dimension)
    _, point = KDTree(points / scale).query(position / scale, p=np.inf)
    least, most = POSITION_TOLERANCE
    allowed = np.clip(rounding(position), least * scale, most * scale)
    wrong = (np.abs(points[point] - position) > allowed).any(axis=1)
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
            "sample of the data once, in double precision if the samples lie close together"
        )
    permutation = np.empty(sites.size, dtype=np.int64)
    permutation[np.argsort(site_point.ravel(), kind="stable")] = np.argsort(point, kind="stable")
    return permutation


def errors_in_order(history: ErrorHistory, samples: Samples) -> np.ndarray:
    """Return the errors (T, C, N) of a history, in the order of the samples.

    Raises InputError if positions or channels differ.
    """
    channels, expected = history.error.shape[1], samples.channels
    order = match_positions(history.position, samples.sites)
    if channels != expected:
        raise InputError(
            f"the network's errors have {counted(channels, 'channel')}, but the data have {expected}; give errors on "
            "the data of the run file"
        )
    return history.error[:, :, order]
