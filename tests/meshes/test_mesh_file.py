"""The user's own meshes: every format gives the same mesh, and invalid ones are refused."""

from dataclasses import replace
from pathlib import Path

import meshio
import numpy as np
import pytest
from mpi4py import MPI

from freqbias.errors import InputError
from freqbias.meshes import LayeredPlan, build, merge_nodes, plan_mesh, vertices
from freqbias.meshes.cell_types import BOX_CELLS, CELL_TYPES
from freqbias.meshes.mesh_file import SUPPORTED, cell_quadrature
from freqbias.meshes.node_order import vtk_nodes
from freqbias.numerics import Grid
from freqbias.pde.forms import lagrange
from freqbias.problem import Ball, Gaussian, Mesh, Network, Pde, Problem, Rates, Uniform, waves


def problem_of(density, dimension=2):
    samples = waves(Grid((32,) * dimension, (1.0,) * dimension), [[1.0] * dimension])
    return Problem(density, samples, Network(width=2, sigma_a=1.0), np.array([0.0, 10.0]))


def square(half=4.0, cells=8):
    """Points and triangles of a square."""
    axis = np.linspace(-half, half, cells + 1)
    points = np.stack([a.ravel() for a in np.meshgrid(axis, axis, indexing="ij")], axis=-1)
    first = (np.arange(cells)[:, None] * (cells + 1) + np.arange(cells)).ravel()
    lower = np.stack([first, first + cells + 1, first + cells + 2], axis=1)
    upper = np.stack([first, first + cells + 2, first + 1], axis=1)
    return points, np.concatenate([lower, upper])


def written(folder: Path, points, cells, name="mesh.vtu", kind="triangle"):
    path = folder / name
    meshio.Mesh(np.pad(points, ((0, 0), (0, 3 - points.shape[1]))), {kind: cells}).write(path)
    return Mesh(path=str(path))


def test_round_trip(tmp_path):
    plan = LayeredPlan(3, ((4.0, 1),), 2, 2)
    points, cells = vertices(plan)
    read = plan_mesh(problem_of(Ball(3.2), 3), Pde(degree=2), written(tmp_path, points, cells, kind="hexahedron"))
    assert (read.cell_type, read.cell_count, read.half_width) == ("hexahedron", plan.cell_count, (4.0, 4.0, 4.0))
    assert 0 < read.missing < 0.02  # the corners of the cells cut the ball


@pytest.mark.parametrize("degree", [1, 2, 3, 5])
@pytest.mark.parametrize("kind", ["triangle", "quad", "tetra", "hexahedron"])
def test_number_of_dofs(kind, degree, tmp_path):
    """On small meshes many nodes lie on the boundary, and belong to fewer cells than those inside."""
    cell = SUPPORTED[kind][0]
    points, cells = vertices(LayeredPlan(cell.dimension, ((4.0, 1),), 2, 2))
    if cell.is_simplex:
        cells = np.concatenate([cells[:, corners] for corners in BOX_CELLS[cell.dimension].box_division])
    mesh = written(tmp_path, points, cells, kind=kind)
    plan = plan_mesh(problem_of(Gaussian(0.5), cell.dimension), Pde(degree=degree), mesh)
    space = lagrange(build(plan, MPI.COMM_SELF), degree)
    assert plan.dofs == space.dofmap.index_map.size_global


@pytest.mark.parametrize("suffix", ["vtu", "xdmf", "msh"])
@pytest.mark.parametrize("kind", ["triangle6", "quad9", "tetra10", "hexahedron27"])
def test_curved_cells(tmp_path, kind, suffix):
    """A ball of radius 2 that Gmsh meshed with cells of order 2 has its volume in every file format."""
    try:
        import gmsh
    except (ImportError, OSError) as missing:  # OSError: a system library that Gmsh needs is missing
        pytest.skip(f"Gmsh does not start here: {missing}")
    dimension = 2 if kind in ("triangle6", "quad9") else 3
    gmsh.initialize(interruptible=False)
    gmsh.option.setNumber("General.Terminal", 0)
    if dimension == 2:
        gmsh.model.occ.addDisk(0, 0, 0, 2, 2)
    else:
        gmsh.model.occ.addSphere(0, 0, 0, 2)
    gmsh.model.occ.synchronize()
    gmsh.option.setNumber("Mesh.MeshSizeMax", 2.0 if kind == "hexahedron27" else 1.0)  # whose cells are halved
    if kind == "quad9":
        gmsh.option.setNumber("Mesh.RecombineAll", 1)
        gmsh.option.setNumber("Mesh.RecombinationAlgorithm", 3)
    if kind == "hexahedron27":
        gmsh.option.setNumber("Mesh.SubdivisionAlgorithm", 2)
    gmsh.model.mesh.generate(dimension)
    gmsh.model.mesh.setOrder(2)
    path = tmp_path / "ball.msh"
    gmsh.write(str(path))
    gmsh.finalize()
    if suffix != "msh":
        mesh = meshio.read(path)
        path = path.with_suffix(f".{suffix}")
        meshio.Mesh(mesh.points, [(kind, mesh.cells_dict[kind])]).write(path)
    # a uniform density on nearly the whole ball: its mass shows the volume that the mesh covers
    read = plan_mesh(problem_of(Ball(1.99), dimension), Pde(degree=2), Mesh(path=str(path)))
    assert read.order == 2 and abs(read.missing) < 0.02
    volume = {2: np.pi * 4, 3: np.pi * 32 / 3}[dimension]
    assert cell_quadrature(read.points, read.cells, CELL_TYPES[read.kind], 2)[1].sum() == pytest.approx(
        volume, rel=2e-3
    )


def test_local_operator_drops_outer_cells(tmp_path):
    mesh = written(tmp_path, *square())
    whole = plan_mesh(problem_of(Uniform(3.0)), Pde(), mesh)
    support = plan_mesh(problem_of(Uniform(3.0)), Pde(operator="local"), mesh)
    assert (whole.cell_count, support.cell_count) == (128, 72)
    assert support.half_width == (3.0, 3.0)


def _turned(points, cells):
    cells[5] = cells[5, ::-1]
    return points, cells


def _torn(points, cells):
    points = np.concatenate([points, points[cells[7, :1]]])
    cells[7, 0] = len(points) - 1
    return points, cells


def _flat(points, cells):
    points[cells[9, 2]] = points[cells[9, :2]].mean(axis=0)
    return points, cells


@pytest.mark.parametrize(
    "harm, density, message",
    [
        (_turned, Uniform(3.0), ("1 of 128 cells", "for example cell 5", "orient all cells alike")),
        (_torn, Uniform(3.0), ("coincide at [", "merge points that coincide")),
        (_flat, Uniform(3.0), ("flat, folded", "cell 9")),
        (
            lambda points, cells: (points, np.concatenate([cells, cells[:1]])),
            Uniform(3.0),
            ("the file contains a cell twice",),
        ),
        (lambda *mesh: mesh, Uniform(6.0), ("the mesh leaves out 55.6 %", "the mesh must cover about |xi_i| <= 6")),
    ],
)
def test_invalid_meshes(tmp_path, harm, density, message):
    mesh = written(tmp_path, *harm(*square()))
    with pytest.raises(InputError) as refusal:
        plan_mesh(problem_of(density), Pde(), mesh)
    for part in ("[mesh] path", *message):
        assert part in str(refusal.value)


def two_blocks(kind, right):
    """Points, and cells in VTK's order, of a box [-4, 4]^d of two blocks that meet at xi_1 = 0.

    The left block has two cells along each other axis, the right one `right` cells.
    """
    dimension = 2 if kind.startswith(("tri", "quad")) else 3
    order = 2 if kind[-1].isdigit() else 1
    box = BOX_CELLS[dimension]
    cells = []
    for start, across in ((-4.0, 2), (0.0, right)):
        sides = np.array([4.0, *[8.0 / across] * (dimension - 1)])
        first = np.stack(np.meshgrid(*map(np.arange, (1, *[across] * (dimension - 1))), indexing="ij"), axis=-1)
        corner = [start, *[-4.0] * (dimension - 1)] + first.reshape(-1, 1, dimension) * sides
        nodes = vtk_nodes(box, 1 if kind[0] == "t" else order)
        cells.append(corner + nodes * sides)
    cells = np.concatenate(cells)
    if kind[0] == "t":
        cells = cells[:, np.array(box.box_division)].reshape(-1, dimension + 1, dimension)
        if order == 2:
            middles = [cells[:, edge].mean(axis=1) for edge in map(list, SUPPORTED[kind][0].edges)]
            cells = np.concatenate([cells, np.stack(middles, axis=1)], axis=1)
    return merge_nodes(cells)


@pytest.mark.parametrize(
    "kind", ["triangle", "quad", "tetra", "hexahedron", "triangle6", "quad9", "tetra10", "hexahedron27"]
)
def test_hanging_nodes(tmp_path, kind):
    """Finer cells on the right hang on the left ones: in the middle of edges and, in three dimensions, of faces."""
    dimension = 2 if kind.startswith(("tri", "quad")) else 3
    joined, torn = (written(tmp_path, *two_blocks(kind, right), name=f"{right}.vtu", kind=kind) for right in (2, 4))
    problem = problem_of(Uniform(4.0), dimension)
    plan_mesh(problem, Pde(), joined)
    hanging = {2: 2, 3: 16}[dimension]  # the 5^(d-1) corners at xi_1 = 0, without the 3^(d-1) of the left block
    message = (
        r"the point \[0.0, [\d., -]+\] is a corner of one cell and lies inside an edge or face of cell (\d+) "
        rf".*{hanging} in all.*divide cell \1 too"
    )
    with pytest.raises(InputError, match=message):
        plan_mesh(problem, Pde(), torn)


def test_local_operator_refuses_aliases(tmp_path):
    mesh = written(tmp_path, *square(half=20.0, cells=10))
    with pytest.raises(InputError, match=r"frequencies beyond points/\(2 extent\) = [\d.]+ alias"):
        plan_mesh(problem_of(Gaussian(4.0)), Pde(operator="local"), mesh)


def test_wrong_dimension_and_mixed_cells(tmp_path):
    points, cells = square()
    mesh = written(tmp_path, points, cells)
    with pytest.raises(InputError, match=r"2 dimensions, but \[data\] has 3"):
        plan_mesh(problem_of(Uniform(3.0), 3), Pde(), mesh)
    mixed = meshio.Mesh(np.pad(points, ((0, 0), (0, 1))), [("triangle", cells), ("quad", cells[:1, [0, 1, 2, 0]])])
    mixed.write(tmp_path / "mixed.vtu")
    with pytest.raises(InputError, match="quad, triangle; give a mesh in which all cells are of one of these types"):
        plan_mesh(problem_of(Uniform(3.0)), Pde(), Mesh(path=str(tmp_path / "mixed.vtu")))


def test_cell_with_a_missing_point(tmp_path):
    points, triangles = square()
    triangles[3, 1] = 999
    with pytest.raises(InputError, match=r"cell 3 has the points \[.*999.*\], but .* only the points 0 to 80"):
        plan_mesh(problem_of(Uniform(1.0)), Pde(degree=2), written(tmp_path, points, triangles))


def test_meshio_message(tmp_path, capfd, new_reader):
    path = tmp_path / f"{'long' * 30}.vtu"
    path.write_text("")
    with pytest.raises(InputError, match=rf"meshio cannot read the file \(.*{path}.*\)"):
        plan_mesh(problem_of(Uniform(1.0)), Pde(degree=2), Mesh(path=str(path)))
    assert not "".join(capfd.readouterr())


def test_a_file_of_the_user_shadows_no_module(tmp_path, monkeypatch, new_reader):
    for name in ("meshio", "meshes", "freqbias"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('the file of the user')")
    monkeypatch.chdir(tmp_path)
    mesh = written(tmp_path, *square(), name="mesh.vtk")
    assert plan_mesh(problem_of(Uniform(1.0)), Pde(degree=2), mesh).cell_count == 128


def test_cells_with_too_many_points(tmp_path):
    points, triangles = square()
    mesh = written(tmp_path, points, triangles, name="mesh.xdmf")
    four = meshio.Mesh(points, {"quad": np.pad(triangles, ((0, 0), (0, 1)))})
    four.write(tmp_path / "four.xdmf")
    (tmp_path / "mesh.h5").write_bytes((tmp_path / "four.h5").read_bytes())
    with pytest.raises(InputError, match=r"the cells of type triangle \(128, 4\); give .* 3 points for each cell"):
        plan_mesh(problem_of(Uniform(1.0)), Pde(degree=2), mesh)


@pytest.mark.parametrize("rates", [Rates(frequencies=0.0), Rates(output=0.0)], ids=["damping", "diffusion"])
def test_coverage_if_only_one_law_is_there(tmp_path, rates):
    for density, covered in ((Gaussian(1.2), True), (Gaussian(4.0), False), (Ball(3.9), True), (Ball(6.0), False)):
        problem = replace(problem_of(density), rates=rates, laws=None)
        mesh = written(tmp_path, *square(cells=32))
        if covered:
            assert abs(plan_mesh(problem, Pde(degree=2), mesh).missing) < 0.01
            continue
        with pytest.raises(InputError, match=r"leaves out .* must cover about \|xi_i\| <= (6|1\d)"):
            plan_mesh(problem, Pde(degree=2), mesh)
