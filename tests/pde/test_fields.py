"""`fields.pvd` as ParaView's readers see it: all times and arrays, with the right values in the right places."""

import shutil
import subprocess

import numpy as np
import pytest
import pyvista
import vtkmodules.vtkCommonCore
from mpi4py import MPI

from freqbias.meshes import LayeredPlan, build
from freqbias.numerics import Grid
from freqbias.pde.fields import FieldsWriter, law_values
from freqbias.pde.forms import lagrange
from freqbias.pde.lagrange_nodes import LagrangeNodes
from freqbias.pde.solver import Solver
from freqbias.pde.vtu import VtuGrid
from freqbias.problem import Annulus, Ball, Gaussian, Network, Pde, Problem, waves
from freqbias.runtime import PartWriter

NAMES = {"real", "imaginary", "magnitude", "phase", "damping", "diffusion", "rho_w"}


def problem_of(dimension):
    grid = Grid((12, 10, 8)[:dimension], (1.0, 0.8, 0.6)[:dimension])
    samples = waves(grid, [[1.0, 2.0, -1.0][:dimension]], window=0.3)
    return Problem(Gaussian(1.5), samples, Network(width=2, sigma_a=1.0), np.array([0.0, 0.1, 10.0]))


def written(folder, dimension, degree):
    solver = Solver(problem_of(dimension), Pde(tolerance=1e-2, degree=degree))
    problem, nodes, snapshots = solver.problem, solver.operator.nodes, list(solver.trajectory())
    with PartWriter(solver.comm, folder, named=folder) as writer:  # the end waits for its thread
        fields = FieldsWriter(writer, folder, problem, solver.plan, nodes)
        for snapshot in snapshots:
            fields.write(snapshot.index, nodes.to_block(solver.operator.spectrum(snapshot.state)))
    fields.finish()
    return problem, solver.spectrum(snapshots)


@pytest.mark.parametrize("dimension, degree", [(1, 2), (1, 6), (2, 2), (2, 4), (2, 6), (3, 2)])
def test_pyvista_reads_fields(dimension, degree, tmp_path):
    problem, spectrum = written(tmp_path, dimension, degree)
    reader = pyvista.get_reader(tmp_path / "fields.pvd")
    assert reader.time_values == spectrum.time.tolist()
    for index, t in enumerate(reader.time_values):
        reader.set_active_time_value(t)
        grid = reader.read()[0]
        assert set(grid.point_data.keys()) == NAMES and grid.active_scalars_name == "magnitude"
        np.testing.assert_allclose(grid.points[:, :dimension], spectrum.frequency, atol=1e-6)
        np.testing.assert_allclose(grid["real"] + 1j * grid["imaginary"], spectrum.error[index, 0], atol=1e-12)
        np.testing.assert_allclose(grid["magnitude"], np.abs(spectrum.error[index, 0]), atol=1e-12)
        np.testing.assert_allclose(grid["rho_w"], problem.density.density(spectrum.frequency))


@pytest.mark.parametrize("dimension, degree", [(1, 4), (2, 6), (3, 4)])
def test_node_numbering_for_vtk(dimension, degree, tmp_path):
    """Inside a cell, VTK's i-th parameter moves the i-th coordinate only; a wrong node order would fold the cell."""
    written(tmp_path, dimension, degree)
    grid = pyvista.read(tmp_path / "fields_000000.vtu")
    cell = grid.GetCell(grid.GetNumberOfCells() // 3)
    parameters = np.linspace(0, 1, 9)
    for axis in range(dimension):
        for other in ([0.2] * 3, [0.7] * 3):
            track = []
            for parameter in parameters:
                at, found = np.array(other), np.zeros(3)
                at[axis] = parameter
                cell.EvaluateLocation(
                    vtkmodules.vtkCommonCore.reference(0), at, found, np.zeros(cell.GetNumberOfPoints())
                )
                track.append(found)
            moved = np.abs(np.ptp(track, axis=0))
            assert np.count_nonzero(moved > 1e-9) == 1, "one parameter moves one coordinate"
            steps = np.diff(np.array(track)[:, moved.argmax()])
            assert (steps > 0).all() or (steps < 0).all()


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("density", [Ball(6.0), Annulus(2.0, 6.0)], ids=["ball", "annulus"])
def test_laws_on_the_surface_of_the_support(density, dimension):
    """They have the value inside at all nodes there, some of which rounding puts outside."""
    samples = waves(Grid((16,) * dimension, (1.0,) * dimension), [[1.0] * dimension])
    problem = Problem(density, samples, Network(width=2, sigma_a=1.0), np.array([0.0, 10.0]))
    hollow = isinstance(density, Annulus)
    plan = LayeredPlan(dimension, ((2.0, 0 if hollow else 1), (6.0, 2)), 4, 4, hollow=hollow)
    nodes = LagrangeNodes(lagrange(build(plan, MPI.COMM_SELF), plan.degree)).frequency
    for radius in (2.0, 6.0):
        distance = np.linalg.norm(nodes, axis=1) - radius
        surface = distance[np.abs(distance) < 1e-6]
        assert len(surface) > 20 and (surface < 0).any() and (surface > 0).any()
    inside = law_values(problem, np.full((1, dimension), 4.0 / dimension**0.5), plan)
    for name, values in law_values(problem, nodes, plan).items():
        np.testing.assert_allclose(values, inside[name][0], rtol=1e-12, err_msg=name)


@pytest.mark.parametrize(("size", "kind"), [(1.0, "f4"), (0.0, "f4"), (1e35, "f8"), (1e-35, "f8")])
def test_extreme_values_keep_their_digits(size, kind, tmp_path):
    grid = VtuGrid(np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[0, 1]]), 3, {"static": size * np.array([0.5, 1.0])})
    grid.write(tmp_path / "a.vtu", {"value": size * np.array([0.25, 1.0])})
    found = pyvista.read(tmp_path / "a.vtu")
    assert found["value"].dtype == found["static"].dtype == kind
    np.testing.assert_allclose(found["value"], size * np.array([0.25, 1.0]), rtol=1e-6)


@pytest.mark.skipif(shutil.which("pvpython") is None, reason="ParaView's pvpython is not installed")
def test_paraview_reads_it(tmp_path):
    _, spectrum = written(tmp_path, 2, 4)
    script = tmp_path / "read.py"
    script.write_text(
        "from paraview.simple import PVDReader, UpdatePipeline\n"
        f"reader = PVDReader(FileName={str(tmp_path / 'fields.pvd')!r})\n"
        "for t in reader.TimestepValues:\n"
        "    UpdatePipeline(time=t, proxy=reader)\n"
        "    data = reader.PointData\n"
        "    print('RESULT', t, data['magnitude'].GetRange()[1], sorted(data.keys()))\n"
    )
    done = subprocess.run(
        ["pvpython", str(script)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env={"QT_QPA_PLATFORM": "offscreen", "PATH": "/usr/bin:/bin"},
    )
    lines = [line.split(maxsplit=3) for line in done.stdout.splitlines() if line.startswith("RESULT")]
    assert [float(line[1]) for line in lines] == spectrum.time.tolist()
    np.testing.assert_allclose([float(line[2]) for line in lines], np.abs(spectrum.error[:, 0]).max(axis=1), rtol=1e-6)
    assert all({name.strip(" '[]") for name in line[3].split(",")} == NAMES for line in lines)
