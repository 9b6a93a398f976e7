"""From a tolerance to a frequency mesh: how far it reaches and how fine it is.

Half-width: the support of the laws, or the smallest R with
T sup_{|xi| > R} (damping + (2 pi X)^2 diffusion) / prod extent <= tolerance.
Element size: h_i = degree / (nu X_i), X_i = max_j |x_j,i|, with nu nodes per 1/X_i from measured tables.
"""

from dataclasses import dataclass
from math import ceil, exp, log, prod

import numpy as np

from problem import InputError, Mesh, Pde, Problem

# nu for tolerances 1e-2, 1e-3, 1e-4 by degree, measured against the exact NTK: the worst of 72 cases in one dimension
# (laws of six widths, sigma_a from 0.1 to 3, white noise among the targets) stays below 0.6 of the tolerance
NODES: dict[str, dict[int, tuple[float, float, float]]] = {
    "data": {2: (10, 18, 32), 4: (6, 8, 10), 6: (4.5, 6, 7), 8: (4.5, 5, 5.5)},
    "local": {2: (10, 20, 40), 4: (7, 11, 24), 6: (6, 8, 18)},
}
TABULATED = (1e-2, 1e-3, 1e-4)
RINGING = 1.2  # more nodes, measured, where a folded law rings for an edge that the mesh does not follow
LEAST_CELLS = 8  # along each axis, so that rho_w itself is resolved where its width is far below 1/X
MOST_NONZEROS = 2**31 - 1  # of the matrix: PETSc counts them in 32 bits
TAIL_SHARE = 0.25  # of the tolerance, for what the mesh leaves out


@dataclass(frozen=True)
class Plan:
    """A box mesh on |xi_i| <= half_width_i, xi in cycles/length.

    half_width (d,), cells (d,) counted over the whole box and even along xi_1; folded: whether the laws are folded
    onto the Nyquist box.
    """

    half_width: tuple[float, ...]
    cells: tuple[int, ...]
    degree: int
    folded: bool

    @property
    def dimension(self) -> int:
        return len(self.cells)

    @property
    def dofs(self) -> int:
        """Lagrange nodes of the whole box."""
        return prod(n * self.degree + 1 for n in self.cells)

    @property
    def nonzeros(self) -> int:
        """Entries of the sparse matrix of the whole box."""
        return prod(n * ((self.degree + 1) ** 2 - 1) + 1 for n in self.cells)

    @property
    def entries(self) -> int:
        """Entries of the element matrices of the whole box."""
        return prod(self.cells) * (self.degree + 1) ** (2 * self.dimension)

    @property
    def size(self) -> tuple[float, ...]:
        """Element size h_i [cycles/length]."""
        return tuple(2 * r / n for r, n in zip(self.half_width, self.cells, strict=True))


def plan(problem: Problem, settings: Pde | None = None, mesh: Mesh | None = None) -> Plan:
    """Choose the mesh for the asked tolerance; [mesh] half_width and size, where given, take precedence.

    Raises InputError where the local operator would reach beyond the Nyquist frequency, where the support has an edge
    that a box cannot follow, and where no rule exists for the degree.
    """
    settings, mesh = settings or Pde(), mesh or Mesh()
    grid = problem.grid
    half_width, folded = _half_width(problem, settings, mesh)
    if mesh.size is not None:
        size = np.full(grid.dimension, mesh.size)
    else:
        nodes = nodes_per_reach(settings) * (1.0 if follows_box(problem) else RINGING)
        size = settings.degree / (nodes * grid.reach)
    cells = [
        max(LEAST_CELLS if mesh.size is None else 2, ceil(2 * r / h - 1e-9))
        for r, h in zip(half_width, size, strict=True)
    ]
    cells[0] += cells[0] % 2  # so that xi_1 = 0 is a mesh line: the data operator needs only one side of it
    layout = Plan(tuple(half_width), tuple(cells), settings.degree, folded)
    if layout.nonzeros > MOST_NONZEROS:
        key = "[pde] tolerance" if mesh.size is None else "[mesh] size"
        raise InputError(f"{key}: the mesh would have {layout.dofs:.3g} dofs, more than fit; use a larger {key}")
    return layout


def _half_width(problem: Problem, settings: Pde, mesh: Mesh) -> tuple[list[float], bool]:
    grid, nyquist = problem.grid, problem.grid.nyquist
    beyond_box = not follows_box(problem)
    radius = mesh.half_width or tail_radius(problem, settings.tolerance)
    folded = (
        settings.operator == "data"
        and mesh.half_width is None
        and (beyond_box or bool((radius > nyquist * (1 + 1e-9)).any()))
    )
    if folded:
        return [float(r) for r in nyquist], True
    if settings.operator == "local" and (radius > nyquist * (1 + 1e-9)).any():
        key = "[mesh] half_width" if mesh.half_width else "the half-width that the tail of [density] needs"
        raise InputError(
            f'[pde] operator = "local": {key} is {radius:.6g}, beyond the limit points/(2 extent) = '
            f"{nyquist.min():.6g} where frequencies alias; "
            'use operator = "data", more [data] points, or a narrower [density]'
        )
    if settings.operator == "local" and beyond_box and mesh.size is None:
        raise InputError(
            '[density] kind = "ball": a box mesh cannot follow its edge, so that [pde] operator = "local" has no '
            "rule for the tolerance; "
            'use operator = "data", or choose [mesh] size yourself'
        )
    return [float(radius)] * grid.dimension, False


def follows_box(problem: Problem) -> bool:
    """Whether a box mesh resolves both laws."""
    return problem.laws.damping.follows_box and problem.laws.diffusion.follows_box


def tail_radius(problem: Problem, tolerance: float) -> float:
    """The half-width beyond which the laws are too weak to matter until the last output time [cycles/length]."""
    level = TAIL_SHARE * tolerance * problem.grid.volume / problem.times[-1]
    return problem.laws.tail_radius(level, problem.reach)


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
