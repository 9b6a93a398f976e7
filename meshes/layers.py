"""The geometry of layered meshes: blocks between the faces of a central cube, spheres, and an outer box.

Each face of the cube [-1, 1]^d has parameters t in [-1, 1]^(d-1), and p(t) is the point of the face. The surfaces are

    core    c p(t)                                        sphere  r q / |q|,  q = tan(pi p(t) / 4)
    box     half_width_i p_i(t)

Straight lines fill the block between two surfaces. Every cell is a smooth map of the unit cube, evaluated at the nodes
of the Lagrange element. So curved edges are met with the element's own degree.
"""

import itertools

import numpy as np

from freqbias.meshes.layered_plan import LayeredPlan
from freqbias.problem import canonical_order

CORE = {1: 0.5, 2: 0.5, 3: 0.45}  # half-side of the core over the first radius, by dimension


def nodes_and_cells(plan: LayeredPlan, reference: np.ndarray, *, half: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, d) [cycles/length] and cells (c, k) of a plan.

    reference: nodes (k, d) of an element on [0, 1]^d. half: only the half xi_1 >= 0 of the mesh.
    """
    blocks = [] if plan.hollow else [_core(plan, reference)]
    blocks += [_block(plan, reference, axis, sign) for axis in range(plan.dimension) for sign in (-1.0, 1.0)]
    cells = np.concatenate(blocks)
    if half:
        cells = cells[cells[:, :, 0].mean(axis=1) > 0]
    return merge_nodes(cells)


def merge_nodes(cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct points (n, d) in canonical order, and cells (c, k) of their indices. cells: nodes (c, k, d)."""
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
    """Nodes (c, k, d) of all layers over one face. The last parameter of a cell runs along the radius."""
    parameters = _unit_cells((*(plan.face_cells,) * (plan.dimension - 1), plan.radial_cells), reference)
    if sign * (-1) ** (plan.dimension - 1 - axis) < 0:
        parameters[..., 0] = 1 - parameters[..., 0]  # otherwise the cells would be mirror images
    face = np.insert(2 * parameters[..., :-1] - 1, axis, sign, axis=-1)
    direction = np.tan(np.pi / 4 * face)
    direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
    first = plan.layers[0][0]
    surfaces = [(first * direction, 0)] if plan.hollow else [(CORE[plan.dimension] * first * face, 0)]
    surfaces += [(radius * direction, count) for radius, count in plan.layers if count]
    if plan.box:
        surfaces.append((np.array(plan.box[0]) * face, plan.box[1]))
    depth, points, start = parameters[..., -1:] * plan.radial_cells, np.empty_like(face), 0
    # The middle of a cell tells its layer; a node on a surface belongs to two layers.
    middle = depth.mean(axis=1, keepdims=True)
    for (inner, _), (outer, count) in itertools.pairwise(surfaces):
        share = (depth - start) / count
        points = np.where((middle > start) & (middle < start + count), (1 - share) * inner + share * outer, points)
        start += count
    return points


def _unit_cells(counts: tuple[int, ...], reference: np.ndarray) -> np.ndarray:
    """Nodes (c, k, d) of the cells when the unit cube is cut into `counts` cells along its axes."""
    first = np.stack([axis.ravel() for axis in np.meshgrid(*map(np.arange, counts), indexing="ij")], axis=-1)
    return (first[:, None, :] + reference) / np.array(counts)
