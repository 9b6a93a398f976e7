"""Checks and bounds of a function that a density is made of (`function_density`, `radial_density`)."""

from collections.abc import Callable, Sequence
from math import pi

import numpy as np

from freqbias.errors import InputError
from freqbias.problem.density import invert_tail
from freqbias.problem.panels import ORDER, POINTS, Panels, evaluate

INTEGRAL = 1e-8  # largest distance of the integral from 1
KINK = 1e-4  # slope at 0 that counts as a kink, in units of maximum / half width
UNBOUNDED = 1.5  # growth over 15 octaves of the distance to an edge; x^-0.05 grows by more


class Profile:
    """p on x >= 0, with the maximum, the largest values beyond each place, and the kind of the support.

    panels: panels of p, or of p times a power of x.
    """

    def __init__(self, function: Callable[[np.ndarray], np.ndarray], edges: Sequence[float], panels: Panels) -> None:
        self._function = function
        ends = panels.edges
        inner, outer = np.nextafter(ends, -np.inf)[1:], np.nextafter(ends, np.inf)[:-1]
        middle, half = (ends[:-1] + ends[1:]) / 2, (ends[1:] - ends[:-1]) / 2
        t = np.concatenate([POINTS, np.cos(pi * np.arange(4 * ORDER) / (4 * ORDER))])
        x = np.unique(np.concatenate([outer, inner, (middle[:, None] + half[:, None] * t).ravel()]))
        values = self(x)
        for edge in (0.0, *edges):
            self._check_bounded(edge, edge or float(panels.quantile(np.array([0.5]))[0]))
        if not np.isfinite(values).all():
            raise InputError(f"it is NaN or infinite at |xi| = {x[~np.isfinite(values)][0]:.6g}")
        self._x, self._largest = x, np.maximum.accumulate(values[::-1])[::-1]
        self.maximum = float(max(self._largest[0], self(np.zeros(1))[0]))
        outside = np.concatenate([x[x > max(edges, default=np.inf)], x[-1] * 2.0 ** np.arange(1, 30)])
        self.compact = bool(edges) and not self(outside).any()
        half_width = x[np.argmax(self._largest <= self.maximum / 2)]
        near_0 = self(half_width * np.array([0.0, 2.0**-20]))
        self.kink_at_0 = bool(abs(near_0[1] - near_0[0]) * 2.0**20 > KINK * self.maximum)

    def _check_bounded(self, edge: float, scale: float) -> None:
        """Raise InputError if p seems to grow without a bound towards an edge."""
        for side in (-1, 1) if edge else (1,):
            values = self(edge + side * scale * 2.0 ** np.array([-20, -35, -50]))
            if not np.isfinite(values).all() or ((values[1:] > UNBOUNDED * values[:-1]).all() and values[0] > 0):
                raise InputError(f"it grows to infinity at |xi| = {edge:.6g}, but the equation needs a bounded density")

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return evaluate(self._function, x)

    def tail(self, radius: float) -> float:
        """sup p over x > radius."""
        beyond = int(np.searchsorted(self._x, radius, side="right"))
        largest = float(self._largest[beyond]) if beyond < len(self._x) else 0.0
        return max(largest, float(self(np.nextafter(np.array([radius]), np.inf))[0]))

    def tail_radius(self, level: float, edges: Sequence[float]) -> float:
        upper = float(self._x[-1])
        while self.tail(upper) > level:
            upper *= 2
        return invert_tail(self.tail, level, sorted({*edges, upper}))


def check_integral(panels: Panels) -> None:
    if abs(panels.integral - 1) > INTEGRAL:
        raise InputError(f"it integrates to {panels.integral:.9g} instead of 1; divide it by its integral")


def checked_edges(breaks: Sequence[float]) -> tuple[float, ...]:
    edges = tuple(sorted({float(b) for b in breaks if b != 0}))
    if not all(np.isfinite(b) and b > 0 for b in edges):
        raise InputError(f"breaks = {tuple(breaks)}: give finite numbers of at least 0")
    return edges
