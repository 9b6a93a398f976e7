"""DOLFINx meshes from plans."""

from mpi4py import MPI  # isort: skip
from collections.abc import Callable
from functools import partial
from typing import Any

import basix
import basix.ufl
import dolfinx.mesh
import numpy as np
import ufl

from freqbias.meshes.box_plan import BoxPlan
from freqbias.meshes.file_plan import FilePlan
from freqbias.meshes.layered_plan import LayeredPlan
from freqbias.meshes.layers import nodes_and_cells
from freqbias.meshes.plan import MeshPlan

# Nodes (k, d) of the reference element -> points (n, d) and cells (c, k)
Geometry = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def build(plan: MeshPlan, comm: MPI.Comm, *, half: bool = False) -> dolfinx.mesh.Mesh:
    """Build the mesh of a plan, distributed over comm. Collective.

    half: build only the half xi_1 >= 0. The plan must be symmetric.
    """
    match plan:
        case BoxPlan():
            return _box(plan, comm, half=half)
        case LayeredPlan():
            geometry = partial(nodes_and_cells, plan, half=half)
            order = 1 if plan.affine else plan.degree
            return _curved(plan.cell_type, order, basix.LagrangeVariant.gll_warped, comm, geometry)
        case FilePlan():
            from_file = plan.points, plan.cells
            return _curved(plan.cell_type, plan.order, basix.LagrangeVariant.equispaced, comm, lambda _: from_file)
    raise TypeError(f"no mesh for a {type(plan).__name__}")


def _box(plan: BoxPlan, comm: MPI.Comm, *, half: bool) -> dolfinx.mesh.Mesh:
    """Build a box of cells of size 1, and move the points to the mesh lines."""
    upper = np.array(plan.cells) // 2
    lower = -upper
    if half:
        lower[0] = 0
    counts, cell = (upper - lower).tolist(), dolfinx.mesh.to_type(plan.cell_type)
    corners: list[Any] = [lower.astype(float), upper.astype(float)]
    match plan.dimension:
        case 1:
            mesh = dolfinx.mesh.create_interval(comm, counts[0], [corners[0][0], corners[1][0]])
        case 2:
            mesh = dolfinx.mesh.create_rectangle(comm, corners, counts, cell)
        case _:
            mesh = dolfinx.mesh.create_box(comm, corners, counts, cell)
    for axis, lines in enumerate(plan.lines):
        mesh.geometry.x[:, axis] = lines[np.rint(mesh.geometry.x[:, axis]).astype(int) + upper[axis]]
    return mesh


def _curved(
    cell_type: str, degree: int, variant: basix.LagrangeVariant, comm: MPI.Comm, geometry: Geometry
) -> dolfinx.mesh.Mesh:
    """Build a mesh of Lagrange cells. Rank 0 computes the points and the cells and distributes them."""
    cell = basix.CellType[cell_type]
    reference = np.asarray(basix.create_element(basix.ElementFamily.P, cell, degree, variant).points)
    dimension = reference.shape[1]
    if comm.rank == 0:
        points, cells = geometry(reference)
    else:
        points, cells = np.empty((0, dimension)), np.empty((0, len(reference)), dtype=np.int64)
    element = basix.ufl.element("Lagrange", cell_type, degree, lagrange_variant=variant, shape=(dimension,))
    return dolfinx.mesh.create_mesh(comm, cells, ufl.Mesh(element), points)
