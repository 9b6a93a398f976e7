"""The tail rule: the half-width of the mesh for a tolerance.

If the laws have a bounded support, the half-width is that of the support. Otherwise it is the smallest radius R with

    T sup_{|xi| > R} (damping + (2 pi X)^2 diffusion) sup rho_data <= TAIL_SHARE tolerance,

where T is the last output time (`gradient_flow_time`), X = max_j |x_j| over the samples x_j and the targets of
predictions, and rho_data the density of the samples. On a grid, sup rho_data = 1 / prod_i extent_i. The laws of deeper
networks are known only by their Fourier transforms. They are folded onto the box for every half-width. The laws of relu
fall only as |xi|^-(d+1), so for scattered samples MAX_NODES limits the half-width.

Discrete laws need no mesh: theirs contains the point masses, within the Nyquist frequency.
"""

import numpy as np

from freqbias.errors import InputError
from freqbias.meshes.cell_size import nodes_per_reach
from freqbias.meshes.coverage import check_coverage, share_outside
from freqbias.meshes.law_edges import laws_of
from freqbias.numerics import OperatorRows
from freqbias.problem import Mesh, Pde, Problem, gradient_flow_time, growth

TAIL_SHARE = 0.25  # share of the tolerance for the laws outside the mesh
NARROW = 1e-2  # a width, relative to 1/X
SURROUNDINGS = 4  # widths 1/extent around a point mass
MAX_NODES = 10**6  # most nodes of a box for folded laws and scattered samples; [mesh] half_width overrides this limit
POINT_NODES = 10**5  # the same for discrete laws, whose mesh only shows v
RADIUS_RTOL = 1e-2  # the fixed-point iteration ends when the relative change of the radius is smaller


def choose_half_width(problem: Problem, settings: Pde, mesh: Mesh) -> tuple[list[float], bool]:
    """Return the half-width along each axis, (d,) [cycles/length], and whether the laws are folded onto this box.

    [mesh] half_width takes precedence. Raises InputError if [mesh] half_width leaves out too much of the density, or if
    the mesh of the local operator would extend beyond the Nyquist frequency.
    """
    if problem.laws.discrete:
        return _box_of_points(problem, settings, mesh).tolist(), False
    nyquist, narrow = problem.nyquist, is_narrow(problem)
    radius = tail_half_width(problem, settings.tolerance)
    if settings.operator == "local":  # the loss may widen its mesh up to the Nyquist limit, where frequencies alias
        least = tail_half_width(problem, settings.tolerance, magnified=False)
        radius = min(radius, max(least, float(problem.sites.nyquist.min())))
    if mesh.half_width:
        within_support = settings.operator == "local" and all(law.compact for law in laws_of(problem))
        radius = min(mesh.half_width, radius) if within_support else mesh.half_width
    aliases = bool((radius > nyquist * (1 + 1e-9)).any())
    folded = settings.operator == "data" and (problem.laws.numerical or narrow or (aliases and mesh.half_width is None))
    if folded and mesh.half_width is None:
        box = _box_of_narrow(problem, radius) if narrow else np.full(problem.dimension, radius)
        return np.minimum(np.minimum(box, _node_limit(problem, settings)), nyquist).tolist(), True
    if folded and narrow and (least := float(_resolution(problem).max())) > (mesh.half_width or np.inf):
        raise InputError(
            f"[mesh] half_width = {mesh.half_width:.6g}: {describe_narrow(problem)}, so damping and diffusion must be "
            f"folded onto a box of at least |xi_i| <= {least:.6g}; leave half_width out"
        )
    key = "[mesh] half_width" if mesh.half_width else "the half-width that [density] needs"
    refuse_aliases(problem, settings, radius, key)
    if mesh.half_width:
        try:
            check_coverage(problem, share_outside(problem, float(radius)))
        except InputError as failure:
            raise InputError(f"[mesh] half_width = {mesh.half_width:.6g}: {failure}") from None
    return [float(radius)] * problem.dimension, folded


def _box_of_points(problem: Problem, settings: Pde, mesh: Mesh) -> np.ndarray:
    """Return the half-width of the box around the point masses of discrete laws, (d,).

    The operator does not need a mesh. The mesh has the values of v that are written, and contains the surroundings of
    the point masses in which v decays.
    """
    if mesh.half_width:
        return np.full(problem.dimension, mesh.half_width)
    radius = max(law.tail_radius(0.0) for law in laws_of(problem)) + SURROUNDINGS * _resolution(problem)
    return np.minimum(np.minimum(radius, _node_limit(problem, settings, POINT_NODES)), problem.nyquist)


def is_narrow(problem: Problem) -> bool:
    """Return whether a part of the laws is so narrow that on its own support rounding errors would be too large.

    The element matrices of the diffusion grow as 1 / (cell size)^2, but act on waves that hardly vary over the support.
    The relative error of the kernel is about 1e-14 / (width X)^2, measured. A folded law is wide enough.
    """
    return any(width * problem.reach < NARROW for law in laws_of(problem) for width in law.widths)


def describe_narrow(problem: Problem) -> str:
    width = min(width for law in laws_of(problem) for width in law.widths)
    return f"[density] has a part with a half-width of only {width:.3g}"


def _box_of_narrow(problem: Problem, radius: float) -> np.ndarray:
    """Return the half-width of the box onto which laws with a narrow part are folded, (d,).

    radius: that of the tail rule. A folded law is wider than the law by about 1 / (width of the data). If a wide part
    has an edge, only the Nyquist box of a grid gives the exact kernel.
    """
    if problem.lattice is not None:
        edges = [b for law in laws_of(problem) for b in (*law.break_radii, *sum(law.break_planes, ()))]
        if any(b * problem.reach >= NARROW for b in edges):
            return problem.nyquist
    return radius + _resolution(problem)


def _resolution(problem: Problem) -> np.ndarray:
    """Return 1 / (width of the data) for each axis, (d,) [cycles/length]."""
    return np.asarray(1 / problem.span)


def tail_half_width(problem: Problem, tolerance: float, *, magnified: bool = True) -> float:
    """Return the radius R of the tail rule [cycles/length]. magnified: whether with `_magnification`.

    For scattered samples, sup rho_data depends on R, because shorter waves resolve denser clusters of samples. So R is
    the solution of a fixed-point equation, and the iteration approaches R from below. The solution exists because the
    laws fall faster than R^-d, and sup rho_data grows at most as R^d. Folded laws give the exact kernel of a sample
    with itself, so for folded laws sup rho_data includes only pairs of different samples.
    """
    sites, share, apart = problem.sites, TAIL_SHARE * tolerance / gradient_flow_time(problem), problem.laws.numerical
    radius, wider = 0.0, _tail_radius(problem, share * sites.volume, magnified)
    for width in sorted({width for law in laws_of(problem) for width in law.widths}):
        if width > wider:  # a part that is low but so wide that its waves resolve denser clusters
            level = share / sites.peak_density(width, exclude_coincident=apart)
            wider = max(wider, _tail_radius(problem, level, magnified))
    while wider > (1 + RADIUS_RTOL) * radius:
        level = share / sites.peak_density(wider, exclude_coincident=apart)
        radius, wider = wider, _tail_radius(problem, level, magnified)
    return max(radius, wider)


def _tail_radius(problem: Problem, level: float, magnified: bool) -> float:
    """Return R such that damping + (2 pi X)^2 diffusion <= level / `_magnification` if some |xi_i| > R.

    R is the solution of a fixed-point equation, which the iteration approaches from below.
    """
    radius, wider = -1.0, 0.0
    if isinstance(problem.sites, OperatorRows):
        wider = max(width for law in laws_of(problem) for width in law.widths)
    while wider > (1 + RADIUS_RTOL) * radius:
        radius = wider
        factor = _magnification(problem, radius) if magnified else 1.0
        wider = max(wider, problem.laws.tail_radius(level / factor, problem.reach))
    return wider


def _magnification(problem: Problem, radius: float) -> float:
    """Return the factor by which the loss magnifies the error of the kernel beyond |xi_i| = R.

    For an operator L this is |l|^2 with the symbol l of L, times P. Otherwise it is the symbol of P at R, at most its
    largest eigenvalue, or this eigenvalue if P is no multiplier, and at least 1: an error (K - K_h) P u has this
    factor.
    """
    if isinstance(problem.sites, OperatorRows):
        return growth(problem.sites, problem.loss, radius)
    largest = max(1.0, problem.loss.largest)
    if not problem.loss.is_multiplier:
        return largest
    edge = np.full((1, problem.dimension), radius / np.sqrt(problem.dimension))
    with np.errstate(over="ignore"):  # heavy tails need a large R, but no frequency of a grid has more than `largest`
        return float(np.clip(problem.loss.symbol(edge)[0], 1.0, largest))


def negligible_level(problem: Problem, settings: Pde) -> float:
    """Return the largest value of damping + (2 pi X)^2 diffusion for which no mesh is needed."""
    share = TAIL_SHARE * settings.tolerance / gradient_flow_time(problem)
    radius = tail_half_width(problem, settings.tolerance)
    return share / (_magnification(problem, radius) * problem.sites.peak_density(radius))


def refuse_aliases(problem: Problem, settings: Pde, radius: float, key: str) -> None:
    """Raise InputError if the mesh of the local operator would extend beyond the Nyquist frequency.

    radius: the half-width of the mesh. key: the setting that determines the radius, for the message.
    """
    limit = problem.sites.nyquist.min()
    if settings.operator == "local" and radius > limit * (1 + 1e-9):
        raise InputError(
            f'[pde] operator = "local": {key} is {radius:.6g}, but frequencies beyond points/(2 extent) = {limit:.6g} '
            'alias; use operator = "data", more [data] points, or a narrower [density]'
        )


def _node_limit(problem: Problem, settings: Pde, most: int = MAX_NODES) -> float:
    """Return the half-width of a box with `most` nodes, or infinity if all samples and targets lie on a grid."""
    if problem.lattice is not None:
        return float("inf")
    nodes = 2 * nodes_per_reach(settings) * problem.reaches
    return float((most / nodes.prod()) ** (1 / problem.dimension))
