"""Check for hanging nodes: no corner of a cell may lie inside a facet or an edge of another cell.

A facet that belongs to only one cell lies on the boundary of the mesh, or finer cells hang on it. So a corner of such
a facet is a hanging node if it lies on another such facet without being one of its corners. There v would not be
continuous.
"""

import basix
import numpy as np
from scipy.spatial import KDTree

from freqbias.errors import InputError

RTOL = 1e-4  # a corner this close to a facet, relative to its size, lies on it
NEWTON_STEPS = 8  # to the closest point of a curved facet


def check_conforming(points: np.ndarray, cells: np.ndarray, element: basix.finite_element.FiniteElement) -> None:
    """Raise InputError with the first hanging node. points: (n, d). cells: (c, k) in the element's order."""
    if points.shape[1] == 1:
        return
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
            f"the corner {points[node[first]].tolist()} lies inside an edge or face of cell {owners[facet[first]]} and "
            f"is not one of its corners (a hanging node; {len(np.unique(node[hanging]))} in all), so cells are not "
            "joined there; divide that cell too, or make a new mesh"
        )


def _single_facets(
    cells: np.ndarray, element: basix.finite_element.FiniteElement
) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    """The facets that belong to one cell: nodes (f, k), corners (f, j), cell (f,), and their type."""
    topology = basix.topology(element.cell_type)
    facets, types = topology[-2], basix.cell.subentity_types(element.cell_type)[-2]
    corners = np.concatenate([cells[:, vertices] for vertices in facets])  # Lagrange nodes begin with the corners
    nodes = np.concatenate([cells[:, own] for own in element.entity_closure_dofs[-2]])
    owners = np.tile(np.arange(len(cells)), len(facets))
    _, first, count = np.unique(np.sort(corners, axis=1), axis=0, return_index=True, return_counts=True)
    single = first[count == 1]
    return nodes[single], corners[single], owners[single], types[0].name


def _lie_on(x: np.ndarray, nodes: np.ndarray, facet_type: basix.CellType, degree: int) -> np.ndarray:
    """True for each point (n, d) that lies on its facet, given by nodes (n, k, d).

    Gauss-Newton finds the closest point of the facet.
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
