"""The geometry of layered meshes: blocks between the faces of a cube at the origin, spheres, and an outer box.

Each face of the cube [-1, 1]^d carries parameters t in [-1, 1]^(d-1), and with them a point p(t) of the face:

    core    c p(t)                                        sphere  r q / |q|,  q = tan(pi p(t) / 4)
    box     half_width_i p_i(t)

Between two such surfaces a block is filled along straight lines. All cells are smooth maps of the unit cube, taken at
the nodes of the Lagrange element: curved edges are met with the element's own degree.
"""

import itertools

import numpy as np

from freqbias.meshes.plans import LayeredPlan
from freqbias.problem import canonical_order

CORE = {1: 0.5, 2: 0.5, 3: 0.45}  # half-side of the core over the first radius


def nodes_and_cells(plan: LayeredPlan, reference: np.ndarray, *, half: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, d) [cycles/length] and cells (c, k), from the nodes (k, d) of an element on [0, 1]^d; of the whole
    mesh, or of its half xi_1 >= 0."""
    blocks = [] if plan.hole else [_core(plan, reference)]
    blocks += [_block(plan, reference, axis, sign) for axis in range(plan.dimension) for sign in (-1.0, 1.0)]
    cells = np.concatenate(blocks)
    if half:
        cells = cells[cells[:, :, 0].mean(axis=1) > 0]
    return merged(cells)


def merged(cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nodes of each cell, (c, k, d) -> distinct points (n, d) in canonical order, and cells (c, k) of them."""
    points = cells.reshape(-1, cells.shape[-1])
    order = canonical_order(points)
    ordered = points[order]
    new = (np.abs(np.diff(ordered, axis=0, prepend=np.inf)) > 1e-9 * np.abs(points).max()).any(axis=1)
    number = np.empty(len(points), dtype=np.int64)
    number[order] = np.cumsum(new) - 1
    return ordered[new], number.reshape(cells.shape[:2])


def _core(plan: LayeredPlan, reference: np.ndarray) -> np.ndarray:
    side = CORE[plan.dimension] * plan.layers[0][0]
    return side * (2 * _cells((plan.around,) * plan.dimension, reference) - 1)


def _block(plan: LayeredPlan, reference: np.ndarray, axis: int, sign: float) -> np.ndarray:
    """All layers over one face, (c, k, d). The last parameter of a cell is the one along the radius."""
    across = plan.around
    parameters = _cells((*(across,) * (plan.dimension - 1), plan.deep), reference)
    if sign * (-1) ** (plan.dimension - 1 - axis) < 0:
        parameters[..., 0] = 1 - parameters[..., 0]  # so that no cell is a mirror image
    face = np.insert(2 * parameters[..., :-1] - 1, axis, sign, axis=-1)
    direction = np.tan(np.pi / 4 * face)
    direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
    first = plan.layers[0][0]
    surfaces = [(first * direction, 0)] if plan.hole else [(CORE[plan.dimension] * first * face, 0)]
    surfaces += [(radius * direction, count) for radius, count in plan.layers if count]
    if plan.box:
        surfaces.append((np.array(plan.box[0]) * face, plan.box[1]))
    depth, points, start = parameters[..., -1:] * plan.deep, np.empty_like(face), 0
    # A cell lies in one layer, which its middle tells: nodes on a surface belong to two.
    middle = depth.mean(axis=1, keepdims=True)
    for (inner, _), (outer, count) in itertools.pairwise(surfaces):
        share = (depth - start) / count
        points = np.where((middle > start) & (middle < start + count), (1 - share) * inner + share * outer, points)
        start += count
    return points


def _cells(counts: tuple[int, ...], reference: np.ndarray) -> np.ndarray:
    """The nodes of the cells of the unit cube cut into so many along each axis, (c, k, d)."""
    first = np.stack([axis.ravel() for axis in np.meshgrid(*map(np.arange, counts), indexing="ij")], axis=-1)
    return (first[:, None, :] + reference) / np.array(counts)
