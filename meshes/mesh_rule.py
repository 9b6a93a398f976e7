"""The choice of a frequency mesh for a tolerance.

- Half-width: the support of the laws, or the radius R of the tail rule (`freqbias.meshes.half_width`).
- Cell size: h_i = degree / (nu X_i), the size rule (`freqbias.meshes.cell_size`).
- Edges: the edges of the laws lie on mesh lines. A box has mesh lines on planes |xi_i| = b, and a mesh in layers around
  the origin has mesh lines on spheres |xi| = r.
- The mesh of the local operator covers only the support of the laws. Outside the support v keeps its initial value.
"""

from math import ceil

import numpy as np

from freqbias.errors import InputError
from freqbias.meshes.box_plan import BoxPlan
from freqbias.meshes.cell_size import PEAK_CELLS, choose_cell_size, narrow_peaks
from freqbias.meshes.cell_types import CELL_TYPES
from freqbias.meshes.half_width import (
    choose_half_width,
    describe_narrow,
    is_narrow,
    negligible_level,
    refuse_aliases,
)
from freqbias.meshes.law_edges import laws_of, planes, planes_inside, spheres, vanish_between
from freqbias.meshes.layered_plan import LayeredPlan
from freqbias.meshes.layers import CORE
from freqbias.meshes.mesh_file import read_plan
from freqbias.meshes.plan import MeshPlan
from freqbias.numerics import Grid, OperatorRows
from freqbias.problem import Mesh, Pde, Problem

MIN_CELLS = 8  # least number of cells along each axis, to resolve rho_w if it is much narrower than 1/X
MIN_NODES = 48  # least number of nodes for folded laws; with fewer, degree 2 does not resolve a narrow law, measured
# Least width of the laws for the local operator, relative to 1/extent. Narrower ones are off by a third or more of the
# start, measured on a target that does not vanish at the edge of the data.
LOCAL_WIDTH = 0.25
BOX_MARGIN = 1.1  # least half-width of a box around a sphere, divided by the radius of the sphere


def plan_mesh(problem: Problem, settings: Pde | None = None, mesh: Mesh | None = None) -> MeshPlan:
    """Return the plan of a mesh for [pde] tolerance. The keys of [mesh] take precedence.

    For the local operator, raises InputError if the samples are scattered, if the damping has an atom, or if the mesh
    would extend beyond the Nyquist frequency. For both operators, raises InputError if no rule gives the cell size for
    the degree, or if the mesh from [mesh] path is invalid or does not cover the support of damping and diffusion.
    """
    settings, mesh = settings or Pde(), mesh or Mesh()
    _check_operator(problem, settings, mesh)
    if mesh.path is not None:
        if is_narrow(problem):
            raise InputError(
                f"[mesh] path = {mesh.path!r}: {describe_narrow(problem)}, for which only the program's own mesh is "
                "accurate; leave path out"
            )
        from_file = read_plan(mesh.path, problem, settings)
        refuse_aliases(problem, settings, max(from_file.half_width), "the half-width of [mesh] path")
        return _check_refinable(from_file, mesh)
    half_width, folded = choose_half_width(problem, settings, mesh)
    radii = [] if folded else _spheres_inside(problem, half_width)
    if radii and problem.dimension > 1 and planes_inside(problem, half_width):  # no mesh plan follows both
        if settings.operator == "data" and problem.lattice is not None and mesh.half_width is None:
            half_width, folded, radii = problem.nyquist.tolist(), True, []
        elif settings.operator == "local" and mesh.size is None:
            raise InputError(
                '[pde] operator = "local": [density] jumps on spheres and on planes, but cells can be aligned with '
                'only one of the two; use operator = "data", or give [mesh] size for cells aligned with neither'
            )
    size = choose_cell_size(problem, settings, mesh, half_width, folded=folded)
    if radii:
        plan: MeshPlan = _layered_plan(problem, settings, mesh, half_width, radii, float(size.min()))
    else:
        plan = _box_plan(problem, settings, mesh, half_width, size, folded=folded)
    return _check_refinable(plan, mesh)


def _check_operator(problem: Problem, settings: Pde, mesh: Mesh) -> None:
    if mesh.adaptive and settings.operator == "data":
        raise InputError(
            '[mesh] adaptive = true works only with [pde] operator = "local", because the mesh of the data operator '
            'follows from the tolerance; leave adaptive out, or use operator = "local"'
        )
    if settings.operator == "local" and not isinstance(problem.sites, Grid):
        scattered = problem.sites.lattice is None
        reason = 'layout = "scattered"' if scattered else "held_out leaves gaps between the training samples"
        remedy = "" if scattered else ", or leave held_out out"
        raise InputError(
            f'[pde] operator = "local" needs data that fill a box evenly, but [data] {reason}; use operator = '
            f'"data"{remedy}'
        )
    if problem.laws.discrete:
        _check_discrete(problem, settings)
    narrowest = min((width for law in laws_of(problem) for width in law.widths), default=np.inf)
    if settings.operator == "local" and narrowest * max(problem.grid.extent) < LOCAL_WIDTH:
        raise InputError(
            f'[pde] operator = "local": {describe_narrow(problem)}, but the damping must vary slowly over '
            f"1/extent = {1 / max(problem.grid.extent):.3g}, which the data cannot tell apart; use operator = "
            '"data", or a wider [density]'
        )
    if settings.operator == "local" and problem.laws.atom:
        raise InputError(
            f'[pde] operator = "local": the damping has an atom of {problem.laws.atom:.3g} (a point mass) at frequency '
            '0, but a function on the mesh cannot represent an atom; use operator = "data"'
            + ("" if problem.network.omega_0 else ", or an odd [network] activation without bias")
        )


def _check_discrete(problem: Problem, settings: Pde) -> None:
    if isinstance(problem.sites, OperatorRows):
        raise InputError(
            "[training] operator: the equation needs a [density] with values, but this one is a set of frequencies; "
            "use another [density], or only `freqbias nn` and `freqbias ntk`"
        )
    if settings.operator == "local":
        raise InputError(
            '[pde] operator = "local": damping and diffusion are sums of point masses, because [density] is a set of '
            'frequencies, and a function on the mesh cannot represent point masses; use operator = "data"'
        )
    if problem.lattice is None and not all(law.compact for law in laws_of(problem)):
        raise InputError(
            f"[network] depth = {problem.network.depth}: with {problem.density}, the equation can be solved only for "
            "samples and predictions on one grid, because the point masses of deeper networks are too many to list; "
            "`freqbias ntk` predicts the training on any samples"
        )


def _check_refinable(plan: MeshPlan, mesh: Mesh) -> MeshPlan:
    if mesh.adaptive and not (plan.affine and CELL_TYPES[plan.cell_type].is_simplex):
        raise InputError(
            "[mesh] adaptive = true: only straight intervals, triangles and tetrahedra can be refined, but this mesh "
            f"has {plan.cell_type} cells that may be curved; leave adaptive out, or give a [mesh] path with straight "
            "intervals, triangles or tetrahedra"
        )
    return plan


def _spheres_inside(problem: Problem, half_width: list[float]) -> list[float]:
    """Return the radii of the edges that layers must follow.

    In one dimension the mesh lines of a box can follow all edges. There layers are needed only if the laws vanish
    around the origin.
    """
    corner = _corner_radius(half_width)
    if problem.dimension > 1:
        return [r for r in spheres(problem) if r <= corner]
    edges = [b for b in planes(problem, 0) if 0 < b <= corner]
    return edges if edges and vanish_between(problem, 0, edges[0]) else []


def _corner_radius(half_width: list[float]) -> float:
    return float(np.sqrt(len(half_width)) * min(half_width) * (1 + 1e-9))


def _box_plan(
    problem: Problem, settings: Pde, mesh: Mesh, half_width: list[float], size: np.ndarray, *, folded: bool
) -> BoxPlan:
    edges = [[] if folded else planes(problem, axis) for axis in range(problem.dimension)]
    fixed = mesh.size is not None or mesh.adaptive
    peaks = [()] * problem.dimension if fixed else narrow_peaks(problem, size, folded=folded)
    min_cells = max(MIN_CELLS, ceil(MIN_NODES / settings.degree) if folded else 0) if mesh.size is None else 2
    segments = [_segments(r, h, b, p, min_cells) for r, h, b, p in zip(half_width, size, edges, peaks, strict=True)]
    return BoxPlan(tuple(segments), settings.degree, folded, simplices=mesh.adaptive)


def _segments(
    half_width: float, size: float, edges: list[float], peaks: tuple[float, ...], min_cells: int
) -> tuple[tuple[float, int], ...]:
    """Return the segments of one axis of a box.

    The cells are at most `size` long. At least PEAK_CELLS cells lie between 0 and each of the `peaks`.
    """
    inside = sorted(b for b in {*edges, *peaks} if 1e-9 * half_width < b < half_width * (1 - 1e-9))
    starts, ends = [0.0, *inside], [*inside, half_width]
    size = min(size, 2 * half_width / min_cells)
    sizes = [min(size, *(peak / PEAK_CELLS for peak in peaks if end <= peak), size) for end in ends]
    counts = [ceil((end - start) / h - 1e-9) for start, end, h in zip(starts, ends, sizes, strict=True)]
    return tuple((end, max(1, count)) for end, count in zip(ends, counts, strict=True))


def _layered_plan(
    problem: Problem, settings: Pde, mesh: Mesh, half_width: list[float], radii: list[float], size: float
) -> LayeredPlan:
    dimension, outermost = problem.dimension, radii[-1]
    hollow = vanish_between(problem, 0, radii[0])
    starts = [radii[0] if hollow else CORE[dimension] * radii[0], *radii[:-1]]
    counts = [ceil((end - start) / size - 1e-9) for start, end in zip(starts, radii, strict=True)]
    layers = tuple(zip(radii, counts, strict=True))
    box, across = None, np.pi / 2 * outermost
    corner = _corner_radius(half_width)
    in_box = not vanish_between(problem, outermost, corner, negligible_level(problem, settings))
    if settings.operator == "data" and mesh.half_width is not None:
        in_box |= mesh.half_width > outermost * (1 + 1e-9)
    if in_box:
        half_width = [max(r, BOX_MARGIN * outermost) for r in half_width]
        thickest = np.sqrt(dimension) * max(half_width) - outermost
        box, across = (tuple(half_width), ceil(thickest / size)), 2 * max(half_width)
    face_cells = max(2, 2 * ceil(across / size / 2 - 1e-9))
    return LayeredPlan(dimension, layers, face_cells, settings.degree, hollow, box, adaptive=mesh.adaptive)
