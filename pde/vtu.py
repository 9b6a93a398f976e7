"""The file format `.vtu` of VTK: cells of one type, and values at their points, in appended blocks of binary data.

What is the same in many files, above all the mesh, is compressed once. Source: "VTK XML Formats" in the documentation
of VTK.
"""

import sys
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from xml.etree import ElementTree

import numpy as np

TYPES = {"f4": "Float32", "f8": "Float64", "i4": "Int32", "i8": "Int64", "u1": "UInt8"}
SINGLE = 1e-30, 1e30  # the largest magnitudes of values that are written in single precision
VERSION = "2.2"  # since 2.2, VTK numbers the nodes of Lagrange hexahedra as `dolfinx.cpp.io.perm_vtk` does
STORED, FAST = 0, 1  # levels of zlib: the digits of computed values cannot be compressed, but meshes can


@dataclass(frozen=True)
class _Array:
    """A data array: the attributes of its element, and its compressed values with VTK's header."""

    attributes: dict[str, str]
    block: bytes

    @classmethod
    def of(cls, name: str, values: np.ndarray, level: int) -> "_Array":
        attributes = {"type": TYPES[values.dtype.str[1:]], "Name": name, "format": "appended"}
        if values.ndim == 2:
            attributes["NumberOfComponents"] = str(values.shape[1])
        data = zlib.compress(memoryview(np.ascontiguousarray(values)).cast("B") if values.size else b"", level)
        # The number of blocks, their size, the size of a last smaller one, and the compressed size of each.
        header = np.array([1, values.nbytes, 0, len(data)] if values.size else [0, 0, 0], dtype=np.uint64)
        return cls(attributes, header.tobytes() + (data if values.size else b""))


class VtuGrid:
    """Cells of one type with values at their points. `write` writes a file."""

    def __init__(
        self,
        points: np.ndarray,
        cells: np.ndarray,
        vtk_type: int,
        static: Mapping[str, np.ndarray] = MappingProxyType({}),
        texts: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        """points: (n, d), d <= 3. cells: the points of each cell in VTK's order, (c, k). vtk_type: VTK's number.

        static: values that are the same in all files, (n,) each. texts: lists of strings for the grid as a whole.
        Points and real numbers are written in single precision, unless their magnitudes are extreme.
        """
        self._counts = {"NumberOfPoints": str(len(points)), "NumberOfCells": str(len(cells))}
        self._size, self._static, self._texts = len(points), tuple(static), texts
        in_space = np.zeros((len(points), 3))
        in_space[:, : points.shape[1]] = points
        index = np.int32 if cells.size < 2**31 else np.int64
        arrays = {
            "connectivity": cells.ravel().astype(index),
            "offsets": (np.arange(1, len(cells) + 1) * cells.shape[1]).astype(index),
            "types": np.full(len(cells), vtk_type, np.uint8),
        }
        self._sections = {
            "Points": [_Array.of("Points", _short(in_space), FAST)],
            "Cells": [_Array.of(name, values, FAST) for name, values in arrays.items()],
            "PointData": [self._values(name, values, FAST) for name, values in static.items()],
        }

    def write(self, path: Path, values: Mapping[str, np.ndarray]) -> None:
        """Write the grid with these values, (n,) each, and the static ones. Raises OSError if the disk is full."""
        with path.open("wb") as target:
            target.writelines(self.content(values))

    def content(self, values: Mapping[str, np.ndarray]) -> list[bytes]:
        """Return the bytes of the file with these values, (n,) each, and the static ones.

        Programs show the first array first whose name ends in "magnitude", else the first array.
        """
        changing = [self._values(name, each, STORED) for name, each in values.items()]
        sections = {**self._sections, "PointData": changing + self._sections["PointData"]}
        names = [*values, *self._static]
        shown = next((name for name in names if name.endswith("magnitude")), names[0])
        file = ElementTree.Element("VTKFile", type="UnstructuredGrid", version=VERSION, header_type="UInt64")
        file.set("byte_order", "LittleEndian" if sys.byteorder == "little" else "BigEndian")
        file.set("compressor", "vtkZLibDataCompressor")
        grid = ElementTree.SubElement(file, "UnstructuredGrid")
        if self._texts:
            section = ElementTree.SubElement(grid, "FieldData")
            for name, lines in self._texts.items():
                about = {"type": "String", "Name": name, "NumberOfTuples": str(len(lines)), "format": "ascii"}
                characters = " ".join(str(byte) for line in lines for byte in [*line.encode(), 0])
                ElementTree.SubElement(section, "DataArray", about).text = characters
        piece = ElementTree.SubElement(grid, "Piece", self._counts)
        blocks: list[bytes] = []
        for name, arrays in sections.items():
            section = ElementTree.SubElement(piece, name, {"Scalars": shown} if name == "PointData" else {})
            for array in arrays:
                offset = str(sum(map(len, blocks)))
                ElementTree.SubElement(section, "DataArray", array.attributes, offset=offset)
                blocks.append(array.block)
        ElementTree.SubElement(file, "AppendedData", encoding="raw").text = "_"
        head, tail = ElementTree.tostring(file).split(b"_</AppendedData>")
        return [head + b"_", *blocks, b"</AppendedData>" + tail]

    def _values(self, name: str, values: np.ndarray, level: int) -> _Array:
        if values.shape != (self._size,):
            raise ValueError(f"{name} has the shape {values.shape}, but the grid has {self._size} points")
        return _Array.of(name, _short(values), level)


def _short(values: np.ndarray) -> np.ndarray:
    """Return real numbers in single precision if this keeps 7 digits of the largest ones."""
    if values.dtype.kind != "f" or not values.size:
        return values
    peak = np.abs(values).max()
    return values.astype(np.float32) if peak == 0 or SINGLE[0] < peak < SINGLE[1] else values
