"""Fields for ParaView: a `.pvd` collection of one `.vtu` file per time, with Lagrange cells of the mesh's degree."""

from mpi4py import MPI  # noqa: F401  # isort: skip
from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.etree import ElementTree

import dolfinx
import numpy as np
import pyvista
from vtkmodules.vtkIOXML import vtkXMLUnstructuredGridWriter

from freqbias.meshes import CELL_TYPES, MeshPlan
from freqbias.pde.forms import laws_on
from freqbias.problem import Problem, Spectrum


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

    time: (T,). frequency: (n, d). cells: (c, k), both as in `Spectrum`. point_data: arrays (T, n) that change in time,
    or (n,) that do not.
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
    """Write NAME.pvd and its .vtu files for any grid of n points. frames: for each time, its arrays (n,) by name."""
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
    """The bytes of a `.vtu` file. VTK's own writing to a full disk would end the process."""
    writer = vtkXMLUnstructuredGridWriter()
    writer.SetInputData(grid)
    writer.SetCompressorTypeToLZ4()  # 4 times faster than zlib; files are a quarter larger
    writer.SetDataModeToAppended()
    writer.EncodeAppendedDataOff()
    writer.WriteToOutputStringOn()
    if not writer.Write():
        raise RuntimeError("VTK could not write a grid")
    content = writer.GetOutputString()  # a str if the bytes happen to be valid UTF-8
    return content.encode() if isinstance(content, str) else bytes(content)


def lagrange_grid(frequency: np.ndarray, cells: np.ndarray, cell_type: str) -> pyvista.UnstructuredGrid:
    """The mesh as VTK's Lagrange cells of any degree, through the nodes."""
    order = np.argsort(dolfinx.cpp.io.perm_vtk(dolfinx.mesh.to_type(cell_type), cells.shape[1]))
    points = np.zeros((len(frequency), 3))
    points[:, : frequency.shape[1]] = frequency
    with_sizes = np.column_stack([np.full(len(cells), cells.shape[1]), cells[:, order]])
    types = np.full(len(cells), CELL_TYPES[cell_type].vtk_lagrange)
    return pyvista.UnstructuredGrid(with_sizes.ravel(), types, points)


def spectrum_fields(problem: Problem, spectrum: Spectrum, plan: MeshPlan) -> dict[str, np.ndarray]:
    """The arrays of `pde/fields.pvd`.

    For each channel: real, imaginary, magnitude and phase of v, (T, n). Besides, damping and diffusion as the solution
    used them (folded if the plan says so), and rho_w, (n,).
    """
    fields: dict[str, np.ndarray] = {}
    for channel in range(spectrum.error.shape[1]):
        suffix = f"_{channel}" if spectrum.error.shape[1] > 1 else ""
        v = spectrum.error[:, channel]
        parts = {"real": v.real, "imaginary": v.imag, "magnitude": np.abs(v), "phase": np.angle(v)}
        fields |= {name + suffix: values for name, values in parts.items()}
    damping, diffusion = laws_on(problem, plan)
    xi = spectrum.frequency
    return fields | {"damping": damping(xi), "diffusion": diffusion(xi), "rho_w": problem.density.density(xi)}
