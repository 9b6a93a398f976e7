"""A frequency mesh before it is built: degree, size, cells and dofs."""

from abc import ABC, abstractmethod

from freqbias.meshes.cell_types import CELL_TYPES


class MeshPlan(ABC):
    """degree: degree of the Lagrange elements. folded: True where the laws are folded onto the box of the mesh."""

    degree: int
    folded: bool

    @property
    @abstractmethod
    def half_width(self) -> tuple[float, ...]:
        """The mesh lies within |xi_i| <= half_width_i [cycles/length]."""

    @property
    @abstractmethod
    def cell_type(self) -> str:
        """Basix's name: "interval", "triangle", "quadrilateral", ..."""

    @property
    @abstractmethod
    def cell_count(self) -> int: ...

    @property
    @abstractmethod
    def dofs(self) -> int:
        """Number of Lagrange nodes."""

    @property
    @abstractmethod
    def size(self) -> tuple[float, ...]:
        """Largest extent of a cell along each axis [cycles/length]."""

    @property
    def symmetric(self) -> bool:
        """True if xi -> -xi maps the mesh to itself; then its half xi_1 >= 0 can be built alone."""
        return True

    @property
    def affine(self) -> bool:
        """True if every cell is a parallelepiped or a straight simplex."""
        return False

    @property
    def dimension(self) -> int:
        return len(self.half_width)

    @property
    def nonzeros(self) -> int:
        """Upper bound of the entries in the sparse matrix."""
        return self.entries

    @property
    def entries(self) -> int:
        """Entries of all element matrices."""
        return self.cell_count * CELL_TYPES[self.cell_type].nodes(self.degree) ** 2
