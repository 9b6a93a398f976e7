"""Fields for ParaView: `.vtu` files for each time, and a `.pvd` file that lists them.

The cells are VTK's Lagrange cells of the mesh's degree. In parallel, each rank writes the files of a part of the mesh.
"""

from mpi4py import MPI  # noqa: F401  # isort: skip
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

import dolfinx
import numpy as np

from freqbias.meshes import CELL_TYPES, MeshPlan
from freqbias.pde.forms import laws_on
from freqbias.pde.lagrange_nodes import LagrangeNodes
from freqbias.pde.vtu import VtuGrid
from freqbias.problem import Problem, resolved_law, scaled
from freqbias.runtime import Part, PartWriter


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
    static = {key: v for key, v in point_data.items() if v.ndim == 1}
    frames = ({key: v[k] for key, v in point_data.items() if v.ndim == 2} for k in range(len(time)))
    write_collection(folder, time, lagrange_grid(frequency, cells, cell_type, static), frames, name=name)


def write_collection(
    folder: Path, time: np.ndarray, grid: VtuGrid, frames: Iterable[Mapping[str, np.ndarray]], *, name: str
) -> None:
    """Write NAME.pvd, and one .vtu file for each time. frames: for each time, the arrays (n,) by name."""
    files = [[f"{name}_{index:06d}.vtu"] for index in range(len(time))]
    for (file,), values in zip(files, frames, strict=True):
        grid.write(folder / file, values)
    _list(folder / f"{name}.pvd", time, files)


def _list(path: Path, time: np.ndarray, files: Sequence[Sequence[str]]) -> None:
    """Write a .pvd file. files: for each time, the names of the files of all parts of the mesh."""
    collection = ElementTree.Element("VTKFile", type="Collection", version="0.1")
    datasets = ElementTree.SubElement(collection, "Collection")
    for t, parts in zip(time, files, strict=True):
        for part, file in enumerate(parts):
            ElementTree.SubElement(datasets, "DataSet", timestep=repr(float(t)), part=str(part), file=file)
    ElementTree.ElementTree(collection).write(path, xml_declaration=True, encoding="utf-8")


def lagrange_grid(
    frequency: np.ndarray, cells: np.ndarray, cell_type: str, static: Mapping[str, np.ndarray]
) -> VtuGrid:
    """Return the mesh as VTK's Lagrange cells. The points of a cell are its Lagrange nodes, of any degree."""
    order = np.argsort(dolfinx.cpp.io.perm_vtk(dolfinx.mesh.to_type(cell_type), cells.shape[1]))
    return VtuGrid(frequency, cells[:, order], CELL_TYPES[cell_type].vtk_lagrange, static)


class FieldsWriter:
    """Writes `fields.pvd` and its `.vtu` files, one output time after the other. Each rank writes its own cells.

    Arrays of each time, for each channel: real part, imaginary part, magnitude and phase of the spectrum v. Arrays that
    are the same at all times: the density rho_w, and the damping and the diffusion of the solution, folded onto the box
    of the mesh if plan.folded. Point masses are smoothed as the samples resolve them.
    All methods are collective over the communicator of the nodes.
    """

    def __init__(
        self, writer: PartWriter, folder: Path, problem: Problem, plan: MeshPlan, nodes: LagrangeNodes
    ) -> None:
        """writer: writes to `folder`, in a thread."""
        self._writer, self._folder, self._times = writer, folder, problem.times
        cells = nodes.cells[np.argsort(nodes.cells.min(axis=1), kind="stable")]
        indices, local = np.unique(cells, return_inverse=True)
        self._exchange = nodes.exchange(indices)
        frequency = self._exchange.from_blocks(nodes.to_block(nodes.frequency.T)).T
        self._grid: VtuGrid | None = None
        if len(cells):
            laws = law_values(problem, frequency, plan)
            self._grid = lagrange_grid(frequency, local.reshape(cells.shape), plan.cell_type, laws)
        parts = [rank for rank, count in enumerate(nodes.comm.allgather(len(cells))) if count]
        self._names = [f"_{part}" for part in range(len(parts))] if len(parts) > 1 else [""]
        self._part = parts.index(nodes.comm.rank) if len(cells) else None

    def write(self, index: int, block: np.ndarray) -> None:
        """Write the files of an output time. block: v at this rank's block of nodes, (C, n of the block)."""
        v = self._exchange.from_blocks(block)

        def parts() -> list[Part]:
            if self._grid is None or self._part is None:
                return []
            return [(self._folder / self._files(index)[self._part], 0, self._grid.content(_fields(v)))]

        self._writer.write(parts)

    def finish(self) -> None:
        """Write `fields.pvd`. Call this on rank 0 only."""
        _list(self._folder / "fields.pvd", self._times, [self._files(index) for index in range(len(self._times))])

    def _files(self, index: int) -> list[str]:
        return [f"fields_{index:06d}{part}.vtu" for part in self._names]


def _fields(v: np.ndarray) -> dict[str, np.ndarray]:
    """Return the arrays (n,) of v (C, n) by name."""
    fields: dict[str, np.ndarray] = {}
    for channel, values in enumerate(v):
        suffix = f"_{channel}" if len(v) > 1 else ""
        parts = {"real": values.real, "imaginary": values.imag, "magnitude": np.abs(values), "phase": np.angle(values)}
        fields |= {name + suffix: part for name, part in parts.items()}
    return fields


def law_values(problem: Problem, frequency: np.ndarray, plan: MeshPlan) -> dict[str, np.ndarray]:
    """Return rho_w, damping and diffusion at frequencies (n, d), as `FieldsWriter` does, (n,) each."""
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
