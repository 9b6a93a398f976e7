"""Fields for ParaView: one `.vtu` file for each time, and a `.pvd` file that lists them.

The cells are VTK's Lagrange cells of the mesh's degree.
"""

from mpi4py import MPI  # noqa: F401  # isort: skip
from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.etree import ElementTree

import dolfinx
import numpy as np
from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray
from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkUnstructuredGrid
from vtkmodules.vtkIOXML import vtkXMLUnstructuredGridWriter

from freqbias.meshes import CELL_TYPES, MeshPlan
from freqbias.pde.forms import laws_on
from freqbias.problem import Problem, Spectrum, resolved_law, scaled


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

    time: (T,). frequency (n, d) and cells (c, k): as in `Spectrum`. point_data: arrays by name, (T, n) if the array
    changes in time, else (n,).
    """
    frames = ({key: v[k] if v.ndim == 2 else v for key, v in point_data.items()} for k in range(len(time)))
    write_collection(folder, time, lagrange_grid(frequency, cells, cell_type), frames, name=name)


def write_collection(
    folder: Path,
    time: np.ndarray,
    grid: vtkUnstructuredGrid,
    frames: Iterable[Mapping[str, np.ndarray]],
    *,
    name: str,
) -> None:
    """Write NAME.pvd and one .vtu file for each time, on any grid of n points.

    frames: for each time, the arrays (n,) by name.
    """
    collection = ElementTree.Element("VTKFile", type="Collection", version="0.1")
    datasets = ElementTree.SubElement(collection, "Collection")
    for index, (t, frame) in enumerate(zip(time, frames, strict=True)):
        for key, values in frame.items():
            if len(values) != grid.GetNumberOfPoints():
                raise ValueError(f"{key} has {len(values)} values, but the grid has {grid.GetNumberOfPoints()} points")
            array = numpy_to_vtk(values, deep=True)
            array.SetName(key)
            grid.GetPointData().AddArray(array)
        coloured = next((key for key in frame if key.endswith("magnitude")), next(iter(frame)))
        grid.GetPointData().SetActiveScalars(coloured)  # what programs show first
        file = f"{name}_{index:06d}.vtu"
        (folder / file).write_bytes(_vtu(grid))
        ElementTree.SubElement(datasets, "DataSet", timestep=repr(float(t)), part="0", file=file)
    ElementTree.ElementTree(collection).write(folder / f"{name}.pvd", xml_declaration=True, encoding="utf-8")


def _vtu(grid: vtkUnstructuredGrid) -> bytes:
    """Return the bytes of a `.vtu` file.

    Python writes the bytes to the file, because VTK would end the process if the disk were full.
    """
    writer = vtkXMLUnstructuredGridWriter()
    writer.SetInputData(grid)
    writer.SetCompressorTypeToLZ4()  # 4 times faster than zlib, but the files are a quarter larger
    writer.SetDataModeToAppended()
    writer.EncodeAppendedDataOff()
    writer.WriteToOutputStringOn()
    if not writer.Write():
        raise RuntimeError("VTK could not write a grid")
    content = writer.GetOutputString()  # a str if the bytes are valid UTF-8, else bytes
    return content.encode() if isinstance(content, str) else bytes(content)


def lagrange_grid(frequency: np.ndarray, cells: np.ndarray, cell_type: str) -> vtkUnstructuredGrid:
    """Return the mesh as VTK's Lagrange cells. The points of a cell are its Lagrange nodes, of any degree."""
    order = np.argsort(dolfinx.cpp.io.perm_vtk(dolfinx.mesh.to_type(cell_type), cells.shape[1]))
    nodes = np.zeros((len(frequency), 3))
    nodes[:, : frequency.shape[1]] = frequency
    points, connectivity = vtkPoints(), vtkCellArray()
    points.SetData(numpy_to_vtk(nodes, deep=True))
    connectivity.SetData(cells.shape[1], numpy_to_vtkIdTypeArray(cells[:, order].ravel().astype(np.int64), deep=True))
    grid = vtkUnstructuredGrid()
    grid.SetPoints(points)
    grid.SetCells(CELL_TYPES[cell_type].vtk_lagrange, connectivity)
    return grid


def write_spectrum(folder: Path, problem: Problem, spectrum: Spectrum, plan: MeshPlan) -> None:
    """Write `pde/fields.pvd` and its `.vtu` files into folder.

    Arrays of each time, for each channel: real part, imaginary part, magnitude and phase of the spectrum v. Arrays that
    are the same at all times: the density rho_w, and the damping and the diffusion of the solution, folded onto the box
    of the mesh if plan.folded. Point masses are smoothed as the samples resolve them.
    """
    laws = law_values(problem, spectrum.frequency, plan)
    grid = lagrange_grid(spectrum.frequency, spectrum.cells, spectrum.cell_type)
    frames = (_parts(v) | laws for v in spectrum.error)
    write_collection(folder, spectrum.time, grid, frames, name="fields")


def _parts(v: np.ndarray) -> dict[str, np.ndarray]:
    """Return the arrays (n,) of v (C, n) by name."""
    fields: dict[str, np.ndarray] = {}
    for channel, values in enumerate(v):
        suffix = f"_{channel}" if len(v) > 1 else ""
        parts = {"real": values.real, "imaginary": values.imag, "magnitude": np.abs(values), "phase": np.angle(values)}
        fields |= {name + suffix: np.ascontiguousarray(part) for name, part in parts.items()}
    return fields


def law_values(problem: Problem, frequency: np.ndarray, plan: MeshPlan) -> dict[str, np.ndarray]:
    """Return rho_w, damping and diffusion at frequencies (n, d), as `write_spectrum` does, (n,) each."""
    if problem.laws.discrete:
        laws = problem.laws.damping, problem.laws.diffusion, scaled(problem.density, 1.0, problem.dimension)
        return {
            name: resolved_law(law, problem.sites, frequency)
            for name, law in zip(("damping", "diffusion", "rho_w"), laws, strict=True)
        }
    damping, diffusion = laws_on(problem, plan)
    return {
        "damping": damping(frequency), "diffusion": diffusion(frequency), "rho_w": problem.density.density(frequency),
    }  # fmt: skip
