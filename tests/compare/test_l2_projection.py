"""The L2 projection onto the mesh: exact for the elements' polynomials, of order p + 1 for the transform of samples."""

from types import SimpleNamespace

import numpy as np
import pytest

from freqbias.compare import MassNorm, project
from freqbias.compare.spectra import Quadrature
from freqbias.compare.spectra.l2_projection import MassMatrix, l2_project
from freqbias.errors import ComputationError
from freqbias.numerics import Grid, Scattered
from freqbias.runtime import SerialWorld
from tests import launch
from tests.compare.build import CELL, box_mesh


def on_mesh(half_width, cells, degree, **how):
    nodes, connectivity = box_mesh(half_width, cells, degree, **how)
    cell_type = how.get("cell_type") or CELL[len(cells)]
    return SimpleNamespace(frequency=nodes, cells=connectivity, cell_type=cell_type, degree=degree)


def bend(nodes):
    """Curved cells in the same square."""
    x, y = nodes.T
    return np.stack([x + 0.1 * np.sin(np.pi * x) * np.cos(y), y + 0.2 * (1 - y**2) * x], axis=1)


def distance(mesh, values, error, sites):
    """||v_h - v|| and ||v||, by a quadrature much finer than the projection's."""
    fine = Quadrature(mesh.frequency, mesh.cells, mesh.cell_type, mesh.degree, extra=12)
    squares = np.zeros(2)
    for block in fine.blocks:
        points = fine.points(block)
        v = project(error, sites, points.reshape(-1, points.shape[2])).reshape(block.weights.shape)
        v_h = values[mesh.cells[block.cells]] @ block.basis.T
        squares += [np.sum(block.weights * np.abs(each) ** 2) for each in (v_h - v, v)]
    return np.sqrt(squares)


MESHES = {
    "intervals": ((6,), 5, {}),
    "quadrilaterals": ((3, 2), 4, {}),
    "triangles": ((2, 3), 3, {"cell_type": "triangle"}),
    "curved": ((3, 3), 3, {"warp": bend}),
    "hexahedra": ((2, 1, 2), 3, {}),
}


@pytest.mark.parametrize(("cells", "degree", "how"), MESHES.values(), ids=MESHES)
def test_elements_of_the_space_unchanged(cells, degree, how):
    """M c = b, where b are the integrals of an element of the space, computed without `MassMatrix.apply`."""
    mesh = on_mesh(1.0, cells, degree, **how)
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2, len(mesh.frequency)))
    fine = Quadrature(mesh.frequency, mesh.cells, mesh.cell_type, mesh.degree, extra=4)
    integrals = np.zeros(values.shape)
    for block in fine.blocks:
        for row, out in zip(values, integrals, strict=True):
            local = (row[mesh.cells[block.cells]] @ block.basis.T * block.weights) @ block.basis
            np.add.at(out, mesh.cells[block.cells], local)
    found = MassMatrix(mesh, SerialWorld()).solve(integrals * np.array([[1.0], [1j]]))
    np.testing.assert_allclose(found, values * np.array([[1.0], [1j]]), atol=1e-10)
    # M itself is that of the norm
    assert np.sum(values[0] * integrals[0]) == pytest.approx(
        MassNorm(mesh.frequency, mesh.cells, mesh.cell_type, degree)(values[0]) ** 2, rel=1e-9
    )


@pytest.mark.parametrize(
    ("sites", "coarse", "fine", "degree", "how"),
    [
        (Grid((40,), (1.0,)), (64,), (128,), 1, {}),
        (Grid((41,), (1.0,)), (20,), (40,), 4, {}),
        (Scattered(np.random.default_rng(2).uniform(-0.5, 0.5, (60, 1))), (40,), (80,), 2, {}),
        (Grid((12, 10), (1.0, 1.0)), (6, 6), (12, 12), 3, {}),
        (Grid((12, 10), (1.0, 1.0)), (8, 8), (16, 16), 2, {"warp": bend}),
        (Grid((5, 4, 4), (1.0, 1.0, 1.0)), (4, 4, 4), (8, 8, 8), 2, {}),
    ],
    ids=["1d, p1", "1d, p4", "1d, scattered", "2d, p3", "2d, curved", "3d, p2"],
)
def test_l2_error_order_and_pythagoras(sites, coarse, fine, degree, how):
    """The error is also smaller than that of interpolation, and ||v||^2 = ||v_h||^2 + ||v - v_h||^2 (Pythagoras)."""
    rng = np.random.default_rng(1)
    error, errors = rng.normal(size=sites.size), []
    half_width = {1: 4.0, 2: 1.0 if how else 2.0, 3: 0.8}[sites.dimension]
    for cells in (coarse, fine):
        mesh = on_mesh(half_width, cells, degree, **how)
        found = l2_project(error, sites, mesh)
        missed, whole = distance(mesh, found, error, sites)
        errors.append(missed / whole)
        interpolated, _ = distance(mesh, project(error, sites, mesh.frequency), error, sites)
        assert missed < 0.999 * interpolated
        norm = MassNorm(mesh.frequency, mesh.cells, mesh.cell_type, degree)(found)
        assert np.sqrt(whole**2 - norm**2) == pytest.approx(missed, rel=0.02) or missed < 1e-5 * whole
    assert abs(np.log2(errors[0] / errors[1]) - (degree + 1)) < 0.25, errors


def test_parseval_over_the_nyquist_box():
    """integral over the box of |v|^2 = mean_j u_j^2 / prod extent, for each channel and time."""
    grid = Grid((16, 12), (1.0, 1.0))
    error = np.random.default_rng(0).normal(size=(2, 3, grid.size))
    mesh = on_mesh(8.0, (16, 16), 6)
    found = l2_project(error, grid, mesh)
    assert found.shape == (2, 3, len(mesh.frequency))
    norm = MassNorm(mesh.frequency, mesh.cells, mesh.cell_type, 6, limit=grid.nyquist)(found)
    np.testing.assert_allclose(norm**2, np.mean(error**2, axis=-1) / grid.volume, rtol=1e-4)


def test_small_batches_give_the_same(monkeypatch):
    grid, mesh = Grid((8, 9), (1.0, 1.0)), on_mesh(1.0, (3, 3), 2, warp=bend)
    error = np.random.default_rng(0).normal(size=(5, grid.size))
    whole = l2_project(error, grid, mesh)
    monkeypatch.setattr("freqbias.compare.spectra.l2_projection.MAX_ENTRIES", 1000)  # two rows
    np.testing.assert_allclose(l2_project(error, grid, mesh), whole, rtol=0, atol=1e-12 * np.abs(whole).max())


def test_missing_convergence_is_an_error(monkeypatch):
    grid, mesh = Grid((8, 9), (1.0, 1.0)), on_mesh(1.0, (3, 3), 2, warp=bend)
    monkeypatch.setattr("freqbias.compare.spectra.l2_projection.MAX_ITERATIONS", 3)
    with pytest.raises(
        ComputationError, match=r"3 iterations.*better mesh, or .compare. projection = \"interpolation\""
    ):
        l2_project(np.ones(grid.size), grid, mesh)


def test_two_ranks_agree_with_one():
    code = """
        import numpy as np
        from freqbias.compare.spectra.l2_projection import MassMatrix, l2_project
        from freqbias.numerics import Grid
        from freqbias.runtime import world
        from freqbias.runtime.communicator import SerialWorld
        from tests.compare.test_l2_projection import bend, on_mesh

        grid = Grid((8, 9), (1.0, 1.0))
        error = np.random.default_rng(0).normal(size=(2, grid.size))
        for mesh in (on_mesh(1.0, (3, 3), 2, warp=bend), on_mesh(4.0, (1, 1), 4)):
            shared, alone = l2_project(error, grid, mesh, comm=world()), l2_project(error, grid, mesh)
            assert world().size == 2
            np.testing.assert_allclose(shared, alone, rtol=0, atol=1e-12 * np.abs(alone).max())
            np.testing.assert_array_equal(shared, world().bcast(shared))
            each, whole = MassMatrix(mesh, world()).diagonal, MassMatrix(mesh, SerialWorld()).diagonal
            np.testing.assert_allclose(each, whole, rtol=1e-12)
    """
    done = launch.run(*launch.code(code), ranks=2)
    assert done.returncode == 0, done.stderr
