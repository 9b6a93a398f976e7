"""The plan of a frequency mesh: its degree, size, cells and dofs. `freqbias.meshes.build` builds the mesh."""

from abc import ABC, abstractmethod

from freqbias.meshes.cell_types import CELL_TYPES


class MeshPlan(ABC):
    """The interface of all plans.

    degree: the degree of the Lagrange elements. folded: True if the laws are folded onto the box of the mesh.
    """

    degree: int
    folded: bool

    @property
    @abstractmethod
    def half_width(self) -> tuple[float, ...]:
        """The mesh lies within |xi_i| <= half_width_i [cycles/length]."""

    @property
    @abstractmethod
    def cell_type(self) -> str:
        """Basix's name of the cell type: "interval", "triangle", "quadrilateral", ..."""

    @property
    @abstractmethod
    def cell_count(self) -> int: ...

    @property
    @abstractmethod
    def dofs(self) -> int:
        """The number of Lagrange nodes."""

    @property
    @abstractmethod
    def size(self) -> tuple[float, ...]:
        """The largest extent of a cell along each axis [cycles/length]."""

    @property
    def symmetric(self) -> bool:
        """True if xi -> -xi maps the mesh to itself. The half xi_1 >= 0 of a symmetric mesh can be built alone."""
        return True

    @property
    def affine(self) -> bool:
        """True if every cell is a parallelepiped or a straight simplex."""
        return False

    @property
    def cubical(self) -> bool:
        """True if the cells are images of cubes: intervals, quadrilaterals or hexahedra."""
        return self.dimension == 1 or not CELL_TYPES[self.cell_type].is_simplex

    @property
    def grading(self) -> float:
        """The largest ratio of the lengths of two cells along one axis, or infinity if it is unknown."""
        return float("inf")

    @property
    def quadrature_degree(self) -> int:
        """The degree of the quadrature for elements of degree p.

        It is 2p + 6 for folded laws, which vary as fast as the waves exp(2 pi i xi.z) of the largest differences z of
        two samples. On images of cubes, straight or curved, it is 2p + 1, which is p + 1 points along an axis, and
        2p + 4 on simplices. In measurements, higher degrees did not change the error of the solution.
        """
        if self.folded:
            return 2 * self.degree + 6
        return 2 * self.degree + (1 if self.cubical else 4)

    @property
    def quadrature_points(self) -> int:
        """The number of points in all cells, which are images of cubes."""
        return self.cell_count * (self.quadrature_degree // 2 + 1) ** self.dimension

    @property
    def dimension(self) -> int:
        return len(self.half_width)

    @property
    def nonzeros(self) -> int:
        """An upper bound of the number of entries in the sparse matrix."""
        return self.entries

    @property
    def entries(self) -> int:
        """The number of entries of all element matrices."""
        return self.cell_count * CELL_TYPES[self.cell_type].nodes(self.degree) ** 2
