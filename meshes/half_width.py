"""The tail rule: from a tolerance to the half-width of the mesh.

The half-width is the support of the laws, or the smallest R with

    T sup_{|xi| > R} (damping + (2 pi X)^2 diffusion) sup rho_data <= TAIL_SHARE tolerance,

where sup rho_data = 1 / prod extent on a grid. Laws known only by their transform (deeper networks) are folded onto the
box, whatever its half-width. relu's laws fall only as |xi|^-(d+1), so MAX_NODES limits them between scattered samples.
"""

import numpy as np

from freqbias.errors import InputError
from freqbias.meshes.cell_size import nodes_per_reach
from freqbias.meshes.coverage import check_coverage, share_outside
from freqbias.meshes.law_edges import laws_of
from freqbias.numerics import Grid
from freqbias.problem import Mesh, Pde, Problem

TAIL_SHARE = 0.25  # of the tolerance, for the laws outside the mesh
MAX_NODES = 10**6  # of a box for slowly falling laws between scattered samples; [mesh] half_width overrides it
RADIUS_RTOL = 1e-2  # relative change of the radius that ends its fixed-point iteration


def choose_half_width(problem: Problem, settings: Pde, mesh: Mesh) -> tuple[list[float], bool]:
    """The half-width along each axis, (d,) [cycles/length], and whether the laws are folded onto that box.

    [mesh] half_width takes precedence. Raises InputError if it leaves out too much of the density, and where the local
    operator would reach beyond the Nyquist frequency.
    """
    nyquist = problem.sites.nyquist
    radius = tail_half_width(problem, settings.tolerance)
    if mesh.half_width:
        within_support = settings.operator == "local" and all(law.compact for law in laws_of(problem))
        radius = min(mesh.half_width, radius) if within_support else mesh.half_width
    aliases = bool((radius > nyquist * (1 + 1e-9)).any())
    folded = settings.operator == "data" and (problem.laws.numerical or (aliases and mesh.half_width is None))
    if folded and mesh.half_width is None:
        return np.minimum(min(radius, _node_limit(problem, settings)), nyquist).tolist(), True
    key = "[mesh] half_width" if mesh.half_width else "the half-width that the tail of [density] needs"
    refuse_aliases(problem, settings, radius, key)
    if mesh.half_width:
        try:
            check_coverage(problem, share_outside(problem, float(radius)))
        except InputError as failure:
            raise InputError(f"[mesh] half_width = {mesh.half_width:.6g}: {failure}") from None
    return [float(radius)] * problem.dimension, folded


def tail_half_width(problem: Problem, tolerance: float) -> float:
    """The radius beyond which the laws are too weak to matter until the last output time [cycles/length].

    sup rho_data of scattered samples depends on the radius: shorter waves resolve denser clusters. The radius is the
    fixed point, approached from below. It exists because laws fall faster than R^-d and sup rho_data grows at most as
    R^d. Folded laws are exact from a sample to itself, so for them only pairs of different samples count.
    """
    sites, share, apart = problem.sites, TAIL_SHARE * tolerance / problem.times[-1], problem.laws.numerical
    radius, wider = 0.0, problem.laws.tail_radius(share * sites.volume, problem.reach)
    while wider > (1 + RADIUS_RTOL) * radius:
        level = share / sites.peak_density(wider, exclude_coincident=apart)
        radius, wider = wider, problem.laws.tail_radius(level, problem.reach)
    return max(radius, wider)


def negligible_level(problem: Problem, settings: Pde) -> float:
    """The largest value of damping + (2 pi X)^2 diffusion that needs no mesh."""
    share = TAIL_SHARE * settings.tolerance / problem.times[-1]
    return share / problem.sites.peak_density(tail_half_width(problem, settings.tolerance))


def refuse_aliases(problem: Problem, settings: Pde, radius: float, key: str) -> None:
    """Raise InputError if the local operator would reach beyond the Nyquist frequency. key: what sets the radius."""
    limit = problem.sites.nyquist.min()
    if settings.operator == "local" and radius > limit * (1 + 1e-9):
        raise InputError(
            f'[pde] operator = "local": {key} is {radius:.6g}, but frequencies alias beyond points/(2 extent) = '
            f'{limit:.6g}; use operator = "data", more [data] points, or a narrower [density]'
        )


def _node_limit(problem: Problem, settings: Pde) -> float:
    """The half-width of a box with MAX_NODES nodes for scattered samples; infinite on grids."""
    if isinstance(problem.sites, Grid):
        return float("inf")
    nodes = 2 * nodes_per_reach(settings) * problem.sites.reach
    return float((MAX_NODES / nodes.prod()) ** (1 / problem.dimension))
