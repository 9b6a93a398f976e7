"""From a tolerance to a frequency mesh: how far it reaches and how fine it is.

Half-width: the support of the laws, or the smallest R with
T sup_{|xi| > R} (damping + (2 pi X)^2 diffusion) sup rho_data <= tolerance; sup rho_data = 1 / prod extent on a grid.
Laws known by their transform (deeper networks) are folded onto the box, whatever its half-width; relu's fall as
|xi|^-(d+1), and between scattered samples MOST_NODES bound it.
Element size: h_i = degree / (nu X_i), X_i = max_j |x_j,i|, with nu nodes per 1/X_i from measured tables.
"""

from dataclasses import replace
from math import ceil, exp, log

import numpy as np

from freqbias.errors import InputError
from freqbias.meshes.coverage import check_coverage, share_beyond
from freqbias.meshes.file import read_plan
from freqbias.meshes.layers import CORE
from freqbias.meshes.plans import SIMPLICES, BoxPlan, LayeredPlan, MeshPlan
from freqbias.numerics import Grid
from freqbias.problem import Law, Mesh, Pde, Problem

# nu for tolerances 1e-2, 1e-3, 1e-4 by degree, measured against the exact NTK: the worst of 72 cases in one dimension
# (laws of six widths, sigma_a from 0.1 to 3, white noise among the targets) stays below 0.6 of the tolerance
NODES: dict[str, dict[int, tuple[float, float, float]]] = {
    "data": {2: (10, 18, 32), 4: (6, 8, 10), 6: (4.5, 6, 7), 8: (4.5, 5, 5.5)},
    "local": {2: (10, 20, 40), 4: (7, 11, 24), 6: (6, 8, 18)},
}
TABULATED = (1e-2, 1e-3, 1e-4)
RINGING = 1.2  # more nodes, measured on folded laws, where the mesh does not follow an edge
COARSE = 2.0  # nodes per 1/X of a mesh that will be refined
PEAK = 1e-2  # of the largest of a law, where its peak ends
PEAK_REACH, PEAK_CELLS = 8, 16  # where it is narrow: how far fine cells reach, in its widths, and how many they are
LEAST_CELLS = 8  # along each axis, so that rho_w itself is resolved where its width is far below 1/X
BEYOND = 1.1  # half-width of a box around a sphere over its radius, at the least
SAMPLES = {1: 401, 2: 81, 3: 31}  # an axis, to see where the laws vanish
TAIL_SHARE = 0.25  # of the tolerance, for what the mesh leaves out
MOST_NODES = 10**6  # of the box for laws that fall slowly, between scattered samples; [mesh] half_width overrides
SETTLED = 1e-2  # change of the half-width, relative, that ends its iteration


def plan_mesh(problem: Problem, settings: Pde | None = None, mesh: Mesh | None = None) -> MeshPlan:
    """Choose the mesh for the asked tolerance; what [mesh] gives takes precedence.

    The edges of the laws lie on mesh lines: planes |xi_i| = b in a box, spheres |xi| = r in layers around the origin.
    The local operator's mesh covers the support alone: outside v keeps its start.
    Raises InputError where the local operator has scattered data, laws with an atom, or would reach beyond the Nyquist
    frequency, where no rule exists for the degree, and for a file that is no mesh of the support.
    """
    settings, mesh = settings or Pde(), mesh or Mesh()
    if mesh.adaptive and settings.operator == "data":
        raise InputError(
            '[mesh] adaptive = true is for [pde] operator = "local"; the data operator meets its tolerance by a rule: '
            "leave adaptive out"
        )
    if settings.operator == "local" and not isinstance(problem.sites, Grid):
        raise InputError(
            '[pde] operator = "local": it holds for data that fill a box evenly, and [data] layout = "scattered"; use '
            'operator = "data"'
        )
    if settings.operator == "local" and problem.laws.atom:
        raise InputError(
            f'[pde] operator = "local": the damping has an atom of {problem.laws.atom:.3g} at frequency 0, a point '
            'mass that no function on the mesh can carry; use operator = "data", or an odd [network] activation'
        )
    if mesh.path is not None:
        given = read_plan(mesh.path, problem, settings)
        _refuse_aliases(problem, settings, max(given.half_width), "the half-width of [mesh] path")
        return _refinable(given, mesh)
    half_width, folded = _half_width(problem, settings, mesh)
    corner = np.sqrt(problem.dimension) * min(half_width) * (1 + 1e-9)
    radii = [] if folded else [r for r in spheres(problem) if r <= corner]
    if problem.dimension == 1 and not folded:
        planes = [b for b in _breaks(problem, 0) if 0 < b <= corner]
        radii = planes if planes and _vanishes(problem, 0, planes[0]) else []
    if radii and problem.dimension > 1 and _planes_inside(problem, half_width):  # no mesh here follows both
        if settings.operator == "data" and isinstance(problem.sites, Grid) and mesh.half_width is None:
            half_width, folded, radii = problem.sites.nyquist.tolist(), True, []
        elif settings.operator == "local" and mesh.size is None:
            raise InputError(
                '[pde] operator = "local": [density] has edges on spheres and on planes, and no mesh follows both; use '
                'operator = "data", or choose [mesh] size yourself'
            )
    if mesh.size is not None:
        size = np.full(problem.dimension, mesh.size)
    elif mesh.adaptive:
        size = settings.degree / (COARSE * problem.sites.reach)
    else:
        nodes = nodes_per_reach(settings) * (RINGING if _rings(problem, half_width, folded=folded) else 1.0)
        size = settings.degree / (nodes * problem.sites.reach)
    least = LEAST_CELLS if mesh.size is None else 2
    if radii:
        hole = _vanishes(problem, 0, radii[0])
        boxed = not _vanishes(problem, radii[-1], corner, _level(problem, settings))
        if settings.operator == "data" and mesh.half_width is not None:
            boxed |= mesh.half_width > radii[-1] * (1 + 1e-9)
        layers = _layers(half_width, radii, float(size.min()), settings.degree, hole=hole, boxed=boxed)
        layout: MeshPlan = replace(layers, refined=mesh.adaptive)
    else:
        breaks = [[] if folded else _breaks(problem, axis) for axis in range(problem.dimension)]
        cores = [0.0] * problem.dimension if mesh.size or mesh.adaptive else _cores(problem, size, folded=folded)
        pieces = [_pieces(r, h, b, least, core) for r, h, b, core in zip(half_width, size, breaks, cores, strict=True)]
        layout = BoxPlan(tuple(pieces), settings.degree, folded, simplices=mesh.adaptive)
    return _refinable(layout, mesh)


def _refinable(layout: MeshPlan, mesh: Mesh) -> MeshPlan:
    if mesh.adaptive and not (layout.affine and layout.cell_type in SIMPLICES):
        raise InputError(
            "[mesh] adaptive = true: only straight intervals, triangles and tetrahedra can be refined, and this mesh "
            f"has {layout.cell_type} cells that may be curved; leave adaptive out, or give a [mesh] path of such cells"
        )
    return layout


def _pieces(
    half_width: float, size: float, breaks: list[float], least: int, core: float
) -> tuple[tuple[float, int], ...]:
    """One axis of a box, from 0 to the half-width: where its pieces end and their cells, of this size at most, and up
    to the core, where there is one, PEAK_CELLS."""
    inside = sorted(b for b in {*breaks, core} if 1e-9 * half_width < b < half_width * (1 - 1e-9))
    starts, ends = [0.0, *inside], [*inside, half_width]
    size = min(size, 2 * half_width / least)
    sizes = [min(size, core / PEAK_CELLS) if end <= core else size for end in ends]
    counts = [ceil((end - start) / h - 1e-9) for start, end, h in zip(starts, ends, sizes, strict=True)]
    return tuple((end, max(1, count)) for end, count in zip(ends, counts, strict=True))


def _cores(problem: Problem, size: np.ndarray, *, folded: bool) -> list[float]:
    """For each axis up to where a peak of the laws lies that is narrower than a cell; 0 for none.

    Waves interpolated in cells err the least on average over a cell, and a peak in one is no average: with most of the
    kernel in it, its error counts as often as the flow has time for. Folded, a peak is as wide as the data let it be.
    """
    widths = [law.tail_radius(PEAK * law.maximum) for law in _laws(problem) if law.maximum > 0]
    width = max(widths, default=np.inf)
    seen = 1 / np.ptp(problem.sites.positions(), axis=0) if folded else np.zeros(problem.dimension)
    return [PEAK_REACH * max(width, least) if width < h else 0.0 for least, h in zip(seen, size, strict=True)]


def _layers(
    half_width: list[float], radii: list[float], size: float, degree: int, *, hole: bool, boxed: bool
) -> LayeredPlan:
    dimension = len(half_width)
    starts = [radii[0] if hole else CORE[dimension] * radii[0], *radii[:-1]]
    counts = [ceil((end - start) / size - 1e-9) for start, end in zip(starts, radii, strict=True)]
    box, across = None, np.pi / 2 * radii[-1]
    if boxed:
        half_width = [max(r, BEYOND * radii[-1]) for r in half_width]
        deepest = np.sqrt(dimension) * max(half_width) - radii[-1]
        box, across = (tuple(half_width), ceil(deepest / size)), 2 * max(half_width)
    around = max(2, 2 * ceil(across / size / 2 - 1e-9))
    return LayeredPlan(dimension, tuple(zip(radii, counts, strict=True)), around, degree, hole, box)


def _vanishes(problem: Problem, inner: float, outer: float, level: float = 0.0) -> bool:
    """Whether the laws are negligible where inner < |xi| < outer, by samples."""
    axes = [np.linspace(-outer, outer, SAMPLES[problem.dimension])] * problem.dimension
    xi = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=-1)
    radius = np.linalg.norm(xi, axis=1)
    between = xi[(radius > inner * (1 + 1e-9)) & (radius < outer * (1 - 1e-9))]
    damping, diffusion = (law.value(between) for law in _laws(problem))
    return bool((damping + (2 * np.pi * problem.reach) ** 2 * diffusion <= level).all())


def _half_width(problem: Problem, settings: Pde, mesh: Mesh) -> tuple[list[float], bool]:
    nyquist = problem.sites.nyquist
    radius = tail_radius(problem, settings.tolerance)
    if mesh.half_width:
        within_support = settings.operator == "local" and all(law.compact for law in _laws(problem))
        radius = min(mesh.half_width, radius) if within_support else mesh.half_width
    beyond = bool((radius > nyquist * (1 + 1e-9)).any())
    folded = settings.operator == "data" and (problem.laws.numerical or (beyond and mesh.half_width is None))
    if folded and mesh.half_width is None:
        return np.minimum(min(radius, _affordable(problem, settings)), nyquist).tolist(), True
    key = "[mesh] half_width" if mesh.half_width else "the half-width that the tail of [density] needs"
    _refuse_aliases(problem, settings, radius, key)
    if mesh.half_width:
        try:
            check_coverage(problem, share_beyond(problem, float(radius)))
        except InputError as failure:
            raise InputError(f"[mesh] half_width = {mesh.half_width:.6g}: {failure}") from None
    return [float(radius)] * problem.dimension, folded


def _affordable(problem: Problem, settings: Pde) -> float:
    """The half-width up to which the box has MOST_NODES, between scattered samples; on grids none is too large."""
    if isinstance(problem.sites, Grid):
        return float("inf")
    nodes = 2 * nodes_per_reach(settings) * problem.sites.reach
    return float((MOST_NODES / nodes.prod()) ** (1 / problem.dimension))


def _refuse_aliases(problem: Problem, settings: Pde, radius: float, key: str) -> None:
    limit = problem.sites.nyquist.min()
    if settings.operator == "local" and radius > limit * (1 + 1e-9):
        raise InputError(
            f'[pde] operator = "local": {key} is {radius:.6g}, beyond the limit points/(2 extent) = {limit:.6g} where '
            'frequencies alias; use operator = "data", more [data] points, or a narrower [density]'
        )


def spheres(problem: Problem) -> list[float]:
    """The radii of the spheres across which a law jumps, ascending [cycles/length]."""
    return sorted({r for law in _laws(problem) for r in law.break_radii})


def _rings(problem: Problem, half_width: list[float], *, folded: bool) -> bool:
    """Whether the laws jump, or bend sharply, inside cells."""
    if folded:
        return bool(spheres(problem)) or _planes_inside(problem, half_width)
    return problem.dimension > 1 and bool(spheres(problem)) and _planes_inside(problem, half_width)


def _planes_inside(problem: Problem, half_width: list[float]) -> bool:
    return any(0 < b < r * (1 - 1e-9) for axis, r in enumerate(half_width) for b in _breaks(problem, axis))


def _breaks(problem: Problem, axis: int) -> list[float]:
    return sorted({b for law in _laws(problem) for b in law.break_planes[axis]})


def _laws(problem: Problem) -> tuple[Law, Law]:
    return problem.laws.damping, problem.laws.diffusion


def tail_radius(problem: Problem, tolerance: float) -> float:
    """The half-width beyond which the laws are too weak to matter until the last output time [cycles/length].

    Waves up to that half-width see how densely scattered samples lie, which the half-width depends on: the fixed point,
    from below. There is one, as laws fall faster than R^-d, and sup rho_data grows no faster than R^d. Folded laws are
    exact from a sample to itself, so that only those apart from it count.
    """
    sites, share, apart = problem.sites, TAIL_SHARE * tolerance / problem.times[-1], problem.laws.numerical
    radius, wider = 0.0, problem.laws.tail_radius(share * sites.volume, problem.reach)
    while wider > (1 + SETTLED) * radius:
        level = share / sites.peak_density(wider, apart=apart)
        radius, wider = wider, problem.laws.tail_radius(level, problem.reach)
    return max(radius, wider)


def _level(problem: Problem, settings: Pde) -> float:
    """What damping + (2 pi X)^2 diffusion may be where there is no mesh."""
    share = TAIL_SHARE * settings.tolerance / problem.times[-1]
    return share / problem.sites.peak_density(tail_radius(problem, settings.tolerance))


def nodes_per_reach(settings: Pde) -> float:
    """nu: log nu interpolated in log tolerance, and continued with the order p + 2 (data), p + 1 (local)."""
    table = NODES[settings.operator]
    if settings.degree not in table:
        raise InputError(
            f"[pde] degree = {settings.degree}: no rule gives the mesh for this degree and operator = "
            f"{settings.operator!r}; "
            f"use one of {', '.join(map(str, table))}, or give [mesh] size"
        )
    order = settings.degree + (2 if settings.operator == "data" else 1)
    logs, values = np.log(TABULATED), np.log(table[settings.degree])
    wanted = log(settings.tolerance)
    if wanted < logs[-1]:
        return exp(values[-1] + (logs[-1] - wanted) / order)
    return exp(np.interp(-wanted, -logs, values))
