"""Whether the cells of a mesh meet in whole facets: no corner of one lies inside a facet or an edge of another.

A facet of one cell alone bounds the mesh, or is one that finer cells hang on. So a corner of such a facet that lies on
another such facet, and is none of its corners, hangs there: v would be torn at it.
"""

import basix
import numpy as np
from scipy.spatial import KDTree

from freqbias.errors import InputError

NEAR = 1e-4  # of a facet: a corner as close as that lies on it
NEWTON_STEPS = 8  # to the closest point of a curved facet


def check_conforming(points: np.ndarray, cells: np.ndarray, element: basix.finite_element.FiniteElement) -> None:
    """Raises InputError with the first hanging node. points (n, d); cells (c, k) in the order of a Lagrange element."""
    if points.shape[1] == 1:
        return
    facets, corners, owners, kind = _single_facets(cells, element)
    used = np.unique(corners)
    nodes = points[facets]
    middle = nodes.mean(axis=1)
    radius = np.linalg.norm(nodes - middle[:, None], axis=-1).max(axis=1)
    near = KDTree(points[used]).query_ball_point(middle, radius * (1 + NEAR))
    facet = np.repeat(np.arange(len(facets)), [len(found) for found in near])
    node = used[np.concatenate([np.asarray(found, dtype=int) for found in near])]
    foreign = (node[:, None] != corners[facet]).all(axis=1)
    facet, node = facet[foreign], node[foreign]
    if len(node) == 0:
        return
    touched = _lies_on(points[node], nodes[facet], basix.CellType[kind], element.degree)
    if touched.any():
        first = int(touched.argmax())
        raise InputError(
            f"the corner {points[node[first]].tolist()} lies inside an edge or face of cell {owners[facet[first]]} and "
            f"is none of its corners (a hanging node; {len(np.unique(node[touched]))} in all): cells are not joined "
            "there; divide that cell too, or mesh it anew"
        )


def _single_facets(
    cells: np.ndarray, element: basix.finite_element.FiniteElement
) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    """The facets that only one cell has: their nodes (f, k), their corners (f, j), their cells (f,), and their kind."""
    topology = basix.topology(element.cell_type)
    facets, types = topology[-2], basix.cell.subentity_types(element.cell_type)[-2]
    corners = np.concatenate([cells[:, vertices] for vertices in facets])  # Lagrange nodes begin with the corners
    nodes = np.concatenate([cells[:, own] for own in element.entity_closure_dofs[-2]])
    owners = np.tile(np.arange(len(cells)), len(facets))
    _, first, count = np.unique(np.sort(corners, axis=1), axis=0, return_index=True, return_counts=True)
    alone = first[count == 1]
    return nodes[alone], corners[alone], owners[alone], types[0].name


def _lies_on(x: np.ndarray, nodes: np.ndarray, kind: basix.CellType, degree: int) -> np.ndarray:
    """Whether points (n, d) lie on facets of these nodes (n, k, d): by their closest points, by Gauss-Newton."""
    facet = basix.create_element(basix.ElementFamily.P, kind, degree, basix.LagrangeVariant.equispaced)
    s = np.repeat(np.asarray(facet.points).mean(axis=0)[None], len(x), axis=0)
    for _ in range(NEWTON_STEPS):
        basis, *slopes = np.asarray(facet.tabulate(1, s))[..., 0]
        tangents = np.stack([np.einsum("nk,nkd->nd", slope, nodes) for slope in slopes], axis=-1)
        off = x - np.einsum("nk,nkd->nd", basis, nodes)
        s = np.clip(s + np.einsum("nsd,nd->ns", np.linalg.pinv(tangents), off), -1, 2)
    basis = np.asarray(facet.tabulate(0, s))[0, ..., 0]
    distance = np.linalg.norm(x - np.einsum("nk,nkd->nd", basis, nodes), axis=1)
    upper = 1 - (s.sum(axis=1, keepdims=True) if kind == basix.CellType.triangle else s)
    inside = (s > -NEAR).all(axis=1) & (upper > -NEAR).all(axis=1)
    return inside & (distance < NEAR * np.ptp(nodes, axis=1).max(axis=1))
