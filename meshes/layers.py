"""The geometry of layered meshes: blocks of cells between the faces of a central cube, spheres, and an outer box.

Each face of the cube [-1, 1]^d has parameters t in [-1, 1]^(d-1), and p(t) is a point of the face. The surfaces are

    core    c p(t),  c the half-side of the core          sphere  r q / |q|,  q = tan(pi p(t) / 4),  r the radius
    box     half_width_i p_i(t)

Straight lines connect points with the same t on two successive surfaces. Every cell is a smooth map of the unit cube,
evaluated at the nodes of the Lagrange element. So curved edges are approximated with the degree of the element.
"""

import itertools

import numpy as np

from freqbias.meshes.layered_plan import LayeredPlan
from freqbias.problem import canonical_order

CORE = {1: 0.5, 2: 0.5, 3: 0.45}  # half-side of the core divided by the radius of the first layer, by dimension


def nodes_and_cells(plan: LayeredPlan, reference: np.ndarray, *, half: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return the points, (n, d) [cycles/length], and the cells, (c, k), of a plan.

    reference: the nodes of an element on [0, 1]^d, (k, d). half: return only the half xi_1 >= 0 of the mesh.
    """
    blocks = [] if plan.hollow else [_core(plan, reference)]
    blocks += [_block(plan, reference, axis, sign) for axis in range(plan.dimension) for sign in (-1.0, 1.0)]
    cells = np.concatenate(blocks)
    if half:
        cells = cells[cells[:, :, 0].mean(axis=1) > 0]
    return merge_nodes(cells)


def merge_nodes(cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct points in canonical order, (n, d), and the cells as indices of these points, (c, k).

    cells: the coordinates of the nodes, (c, k, d).
    """
    points = cells.reshape(-1, cells.shape[-1])
    order = canonical_order(points)
    ordered = points[order]
    new = (np.abs(np.diff(ordered, axis=0, prepend=np.inf)) > 1e-9 * np.abs(points).max()).any(axis=1)
    number = np.empty(len(points), dtype=np.int64)
    number[order] = np.cumsum(new) - 1
    return ordered[new], number.reshape(cells.shape[:2])


def _core(plan: LayeredPlan, reference: np.ndarray) -> np.ndarray:
    side = CORE[plan.dimension] * plan.layers[0][0]
    return side * (2 * _unit_cells((plan.face_cells,) * plan.dimension, reference) - 1)


def _block(plan: LayeredPlan, reference: np.ndarray, axis: int, sign: float) -> np.ndarray:
    """Return the nodes of all layers over one face, (c, k, d).

    The last parameter of a cell increases with the radius.
    """
    parameters = _unit_cells((*(plan.face_cells,) * (plan.dimension - 1), plan.radial_cells), reference)
    if sign * (-1) ** (plan.dimension - 1 - axis) < 0:
        parameters[..., 0] = 1 - parameters[..., 0]  # otherwise these cells would have the opposite orientation
    face = np.insert(2 * parameters[..., :-1] - 1, axis, sign, axis=-1)
    direction = np.tan(np.pi / 4 * face)
    direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
    first = plan.layers[0][0]
    surfaces = [(first * direction, 0)] if plan.hollow else [(CORE[plan.dimension] * first * face, 0)]
    surfaces += [(radius * direction, count) for radius, count in plan.layers if count]
    if plan.box:
        surfaces.append((np.array(plan.box[0]) * face, plan.box[1]))
    depth, points, start = parameters[..., -1:] * plan.radial_cells, np.empty_like(face), 0
    # The middle of a cell determines the layer. A node cannot, because a node on a surface belongs to two layers.
    middle = depth.mean(axis=1, keepdims=True)
    for (inner, _), (outer, count) in itertools.pairwise(surfaces):
        share = (depth - start) / count
        points = np.where((middle > start) & (middle < start + count), (1 - share) * inner + share * outer, points)
        start += count
    return points


def _unit_cells(counts: tuple[int, ...], reference: np.ndarray) -> np.ndarray:
    """Return the nodes of the cells of the unit cube, (c, k, d), with `counts` equal cells along its axes."""
    first = np.stack([axis.ravel() for axis in np.meshgrid(*map(np.arange, counts), indexing="ij")], axis=-1)
    return (first[:, None, :] + reference) / np.array(counts)
