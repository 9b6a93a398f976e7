"""The size rule: from a tolerance to the size of the cells.

    h_i = degree / (nu X_i),    X_i = max_j |x_j,i|,

with nu nodes per 1/X_i from tables that were measured.
"""

from math import exp, log

import numpy as np

from freqbias.errors import InputError
from freqbias.meshes.law_edges import jumps_inside_cells, laws_of
from freqbias.problem import Mesh, Pde, Problem

# nu for the tolerances 1e-2, 1e-3, 1e-4, by degree. Measured against the exact NTK: the worst of 72 cases in one
# dimension (laws of six widths, sigma_a from 0.1 to 3, white noise among the targets) stays below 0.6 of the tolerance.
NODES: dict[str, dict[int, tuple[float, float, float]]] = {
    "data": {2: (10, 18, 32), 4: (6, 8, 10), 6: (4.5, 6, 7), 8: (4.5, 5, 5.5)},
    "local": {2: (10, 20, 40), 4: (7, 11, 24), 6: (6, 8, 18)},
}
TOLERANCES = (1e-2, 1e-3, 1e-4)
JUMP_FACTOR = 1.2  # more nodes where the laws jump inside cells; measured on folded laws
ADAPTIVE_NODES = 2.0  # nu of a mesh that will be refined
PEAK_LEVEL = 1e-2  # a peak of a law ends where the law falls to this fraction of its maximum
PEAK_WIDTHS, PEAK_CELLS = 8, 16  # a narrow peak gets this many cells over this many of its widths


def choose_cell_size(
    problem: Problem, settings: Pde, mesh: Mesh, half_width: list[float], *, folded: bool
) -> np.ndarray:
    """The largest cell size along each axis, (d,) [cycles/length]; [mesh] size takes precedence."""
    if mesh.size is not None:
        return np.full(problem.dimension, mesh.size)
    if mesh.adaptive:
        nodes = ADAPTIVE_NODES
    else:
        jumps = jumps_inside_cells(problem, half_width, folded=folded)
        nodes = nodes_per_reach(settings) * (JUMP_FACTOR if jumps else 1.0)
    return settings.degree / (nodes * problem.sites.reach)


def nodes_per_reach(settings: Pde) -> float:
    """nu: log nu interpolated linearly in log tolerance.

    Below the table it grows with the order of the method, p + 2 (data operator) or p + 1 (local). Raises InputError
    for a degree without a table.
    """
    table = NODES[settings.operator]
    if settings.degree not in table:
        raise InputError(
            f"[pde] degree = {settings.degree}: no rule gives the mesh for this degree and operator = "
            f"{settings.operator!r}; use one of {', '.join(map(str, table))}, or give [mesh] size"
        )
    order = settings.degree + (2 if settings.operator == "data" else 1)
    log_tolerances, log_nodes = np.log(TOLERANCES), np.log(table[settings.degree])
    log_tolerance = log(settings.tolerance)
    if log_tolerance < log_tolerances[-1]:
        return exp(log_nodes[-1] + (log_tolerances[-1] - log_tolerance) / order)
    return exp(np.interp(-log_tolerance, -log_tolerances, log_nodes))


def narrow_peaks(problem: Problem, size: np.ndarray, *, folded: bool) -> list[float]:
    """For each axis, how far cells must be finer around a peak of the laws that is narrower than a cell; 0 for none.

    The interpolation error of waves is smallest on average over a cell, and a peak within a cell does not average.
    Most of the kernel lies in the peak, and its error adds up over the whole flow. A folded peak is at least as wide
    as 1 / (width of the data).
    """
    widths = [law.tail_radius(PEAK_LEVEL * law.maximum) for law in laws_of(problem) if law.maximum > 0]
    width = max(widths, default=np.inf)
    least = 1 / np.ptp(problem.sites.positions(), axis=0) if folded else np.zeros(problem.dimension)
    return [PEAK_WIDTHS * max(width, w) if width < h else 0.0 for w, h in zip(least, size, strict=True)]
