"""Check for hanging nodes: no corner of a cell may lie inside a facet or an edge of another cell.

At a hanging node v would not be continuous. A facet that belongs to only one cell is called single. A single facet lies
either on the boundary of the mesh or between a coarse cell and finer cells. So a hanging node is a corner of a single
facet that lies on another single facet and is not a corner of the other facet.
"""

import basix
import numpy as np

from freqbias.errors import InputError

RTOL = 1e-4  # a point lies on a facet if their distance, relative to the size of the facet, is smaller
NEWTON_STEPS = 8  # number of steps to find the closest point of a curved facet


def check_conforming(points: np.ndarray, cells: np.ndarray, element: basix.finite_element.FiniteElement) -> None:
    """Raise InputError with the first hanging node, if there is one.

    points: (n, d). cells: (c, k), with the nodes in the order of the element.
    """
    if points.shape[1] == 1:
        return
    from scipy.spatial import KDTree  # slow to import

    facets, corners, owners, facet_type = _single_facets(cells, element)
    used = np.unique(corners)
    nodes = points[facets]
    middle = nodes.mean(axis=1)
    radius = np.linalg.norm(nodes - middle[:, None], axis=-1).max(axis=1)
    near = KDTree(points[used]).query_ball_point(middle, radius * (1 + RTOL))
    facet = np.repeat(np.arange(len(facets)), [len(found) for found in near])
    node = used[np.concatenate([np.asarray(found, dtype=int) for found in near])]
    foreign = (node[:, None] != corners[facet]).all(axis=1)
    facet, node = facet[foreign], node[foreign]
    if len(node) == 0:
        return
    hanging = _lie_on(points[node], nodes[facet], basix.CellType[facet_type], element.degree)
    if hanging.any():
        first = int(hanging.argmax())
        raise InputError(
            f"the point {points[node[first]].tolist()} is a corner of one cell and lies inside an edge or face of cell "
            f"{owners[facet[first]]} (a hanging node; the mesh has {len(np.unique(node[hanging]))} in all), so these "
            f"cells are not joined; divide cell {owners[facet[first]]} too, or make a new mesh"
        )


def _single_facets(
    cells: np.ndarray, element: basix.finite_element.FiniteElement
) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    """Return the facets that belong to only one cell: nodes (f, k), corners (f, j), cells (f,), and the facet type."""
    topology = basix.topology(element.cell_type)
    facets, types = topology[-2], basix.cell.subentity_types(element.cell_type)[-2]
    corners = np.concatenate([cells[:, vertices] for vertices in facets])  # Lagrange nodes begin with the corners
    nodes = np.concatenate([cells[:, own] for own in element.entity_closure_dofs[-2]])
    owners = np.tile(np.arange(len(cells)), len(facets))
    _, first, count = np.unique(np.sort(corners, axis=1), axis=0, return_index=True, return_counts=True)
    single = first[count == 1]
    return nodes[single], corners[single], owners[single], types[0].name


def _lie_on(x: np.ndarray, nodes: np.ndarray, facet_type: basix.CellType, degree: int) -> np.ndarray:
    """Return for each of n points whether the point lies on the facet of the same index, (n,).

    x: the points, (n, d). nodes: the nodes of the facets, (n, k, d). The Gauss-Newton method finds the closest point of
    each facet.
    """
    facet = basix.create_element(basix.ElementFamily.P, facet_type, degree, basix.LagrangeVariant.equispaced)
    s = np.repeat(np.asarray(facet.points).mean(axis=0)[None], len(x), axis=0)
    for _ in range(NEWTON_STEPS):
        basis, *derivatives = np.asarray(facet.tabulate(1, s))[..., 0]
        tangents = np.stack([np.einsum("nk,nkd->nd", derivative, nodes) for derivative in derivatives], axis=-1)
        residual = x - np.einsum("nk,nkd->nd", basis, nodes)
        s = np.clip(s + np.einsum("nsd,nd->ns", np.linalg.pinv(tangents), residual), -1, 2)
    basis = np.asarray(facet.tabulate(0, s))[0, ..., 0]
    distance = np.linalg.norm(x - np.einsum("nk,nkd->nd", basis, nodes), axis=1)
    upper = 1 - (s.sum(axis=1, keepdims=True) if facet_type == basix.CellType.triangle else s)
    inside = (s > -RTOL).all(axis=1) & (upper > -RTOL).all(axis=1)
    return inside & (distance < RTOL * np.ptp(nodes, axis=1).max(axis=1))
