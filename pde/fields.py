"""Fields for ParaView: `.vtu` files for each time, and a `.pvd` file that lists them.

The cells are VTK's Lagrange cells of the mesh's degree. In parallel, each rank writes the files of a part of the mesh.
"""

from mpi4py import MPI  # isort: skip
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import dolfinx
import numpy as np

from freqbias.errors import UsageError
from freqbias.meshes import CELL_TYPES, MeshPlan
from freqbias.pde.forms import laws_on
from freqbias.pde.vtu import VtuGrid
from freqbias.problem import Problem, Spectrum, resolved_law, scaled
from freqbias.runtime import OUT_OF_SPACE, agreed, on_root, writable


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
    """Write a .pvd file. files: for each time, the names of the files of all parts of the mesh.

    Raises UsageError if a file is missing, because another machine wrote it to another disk.
    """
    for file in chain(*files):
        if not (path.parent / file).is_file():
            raise UsageError(f"{path.parent / file} is missing; let all machines write to the same disk")
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


def write_spectrum(
    folder: Path,
    problem: Problem,
    spectrum: Spectrum | None,
    plan: MeshPlan,
    comm: MPI.Comm = MPI.COMM_SELF,
    *,
    named: Path | None = None,
) -> None:
    """Write `fields.pvd` and its `.vtu` files into folder. Collective over comm.

    spectrum: on rank 0, None on other ranks. named: the file that messages name, by default folder / "fields.pvd". Each
    rank writes a part of the cells if all ranks see the folder, else rank 0 writes the whole.
    Arrays of each time, for each channel: real part, imaginary part, magnitude and phase of the spectrum v. Arrays that
    are the same at all times: the density rho_w, and the damping and the diffusion of the solution, folded onto the box
    of the mesh if plan.folded. Point masses are smoothed as the samples resolve them.
    Raises UsageError on all ranks if a disk is full.
    """
    ranks = comm.size if all(comm.allgather(folder.is_dir())) else 1
    pieces = on_root(_divided, spectrum, ranks, broadcast=False, comm=comm) or []
    piece, parts = comm.scatter(_padded([(piece, len(pieces)) for piece in pieces], (None, len(pieces)), comm))
    names = ["fields_{:06d}.vtu"] if parts == 1 else [f"fields_{{:06d}}_{part}.vtu" for part in range(parts)]
    files = [[name.format(index) for name in names] for index in range(len(problem.times))]
    grid = agreed(comm, _grid, piece, problem, plan)
    for index in range(len(problem.times)):
        v = on_root(_frame, spectrum, index, broadcast=False, comm=comm)
        own = comm.scatter(_padded([] if v is None else [v[:, each.nodes] for each in pieces], None, comm))
        paths = [folder / file for file in files[index][comm.rank : comm.rank + 1]]
        agreed(comm, _write, grid, paths, own, named or folder / "fields.pvd")
    on_root(_list, folder / "fields.pvd", problem.times, files, comm=comm)


def _grid(piece: "_Piece | None", problem: Problem, plan: MeshPlan) -> VtuGrid | None:
    if piece is None:
        return None
    laws = law_values(problem, piece.frequency, plan)
    return lagrange_grid(piece.frequency, piece.cells, plan.cell_type, laws)


class _Piece(NamedTuple):
    """A part of the cells of a mesh, and the places of its nodes in the whole mesh."""

    frequency: np.ndarray
    cells: np.ndarray
    nodes: np.ndarray


def _divided(spectrum: Spectrum, count: int) -> list[_Piece]:
    """Return at most `count` parts of the mesh of a spectrum, each with cells."""
    pieces = []
    for cells in np.array_split(spectrum.cells, min(count, len(spectrum.cells))):
        nodes, local = np.unique(cells, return_inverse=True)
        pieces.append(_Piece(spectrum.frequency[nodes], local.reshape(cells.shape), nodes))
    return pieces


def _padded(items: list[Any], absent: Any, comm: MPI.Comm) -> list[Any]:
    """Return one item for each rank."""
    return items + [absent] * (comm.size - len(items))


def _frame(spectrum: Spectrum, index: int) -> np.ndarray:
    return spectrum.error[index]


def _write(grid: VtuGrid | None, paths: Sequence[Path], v: np.ndarray, named: Path) -> None:
    """Write the part of this rank at one time. paths: the path of its file, if there is one."""
    for path in paths:
        assert grid is not None
        with writable(named, only=OUT_OF_SPACE):
            grid.write(path, _parts(v))


def _parts(v: np.ndarray) -> dict[str, np.ndarray]:
    """Return the arrays (n,) of v (C, n) by name."""
    fields: dict[str, np.ndarray] = {}
    for channel, values in enumerate(v):
        suffix = f"_{channel}" if len(v) > 1 else ""
        parts = {"real": values.real, "imaginary": values.imag, "magnitude": np.abs(values), "phase": np.angle(values)}
        fields |= {name + suffix: part for name, part in parts.items()}
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
