"""Read the user's mesh file of [mesh] path, check the mesh, and put the nodes of the cells into Basix's order."""

from functools import lru_cache
from pathlib import Path

import basix
import numpy as np

from freqbias.errors import InputError
from freqbias.meshes.cell_types import CELL_TYPES, CellType
from freqbias.meshes.conformity import check_conforming
from freqbias.meshes.coverage import MAX_MISSING, check_coverage
from freqbias.meshes.file_plan import FilePlan
from freqbias.meshes.mesh_readers import MeshFile, read_mesh
from freqbias.meshes.node_order import basix_from_vtk, equispaced_element
from freqbias.problem import Pde, Problem, canonical_order

# meshio's name: cell type and order
SUPPORTED = {name: (cell, order) for cell in CELL_TYPES.values() for order, name in enumerate(cell.meshio, 1)}
# meshio's name without the number of nodes: dimension
DIMENSIONS = {cell.meshio[0]: cell.dimension for cell in CELL_TYPES.values()} | {"vertex": 0, "wedge": 3, "pyramid": 3}
RTOL = 1e-9  # two points coincide if their distance, relative to the largest coordinate, is smaller
QUADRATURE_DEGREE = 10


def read_plan(path: str, problem: Problem, settings: Pde) -> FilePlan:
    """Read and check the mesh file of [mesh] path. Raises InputError with a remedy if a check fails.

    All cells must be of one type and of the problem's dimension. Two points must not coincide. No cell may be folded or
    oriented differently from the others. The mesh must have no hanging node. The mesh must contain nearly the whole
    integral of the damping. For the local operator, cells outside the support of the laws are removed.
    """
    try:
        points, cells, cell, order = _read(Path(path), Path(path).stat().st_mtime_ns)
        if points.shape[1] != problem.dimension:
            raise InputError(
                f"the cells have {points.shape[1]} dimensions, but [data] has {problem.dimension}; give a mesh of "
                f"{problem.dimension}-dimensional cells"
            )
        damping, diffusion = problem.laws.damping, problem.laws.diffusion
        if damping.integral == 0:  # only frequencies are trained
            damping, diffusion = diffusion, damping
        xi, weights = cell_quadrature(points, cells, cell, order)
        if problem.laws.discrete:  # the operator does not need the mesh
            return FilePlan(path, points, cells, cell.name, order, settings.degree, 0.0)
        values = damping.value(xi.reshape(-1, problem.dimension)).reshape(weights.shape)
        missing = 1 - float(np.sum(weights * values)) / damping.integral
        if missing < -MAX_MISSING:
            raise InputError(
                f"the integral of the damping over the cells is {100 * (1 - missing):.3g} % of the exact value, so "
                "cells overlap or are too coarse for [density]; repair or refine the mesh"
            )
        check_coverage(problem, missing)
        if settings.operator == "local":
            values = values + diffusion.value(xi.reshape(-1, problem.dimension)).reshape(weights.shape)
            cells = cells[(values > 0).any(axis=1)]
            used, cells = np.unique(cells, return_inverse=True)
            points, cells = points[used], cells.reshape(-1, cells.shape[-1])
    except OSError as failure:
        raise InputError(f"[mesh] path = {path!r}: the file cannot be read: {failure}") from failure
    except InputError as failure:
        raise InputError(f"[mesh] path = {path!r}: {failure}") from failure
    return FilePlan(path, points, cells, cell.name, order, settings.degree, missing)


@lru_cache(maxsize=1)
def _read(path: Path, _modified: int) -> tuple[np.ndarray, np.ndarray, CellType, int]:
    """Return the points, (n, d), the cells in Basix's order, (c, k), the cell type and the order of the cells."""
    mesh = read_mesh(path)
    kind = _highest_cells(mesh)
    cell, order = SUPPORTED[kind]
    blocks, nodes = [block for name, block in mesh.cells if name == kind], equispaced_element(cell, order).dim
    if mesh.points.ndim != 2 or mesh.points.shape[1] > 3 or any(block.shape[1:] != (nodes,) for block in blocks):
        raise InputError(
            f"the points have shape {mesh.points.shape}, and the cells of type {kind} {blocks[0].shape}; give points "
            f"of up to 3 coordinates, and {nodes} points for each cell"
        )
    cells = np.concatenate(blocks)
    invalid = ((cells < 0) | (cells >= len(mesh.points))).any(axis=1)
    if invalid.any():
        raise InputError(
            f"cell {invalid.argmax()} has the points {cells[invalid.argmax()].tolist()}, but the file has only the "
            f"points 0 to {len(mesh.points) - 1}; write the file again"
        )
    used, cells = np.unique(cells, return_inverse=True)
    cells = cells.reshape(-1, nodes)
    points = _flat_points(mesh.points[used], cell.dimension)
    _check_distinct(points)
    if len(np.unique(np.sort(cells, axis=1), axis=0)) < len(cells):
        raise InputError("the file contains a cell twice; write each cell once")
    cells = cells[:, basix_from_vtk(cell, order)]
    cell_quadrature(points, cells, cell, order)
    check_conforming(points, cells, equispaced_element(cell, order))
    return points, cells, cell, order


def _highest_cells(mesh: MeshFile) -> str:
    """Return meshio's name of the cells of the highest dimension.

    Raises InputError if these cells are not all of one supported type.
    """
    dimensions = {kind: DIMENSIONS.get(kind.rstrip("0123456789")) for kind, _ in mesh.cells}
    highest = max((d for d in dimensions.values() if d is not None), default=0)
    kinds = {kind for kind, dimension in dimensions.items() if dimension in (highest, None)}
    if highest == 0:
        raise InputError(
            "the file has no cells; give a mesh of intervals, triangles, quadrilaterals, tetrahedra or hexahedra"
        )
    if len(kinds) > 1 or not kinds <= SUPPORTED.keys():
        found = ", ".join(sorted(dimensions if len(kinds) > 1 else kinds))
        raise InputError(
            f"the cells are of type {found}; give a mesh in which all cells are of one of these types: "
            f"{', '.join(SUPPORTED)}"
        )
    return kinds.pop()


def _flat_points(points: np.ndarray, dimension: int) -> np.ndarray:
    """Return the first `dimension` coordinates of the points. Raises InputError if another coordinate is not 0."""
    embedded = np.zeros((len(points), 3))
    embedded[:, : points.shape[1]] = points
    if not np.isfinite(embedded).all():
        raise InputError("a coordinate is NaN or infinite; write the mesh again")
    if np.abs(embedded[:, dimension:]).max(initial=0) > RTOL * np.abs(embedded).max():
        raise InputError(
            f"the cells have {dimension} dimensions, but a coordinate other than the first {dimension} is not 0; set "
            "these coordinates to 0"
        )
    return np.ascontiguousarray(embedded[:, :dimension])


def _check_distinct(points: np.ndarray) -> None:
    ordered = points[order := canonical_order(points)]
    same = (np.abs(np.diff(ordered, axis=0)) <= RTOL * np.abs(points).max()).all(axis=1)
    if same.any():
        first = int(same.argmax())
        raise InputError(
            f"points {order[first]} and {order[first + 1]} coincide at {ordered[first].tolist()}, so the cells at "
            "these points are not joined; merge points that coincide"
        )


def cell_quadrature(points: np.ndarray, cells: np.ndarray, cell: CellType, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Return quadrature points, (c, q, d), and quadrature weights, (c, q), on the cells.

    Raises InputError if a cell is flat, folded, or oriented differently from the first cell.
    """
    element = equispaced_element(cell, order)
    reference, weights = basix.make_quadrature(element.cell_type, QUADRATURE_DEGREE)
    basis, *derivatives = np.asarray(element.tabulate(1, np.asarray(reference)))[..., 0]
    nodes = points[cells]
    jacobian = np.linalg.det(np.stack([derivative @ nodes for derivative in derivatives], axis=-1))
    sign = np.sign(jacobian[0, 0])
    invalid = (jacobian * sign <= 1e-12 * np.abs(jacobian).max()).any(axis=1)
    if invalid.any():
        first = int(invalid.argmax())
        raise InputError(
            f"{np.count_nonzero(invalid)} of {len(cells)} cells are flat, folded, or not oriented like cell 0, for "
            f"example cell {first} near {nodes[first].mean(axis=0).round(6).tolist()}; repair these cells and orient "
            "all cells alike"
        )
    return basis @ nodes, np.abs(jacobian) * np.asarray(weights)
