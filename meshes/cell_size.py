"""The size rule: the size of the cells for a tolerance.

    h_i = degree / (nu X_i),    X_i = max_j |x_j,i|,

where h_i is the cell size along axis i, x_j are the samples and the targets of predictions, and nu is the number of
nodes per length 1/X_i. The values of nu are measured.
"""

from math import exp, log

import numpy as np

from freqbias.errors import InputError
from freqbias.meshes.law_edges import jumps_inside_cells, laws_of
from freqbias.problem import MeanSquare, Mesh, Pde, Problem

# nu for the tolerances 1e-2, 1e-3, 1e-4, by degree. The errors were measured against the exact NTK in 72 cases in one
# dimension: laws of six widths, sigma_a from 0.1 to 3, several targets including white noise. The largest error is less
# than 0.6 times the tolerance.
NODES: dict[str, dict[int, tuple[float, float, float]]] = {
    "data": {2: (10, 18, 32), 4: (6, 8, 10), 6: (4.5, 6, 7), 8: (4.5, 5, 5.5)},
    "local": {2: (10, 20, 40), 4: (7, 11, 24), 6: (6, 8, 18)},
}
TOLERANCES = (1e-2, 1e-3, 1e-4)
JUMP_FACTOR = 1.2  # nu is larger by this factor if the laws jump inside cells; measured for folded laws
ADAPTIVE_NODES = 2.0  # nu of a mesh that will be refined
# The least X_i [length] for the local operator under a Sobolev loss, whose symbol (1 + |xi|^2)^s varies over |xi| = 1.
# Measured for extents of 0.05 and more: the error of the mesh is less than 0.2 times the tolerance. Without this limit
# it is up to 9 times the tolerance.
SYMBOL_REACH = 0.25
PEAK_WIDTHS, PEAK_CELLS = 8, 16  # around a narrow peak, PEAK_CELLS cells cover PEAK_WIDTHS widths of the peak


def choose_cell_size(
    problem: Problem, settings: Pde, mesh: Mesh, half_width: list[float], *, folded: bool
) -> np.ndarray:
    """Return the largest cell size along each axis, (d,) [cycles/length]. [mesh] size takes precedence."""
    if mesh.size is not None:
        return np.full(problem.dimension, mesh.size)
    if mesh.adaptive:
        nodes = ADAPTIVE_NODES
    else:
        jumps = jumps_inside_cells(problem, half_width, folded=folded)
        nodes = nodes_per_reach(settings) * (JUMP_FACTOR if jumps else 1.0)
    reaches = problem.reaches
    if settings.operator == "local" and not isinstance(problem.loss, MeanSquare):
        reaches = np.maximum(reaches, SYMBOL_REACH)
    return settings.degree / (nodes * reaches)


def nodes_per_reach(settings: Pde) -> float:
    """Return nu for the degree p and the tolerance of the settings.

    log nu is interpolated linearly in log tolerance. For tolerances below those of the table, nu grows as
    tolerance^(-1/order). The order is p + 2 for the data operator and p + 1 for the local operator. Raises InputError
    for a degree without measured values.
    """
    table = NODES[settings.operator]
    if settings.degree not in table:
        raise InputError(
            f"[pde] degree = {settings.degree}: there is no size rule for this degree with operator = "
            f"{settings.operator!r}; use degree = {' or '.join(map(str, table))}, or give [mesh] size"
        )
    order = settings.degree + (2 if settings.operator == "data" else 1)
    log_tolerances, log_nodes = np.log(TOLERANCES), np.log(table[settings.degree])
    log_tolerance = log(settings.tolerance)
    if log_tolerance < log_tolerances[-1]:
        return exp(log_nodes[-1] + (log_tolerances[-1] - log_tolerance) / order)
    return exp(np.interp(-log_tolerance, -log_tolerances, log_nodes))


def narrow_peaks(problem: Problem, size: np.ndarray, *, folded: bool) -> list[tuple[float, ...]]:
    """Return for each axis the distances from 0 up to which cells must be finer around narrow peaks of the laws.

    A peak is narrow if it is narrower than a cell. The size rule assumes that the interpolation errors of waves average
    out over a cell, but within a narrow peak they do not. Most of the kernel comes from the peak, and its error adds up
    over the whole flow. Each part of a mixture has a peak of its own. A folded peak is at least as wide as
    1 / (width of the data).
    """
    widths = {width for law in laws_of(problem) for width in law.widths}
    least = 1 / problem.span if folded else np.zeros(problem.dimension)
    wide = [{max(width, w) for width in widths if width < h} for w, h in zip(least, size, strict=True)]
    return [tuple(sorted(PEAK_WIDTHS * width for width in axis)) for axis in wide]
