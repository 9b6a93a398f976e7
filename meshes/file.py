"""The user's own mesh: read, checked, and put into Basix's order.

Any format that meshio reads; .msh through Gmsh, in a process of its own (`freqbias.meshes.gmsh_process`), since a damaged file can take
the whole process down.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import lru_cache
from io import StringIO
from pathlib import Path

import basix
import numpy as np

from freqbias.errors import InputError
from freqbias.meshes.conformity import check_conforming
from freqbias.meshes.coverage import MOST_MISSING, check_coverage
from freqbias.meshes.plans import FilePlan
from freqbias.meshes.vtk import from_vtk
from freqbias.problem import Pde, Problem, canonical_order

KINDS = {  # of meshio: dimension, Basix's cell type, order
    "line": (1, "interval", 1),
    "line3": (1, "interval", 2),
    "triangle": (2, "triangle", 1),
    "triangle6": (2, "triangle", 2),
    "quad": (2, "quadrilateral", 1),
    "quad9": (2, "quadrilateral", 2),
    "tetra": (3, "tetrahedron", 1),
    "tetra10": (3, "tetrahedron", 2),
    "hexahedron": (3, "hexahedron", 1),
    "hexahedron27": (3, "hexahedron", 2),
}
FLAT = {"vertex": 0, "line": 1, "triangle": 2, "quad": 2, "tetra": 3, "hexahedron": 3, "wedge": 3, "pyramid": 3}
NEAR = 1e-9  # of the largest coordinate: closer points are the same
GMSH_SECONDS = 300
QUADRATURE = 10


def read_plan(path: str, problem: Problem, settings: Pde) -> FilePlan:
    """Read and check [mesh] path for a problem. Raises InputError with the remedy.

    Checked: one kind of cells in the problem's dimension, points apart from each other, no cell folded or inverted
    against the others, no hanging node, the mass of the damping inside. For the local operator, cells outside the
    support are dropped.
    """
    try:
        points, cells, kind, order = _read(Path(path), Path(path).stat().st_mtime_ns)
        if points.shape[1] != problem.dimension:
            raise InputError(
                f"its cells have {points.shape[1]} dimensions and [data] {problem.dimension}; give a mesh of "
                f"{problem.dimension}-dimensional cells"
            )
        damping, diffusion = problem.laws.damping, problem.laws.diffusion
        places, volumes = _quadrature(points, cells, kind, order)
        values = damping.value(places.reshape(-1, problem.dimension)).reshape(volumes.shape)
        missing = 1 - float(np.sum(volumes * values)) / damping.integral
        if missing < -MOST_MISSING:
            raise InputError(
                f"it holds {100 * (1 - missing):.3g} % of the frequencies that [density] draws: its cells overlap, or "
                "are too coarse for it; mend or refine them"
            )
        check_coverage(problem, missing)
        if settings.operator == "local":
            values = values + diffusion.value(places.reshape(-1, problem.dimension)).reshape(volumes.shape)
            cells = cells[(values > 0).any(axis=1)]
            used, cells = np.unique(cells, return_inverse=True)
            points, cells = points[used], cells.reshape(-1, cells.shape[-1])
    except OSError as failure:
        raise InputError(f"[mesh] path = {path!r}: not readable: {failure}") from failure
    except InputError as failure:
        raise InputError(f"[mesh] path = {path!r}: {failure}") from failure
    return FilePlan(path, points, cells, kind, order, settings.degree, missing)


@lru_cache(maxsize=1)
def _read(path: Path, _changed: int) -> tuple[np.ndarray, np.ndarray, str, int]:
    """Points (n, d), cells (c, k) in Basix's order, cell type and order."""
    mesh = _through_gmsh(path) if path.suffix == ".msh" else _through_meshio(path)
    dimensions = {block.type: FLAT.get(block.type.rstrip("0123456789")) for block in mesh.cells if len(block.data)}
    largest = max((d for d in dimensions.values() if d is not None), default=0)
    kinds = {kind for kind, dimension in dimensions.items() if dimension in (largest, None)}
    if largest == 0:
        raise InputError(
            "it has no cells; give a mesh of intervals, triangles, quadrilaterals, tetrahedra or hexahedra"
        )
    if len(kinds) > 1 or (kind := kinds.pop()) not in KINDS:
        given = ", ".join(sorted({*kinds, *dimensions} if len(kinds) > 1 else {kind}))
        raise InputError(f"its cells are {given}; all must be of one kind, of order 1 or 2: {', '.join(KINDS)}")
    dimension, cell_type, order = KINDS[kind]
    cells = np.concatenate([block.data for block in mesh.cells if block.type == kind]).astype(np.int64)
    wrong = ((cells < 0) | (cells >= len(mesh.points))).any(axis=1)
    if wrong.any():
        raise InputError(
            f"cell {wrong.argmax()} has the points {cells[wrong.argmax()].tolist()}, and there are {len(mesh.points)}, "
            "counted from 0; write it anew"
        )
    used, cells = np.unique(cells, return_inverse=True)
    cells = cells.reshape(-1, _element(cell_type, order).dim)
    every = np.zeros((len(used), 3))
    every[:, : mesh.points.shape[1]] = mesh.points[used]
    if not np.isfinite(every).all():
        raise InputError("a coordinate is NaN or infinite; write the mesh anew")
    if np.abs(every[:, dimension:]).max(initial=0) > NEAR * np.abs(every).max():
        raise InputError(f"its {dimension}-dimensional cells leave the first {dimension} axes; make the rest 0")
    points = np.ascontiguousarray(every[:, :dimension])
    _check_apart(points)
    if len(np.unique(np.sort(cells, axis=1), axis=0)) < len(cells):
        raise InputError("a cell is there twice; write each cell once")
    cells = cells[:, from_vtk(cell_type, order)]
    _quadrature(points, cells, cell_type, order)
    check_conforming(points, cells, _element(cell_type, order))
    return points, cells, cell_type, order


def _through_meshio(path: Path):  # type: ignore[no-untyped-def]  # meshio has no types
    import meshio

    try:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()) as said, _in_one_line():
            return meshio.read(path)
    except (Exception, SystemExit) as failure:  # meshio prints, and leaves by SystemExit, where no reader could
        reason = " ".join(said.getvalue().split()) if isinstance(failure, SystemExit) else str(failure)
        raise InputError(
            f"meshio cannot read it ({reason or type(failure).__name__}); write it anew, as .vtu, .msh or .xdmf"
        ) from None


@contextmanager
def _in_one_line() -> Iterator[None]:
    """rich, by which meshio prints, breaks lines of more COLUMNS even in the middle of a path."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(2**16)
    try:
        yield
    finally:
        os.environ.pop("COLUMNS")
        os.environ.update({} if before is None else {"COLUMNS": before})


def _through_gmsh(path: Path):  # type: ignore[no-untyped-def]
    """Gmsh reads the .msh and writes a .vtk, in a process of its own that knows nothing of MPI."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PMI", "PMIX", "MPI", "HYDRA", "OMPI"))}
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "mesh.vtk"
        command = [
            sys.executable,
            "-P",
            str(Path(__file__).with_name("gmsh_process.py")),
            str(path.absolute()),
            str(copy),
        ]
        try:
            done = subprocess.run(  # noqa: S603  # our own module
                command, capture_output=True, text=True, timeout=GMSH_SECONDS, env=environment, check=False
            )
        except subprocess.TimeoutExpired:
            raise InputError(f"Gmsh did not read it within {GMSH_SECONDS} s; write it anew, or give a .vtu") from None
        if done.returncode == -signal.SIGTERM:
            raise KeyboardInterrupt  # that was meant for all of us
        if done.returncode or not copy.is_file():
            said = (done.stderr.strip().splitlines() or [f"it ended with code {done.returncode}"])[-1]
            raise InputError(f"Gmsh cannot read it ({said}); write it anew with Gmsh, or give a .vtu")
        return _through_meshio(copy)


def _check_apart(points: np.ndarray) -> None:
    ordered = points[order := canonical_order(points)]
    same = (np.abs(np.diff(ordered, axis=0)) <= NEAR * np.abs(points).max()).all(axis=1)
    if same.any():
        first = int(same.argmax())
        raise InputError(
            f"points {order[first]} and {order[first + 1]} lie at the same place {ordered[first].tolist()}, so that "
            "cells that touch there are not joined; merge duplicate points"
        )


def _element(cell_type: str, order: int) -> basix.finite_element.FiniteElement:
    return basix.create_element(
        basix.ElementFamily.P, basix.CellType[cell_type], order, basix.LagrangeVariant.equispaced
    )


def _quadrature(points: np.ndarray, cells: np.ndarray, cell_type: str, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Quadrature points (c, q, d) and weights (c, q) on the cells. Raises InputError for cells turned inside out."""
    element = _element(cell_type, order)
    reference, weights = basix.make_quadrature(element.cell_type, QUADRATURE)
    basis, *slopes = np.asarray(element.tabulate(1, np.asarray(reference)))[..., 0]
    corners = points[cells]
    jacobian = np.linalg.det(np.stack([slope @ corners for slope in slopes], axis=-1))
    sign = np.sign(jacobian[0, 0])
    wrong = (jacobian * sign <= 1e-12 * np.abs(jacobian).max()).any(axis=1)
    if wrong.any():
        cell = int(wrong.argmax())
        raise InputError(
            f"{np.count_nonzero(wrong)} of {len(cells)} cells are flat, folded, or turned against the first, as cell "
            f"{cell} near {corners[cell].mean(axis=0).round(6).tolist()}; orient all cells alike"
        )
    return basis @ corners, np.abs(jacobian) * np.asarray(weights)
