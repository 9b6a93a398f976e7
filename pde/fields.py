"""Fields for ParaView: a `.pvd` collection of `.vtu` files, one for each time, with Lagrange cells of the mesh's own
degree."""

from mpi4py import MPI  # noqa: F401  # isort: skip
from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.etree import ElementTree

import dolfinx
import numpy as np
import pyvista
from vtkmodules.vtkIOXML import vtkXMLUnstructuredGridWriter

from freqbias.meshes import MeshPlan
from freqbias.pde.forms import laws_on
from freqbias.problem import Problem, Spectrum

VTK_LAGRANGE = {
    "interval": pyvista.CellType.LAGRANGE_CURVE,
    "triangle": pyvista.CellType.LAGRANGE_TRIANGLE,
    "quadrilateral": pyvista.CellType.LAGRANGE_QUADRILATERAL,
    "tetrahedron": pyvista.CellType.LAGRANGE_TETRAHEDRON,
    "hexahedron": pyvista.CellType.LAGRANGE_HEXAHEDRON,
}


def write_fields(
    folder: Path,
    time: np.ndarray,
    frequency: np.ndarray,
    cells: np.ndarray,
    cell_type: str,
    point_data: Mapping[str, np.ndarray],
    *,
    name: str = "fields",
) -> None:
    """Write NAME.pvd and NAME_000000.vtu, ... into folder.

    time (T,); frequency (n, d) and cells (c, k) as in `Spectrum`; point_data: arrays (T, n) that change in time, or
    (n,) that do not.
    """
    frames = ({key: v[k] if v.ndim == 2 else v for key, v in point_data.items()} for k in range(len(time)))
    write_collection(folder, time, lagrange_grid(frequency, cells, cell_type), frames, name=name)


def write_collection(
    folder: Path,
    time: np.ndarray,
    grid: pyvista.UnstructuredGrid,
    frames: Iterable[Mapping[str, np.ndarray]],
    *,
    name: str,
) -> None:
    """The same on any grid of n points; frames: the arrays (n,) of each time."""
    collection = ElementTree.Element("VTKFile", type="Collection", version="0.1")
    datasets = ElementTree.SubElement(collection, "Collection")
    for index, (t, frame) in enumerate(zip(time, frames, strict=True)):
        for key, values in frame.items():
            grid.point_data[key] = values
        file = f"{name}_{index:06d}.vtu"
        (folder / file).write_bytes(_vtu(grid))
        ElementTree.SubElement(datasets, "DataSet", timestep=repr(float(t)), part="0", file=file)
    ElementTree.ElementTree(collection).write(folder / f"{name}.pvd", xml_declaration=True, encoding="utf-8")


def _vtu(grid: pyvista.UnstructuredGrid) -> bytes:
    """A `.vtu` file, made in memory: on a full disk VTK's own writing ends the process."""
    writer = vtkXMLUnstructuredGridWriter()
    writer.SetInputData(grid)
    writer.SetCompressorTypeToLZ4()  # 4 times faster than zlib, files a quarter larger
    writer.SetDataModeToAppended()
    writer.EncodeAppendedDataOff()
    writer.WriteToOutputStringOn()
    if not writer.Write():
        raise RuntimeError("VTK could not write a grid")
    content = writer.GetOutputString()  # text where it happens to be valid UTF-8
    return content.encode() if isinstance(content, str) else bytes(content)


def lagrange_grid(frequency: np.ndarray, cells: np.ndarray, cell_type: str) -> pyvista.UnstructuredGrid:
    """The mesh as VTK sees it: arbitrary-degree Lagrange cells through the nodes."""
    order = np.argsort(dolfinx.cpp.io.perm_vtk(dolfinx.mesh.to_type(cell_type), cells.shape[1]))
    points = np.zeros((len(frequency), 3))
    points[:, : frequency.shape[1]] = frequency
    listed = np.column_stack([np.full(len(cells), cells.shape[1]), cells[:, order]])
    return pyvista.UnstructuredGrid(listed.ravel(), np.full(len(cells), VTK_LAGRANGE[cell_type]), points)


def spectrum_fields(problem: Problem, spectrum: Spectrum, plan: MeshPlan) -> dict[str, np.ndarray]:
    """What `pde/fields.pvd` holds: real, imaginary, magnitude and phase of v for each channel, damping and diffusion as
    they were solved with (folded where the plan says so), rho_w."""
    fields: dict[str, np.ndarray] = {}
    for channel in range(spectrum.error.shape[1]):
        suffix = f"_{channel}" if spectrum.error.shape[1] > 1 else ""
        v = spectrum.error[:, channel]
        parts = {"real": v.real, "imaginary": v.imag, "magnitude": np.abs(v), "phase": np.angle(v)}
        fields |= {name + suffix: values for name, values in parts.items()}
    damping, diffusion = laws_on(problem, plan)
    xi = spectrum.frequency
    return fields | {"damping": damping(xi), "diffusion": diffusion(xi), "rho_w": problem.density.density(xi)}
