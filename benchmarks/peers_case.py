"""The case of `peers` as every peer reads it: the same mesh, laws, start and reference. NumPy alone.

    M dv/dt = -B v,   B = integral rho (v w + sigma_a^2 grad v . grad w) / volume,   natural boundary conditions,

rho a Gaussian, on |xi_i| <= half_width, quadrilaterals of degree 2; the law is taken at Gauss points of degree 8.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

DEGREE, LAW_DEGREE = 2, 5  # of the elements, and of the quadrature
clock = time.process_time  # with one thread this is the wall time of an idle machine, also on a busy one


@dataclass(frozen=True)
class Case:
    """start (2, n), reference (T, 2, n): real and imaginary part at the nodes (n, 2), at times[1:]."""

    half_width: float
    cells: int
    sigma: float
    sigma_a: float
    times: np.ndarray
    nodes: np.ndarray
    start: np.ndarray
    reference: np.ndarray

    def write(self, path: Path) -> None:
        np.savez(path, **asdict(self))

    @classmethod
    def read(cls, path: Path) -> "Case":
        with np.load(path) as held:
            return cls(**{name: held[name] if held[name].ndim else held[name].item() for name in held.files})

    def on(self, nodes: np.ndarray) -> "Case":
        """The case with its nodes in another order."""
        key = [np.lexsort(np.rint(1e6 * points / self.half_width).T) for points in (self.nodes, nodes)]
        place = np.empty(len(nodes), dtype=int)
        place[key[1]] = key[0]
        assert np.allclose(self.nodes[place], nodes, rtol=0, atol=1e-9 * self.half_width)
        return Case(
            self.half_width,
            self.cells,
            self.sigma,
            self.sigma_a,
            self.times,
            nodes,
            self.start[:, place],
            self.reference[..., place],
        )

    def error(self, states: list[np.ndarray], mass: Callable[[np.ndarray], np.ndarray]) -> float:
        """max over the output times of |v - reference|_M / |v(0)|_M; states: (2, n) at times[1], times[2], ..."""

        def square(parts: np.ndarray) -> float:
            return sum(float(part @ mass(part)) for part in parts)

        worst = max(square(v - exact) for v, exact in zip(states, self.reference, strict=False))
        return float(np.sqrt(worst / square(self.start)))


def march(
    step: Callable[[], None], state: Callable[[], np.ndarray], steps: int, outputs: int, stretch: int
) -> tuple[float, list[np.ndarray]]:
    """Seconds for `steps` steps to the last of `outputs` output times, and the states at the output times.

    Only the first `stretch` outputs are timed; the time is scaled up in proportion."""
    states, began = [], clock()
    for _ in range(stretch):
        for _ in range(steps // outputs):
            step()
        states.append(state().copy())
    return (clock() - began) * outputs / stretch, states


def report(path: Path, **figures: float) -> None:
    path.write_text(json.dumps(figures), encoding="utf-8")
