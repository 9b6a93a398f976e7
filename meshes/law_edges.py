"""The places where the laws, damping and diffusion, jump or vanish."""

import numpy as np

from freqbias.problem import Law, Problem

GRID_POINTS = {1: 401, 2: 81, 3: 31}  # points along each axis of the grid in `vanish_between`, by dimension


def laws_of(problem: Problem) -> tuple[Law, Law]:
    return problem.laws.damping, problem.laws.diffusion


def spheres(problem: Problem) -> list[float]:
    """Return the radii of the spheres across which a law jumps, ascending [cycles/length]."""
    return sorted({r for law in laws_of(problem) for r in law.break_radii})


def planes(problem: Problem, axis: int) -> list[float]:
    """Return the positions b >= 0 of the planes |xi_axis| = b where a law is not smooth, ascending [cycles/length]."""
    return sorted({b for law in laws_of(problem) for b in law.break_planes[axis]})


def planes_inside(problem: Problem, half_width: list[float]) -> bool:
    """Return True if a law is not smooth on a plane inside the box."""
    return any(0 < b < r * (1 - 1e-9) for axis, r in enumerate(half_width) for b in planes(problem, axis))


def jumps_inside_cells(problem: Problem, half_width: list[float], *, folded: bool) -> bool:
    """Return True if a law jumps or has a kink inside cells, because the mesh lines cannot follow the law's edges."""
    if folded:
        return bool(spheres(problem)) or planes_inside(problem, half_width)
    return problem.dimension > 1 and bool(spheres(problem)) and planes_inside(problem, half_width)


def vanish_between(problem: Problem, inner: float, outer: float, level: float = 0.0) -> bool:
    """Return True if damping + (2 pi X)^2 diffusion <= level at all grid points with inner < |xi| < outer.

    X is the largest distance of a sample from the origin.
    """
    axes = [np.linspace(-outer, outer, GRID_POINTS[problem.dimension])] * problem.dimension
    xi = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=-1)
    radius = np.linalg.norm(xi, axis=1)
    between = xi[(radius > inner * (1 + 1e-9)) & (radius < outer * (1 - 1e-9))]
    damping, diffusion = (law.value(between) for law in laws_of(problem))
    return bool((damping + (2 * np.pi * problem.reach) ** 2 * diffusion <= level).all())
