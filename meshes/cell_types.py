"""The types of mesh cells, and the names and numbers of these types in Basix, meshio and VTK."""

from dataclasses import dataclass
from math import comb

Point = tuple[float, ...]


@dataclass(frozen=True)
class CellType:
    """A type of cell, with the reference cell in [0, 1]^dimension.

    name: Basix's name. plural: the plural of the name, for messages. meshio: meshio's names for orders 1 and 2. vtk:
    VTK's number of the linear cell. vtk_lagrange: VTK's number of the Lagrange cell of any degree. corners and edges:
    in VTK's order. An edge is a pair of corner numbers. midpoints: the nodes of a cell of order 2 that lie on faces or
    inside the cell. box_division: the simplices that divide a box cell, as corner numbers. It is empty for triangles
    and tetrahedra.
    """

    name: str
    plural: str
    meshio: tuple[str, str]
    vtk: int
    vtk_lagrange: int
    corners: tuple[Point, ...]
    edges: tuple[tuple[int, int], ...]
    midpoints: tuple[Point, ...] = ()
    box_division: tuple[tuple[int, ...], ...] = ()

    @property
    def dimension(self) -> int:
        return len(self.corners[0])

    @property
    def is_box(self) -> bool:
        """True for intervals, quadrilaterals and hexahedra."""
        return len(self.corners) == 2**self.dimension

    @property
    def is_simplex(self) -> bool:
        """True for intervals, triangles and tetrahedra."""
        return len(self.corners) == self.dimension + 1

    def nodes(self, degree: int) -> int:
        """Return the number of Lagrange nodes of a cell of degree p.

        A box has (p + 1)^d nodes, and a simplex has binomial(p + d, d).
        """
        d = self.dimension
        return (degree + 1) ** d if self.is_box else comb(degree + d, d)


SQUARE: tuple[Point, ...] = ((0, 0), (1, 0), (1, 1), (0, 1))
SQUARE_EDGES = ((0, 1), (1, 2), (2, 3), (3, 0))

INTERVAL = CellType(
    "interval", "intervals", ("line", "line3"), 3, 68, ((0,), (1,)), ((0, 1),), box_division=((0, 1),)
)  # fmt: skip
TRIANGLE = CellType(
    "triangle", "triangles", ("triangle", "triangle6"), 5, 69, ((0, 0), (1, 0), (0, 1)), ((0, 1), (1, 2), (2, 0))
)
QUADRILATERAL = CellType(
    "quadrilateral", "quadrilaterals", ("quad", "quad9"), 9, 70, SQUARE, SQUARE_EDGES,
    midpoints=((0.5, 0.5),), box_division=((0, 1, 2), (0, 2, 3)),
)  # fmt: skip
TETRAHEDRON = CellType(
    "tetrahedron", "tetrahedra", ("tetra", "tetra10"), 10, 71,
    ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)), ((0, 1), (1, 2), (2, 0), (0, 3), (1, 3), (2, 3)),
)  # fmt: skip
HEXAHEDRON = CellType(
    "hexahedron", "hexahedra", ("hexahedron", "hexahedron27"), 12, 72,
    tuple((*corner, z) for z in (0, 1) for corner in SQUARE),
    (*SQUARE_EDGES, *((a + 4, b + 4) for a, b in SQUARE_EDGES), *((a, a + 4) for a in range(4))),
    midpoints=((0, 0.5, 0.5), (1, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 1, 0.5), (0.5, 0.5, 0), (0.5, 0.5, 1), (0.5,) * 3),
    box_division=((0, 1, 2, 6), (0, 2, 3, 6), (0, 3, 7, 6), (0, 7, 4, 6), (0, 4, 5, 6), (0, 5, 1, 6)),
)  # fmt: skip

CELL_TYPES = {cell.name: cell for cell in (INTERVAL, TRIANGLE, QUADRILATERAL, TETRAHEDRON, HEXAHEDRON)}
BOX_CELLS = {cell.dimension: cell for cell in CELL_TYPES.values() if cell.is_box}
SIMPLEX_CELLS = {cell.dimension: cell for cell in CELL_TYPES.values() if cell.is_simplex}
