"""Box meshes: intervals, quadrilaterals, hexahedra."""

from mpi4py import MPI  # isort: skip
import dolfinx.mesh
import numpy as np

from meshes.rule import Plan


def box(plan: Plan, comm: MPI.Comm, *, half: bool = False) -> dolfinx.mesh.Mesh:
    """The plan's mesh of |xi_i| <= half_width_i, or only its half xi_1 >= 0; distributed over comm."""
    upper = np.array(plan.half_width)
    lower, cells = -upper, list(plan.cells)
    if half:
        lower[0], cells[0] = 0.0, cells[0] // 2
    match plan.dimension:
        case 1:
            return dolfinx.mesh.create_interval(comm, cells[0], [lower[0], upper[0]])
        case 2:
            return dolfinx.mesh.create_rectangle(comm, [lower, upper], cells, dolfinx.mesh.CellType.quadrilateral)
        case _:
            return dolfinx.mesh.create_box(comm, [lower, upper], cells, dolfinx.mesh.CellType.hexahedron)
