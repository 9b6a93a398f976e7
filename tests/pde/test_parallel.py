"""Under mpirun the result equals the serial one, in the same node order; it is written and printed once."""

from itertools import product

import numpy as np
import pytest
import pyvista
from scipy.spatial import cKDTree

from freqbias.problem import Spectrum
from tests import launch

pytestmark = pytest.mark.xdist_group("ranks")

RUN = """
name = "small"
[density]
kind = "{kind}"
{width} = {sigma}
[data]
kind = "waves"
dimension = {dimension}
points = {points}
frequencies = {frequencies}
window = 0.12
[network]
width = 100
sigma_a = 1.0
symmetric = {symmetric}
[time]
times = [1.0, 6.0]
[pde]
operator = "{operator}"
integrator = "{integrator}"
step = {step}
tolerance = 1e-3
degree = {degree}
{mesh}
"""
DEFAULTS = {
    "kind": "gaussian",
    "width": "sigma",
    "mesh": "",
    "integrator": "lanczos",
    "degree": 4,
    "step": '"auto"',
    "symmetric": "true",
}
CASES = {
    "data 1-D": {"dimension": 1, "points": 48, "frequencies": [[3.0], [8.0]], "sigma": 4.0, "operator": "data"},
    "data 2-D": {"dimension": 2, "points": 24, "frequencies": [[3.0, 2.0]], "sigma": 3.0, "operator": "data"},
    "local 1-D": {"dimension": 1, "points": 96, "frequencies": [[3.0], [8.0]], "sigma": 6.0, "operator": "local"},
    "local 2-D": {"dimension": 2, "points": 32, "frequencies": [[3.0, 2.0]], "sigma": 2.5, "operator": "local"},
}  # fmt: skip
CASES["stepping"] = {**CASES["local 1-D"], "integrator": "crank-nicolson", "step": 2.0}
CASES["stepping, data"] = {**CASES["data 1-D"], "integrator": "backward-euler", "step": 5.0}
CASES["folded 2-D, network's start"] = {**CASES["data 2-D"], "sigma": 5.0, "degree": 6, "symmetric": "false"}
CASES["layers"] = {**CASES["data 2-D"], "kind": "ball", "width": "radius", "sigma": 6.0}
CASES["layers, local"] = {**CASES["local 2-D"], "kind": "ball", "width": "radius", "sigma": 6.0}
FEW = "[mesh]\nhalf_width = 24.0\nsize = 24.0"
CASES["more ranks than cells"] = {**CASES["local 1-D"], "mesh": FEW}
CASES["more ranks than cells, data"] = {**CASES["data 1-D"], "mesh": FEW}


RANKS = (1, 3)  # two ranks run no other code


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("parallel")


@pytest.fixture(scope="module")
def answers(folder):
    """The outcome of each case on each number of ranks. One mpirun runs all, as it costs more than most cases."""
    for number, case in enumerate(CASES.values()):
        (folder / f"{number}.toml").write_text(RUN.format(**{**DEFAULTS, **case}))
    return {ranks: dict(zip(CASES, start_all(folder, ranks), strict=True)) for ranks in RANKS}


def start_all(folder, ranks):
    commands = [["pde", folder / f"{n}.toml", "--out", folder / f"{n}-{ranks}"] for n in range(len(CASES))]
    return launch.run_all(commands, ranks=ranks)


@pytest.mark.parametrize("case", CASES)
def test_three_ranks_equal_one(case, answers, folder):
    spectra = {}
    for ranks in RANKS:
        done = answers[ranks][case]
        assert done.returncode == 0, done.stderr
        assert done.stdout == ""
        lines = done.stderr.strip().splitlines()
        assert len(lines) == len(set(lines)) > 0, "each line is printed once"
        assert sum("spectrum.nc" in line for line in lines) == 1
        spectra[ranks] = Spectrum.load(folder / f"{list(CASES).index(case)}-{ranks}" / "pde" / "spectrum.nc")
    alone, together = spectra[1], spectra[3]
    np.testing.assert_allclose(together.frequency, alone.frequency, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(together.cells, alone.cells)
    np.testing.assert_allclose(together.error, alone.error, rtol=0, atol=1e-8 * np.abs(alone.error).max())
    np.testing.assert_allclose(together.loss, alone.loss, rtol=1e-8)


PARTS = """
import sys
from pathlib import Path
import numpy as np
from mpi4py import MPI
from freqbias.numerics import Grid
from freqbias.pde import Solver
from freqbias.pde.fields import FieldsWriter
from freqbias.problem import Gaussian, Mesh, Network, Pde, Problem, waves
from freqbias.runtime import PartWriter

comm, folder = MPI.COMM_WORLD, Path(sys.argv[1])
samples = waves(Grid((16, 16), (1.0, 1.0)), [[2.0, 2.0]], window=0.15)
problem = Problem(Gaussian(2.0), samples, Network(width=2, sigma_a=1.0), np.array([0.0, 100.0]))
settings = Pde(degree=4)
for name, mesh in (("whole", Mesh()), ("few", Mesh(half_width=6.0, size=6.0)), ("unseen", Mesh())):
    solver = Solver(problem, settings, mesh, comm)
    snapshots, nodes = list(solver.trajectory()), solver.operator.nodes
    spectrum = solver.spectrum(snapshots)
    if comm.rank == 0:
        spectrum.save(folder / f"{name}.nc")
    if comm.rank == 0 or name != "unseen":
        (folder / name).mkdir(exist_ok=True)
    comm.Barrier()
    seen = folder / name if name != "unseen" or comm.rank == 0 else folder / "elsewhere"
    with PartWriter(comm, seen, named=seen) as writer:  # the end waits for its thread
        fields = FieldsWriter(writer, folder / name, problem, solver.plan, nodes)
        for snapshot in snapshots:
            fields.write(snapshot.index, nodes.to_block(solver.operator.spectrum(snapshot.state)))
    if comm.rank == 0:
        fields.finish()
"""


def test_each_rank_writes_a_part_of_the_fields(tmp_path):
    """Ranks without cells write nothing, and if a rank does not see the folder, rank 0 writes the parts of all."""
    done = launch.run_together(PARTS, tmp_path, ranks=5)
    assert done.returncode == 0, done.stderr
    for name, parts in (("whole", 5), ("few", 4), ("unseen", 5)):
        spectrum, reader = Spectrum.load(tmp_path / f"{name}.nc"), pyvista.get_reader(tmp_path / name / "fields.pvd")
        assert reader.time_values == [0.0, 100.0]
        for index, t in enumerate(reader.time_values):
            reader.set_active_time_value(t)
            blocks = list(reader.read())
            assert len(blocks) == parts and sum(block.n_cells for block in blocks) == len(spectrum.cells)
            points = np.concatenate([block.points[:, :2] for block in blocks])
            v = np.concatenate([block["real"] + 1j * block["imaginary"] for block in blocks])
            near = cKDTree(spectrum.frequency).query(points)
            assert near[0].max() < 1e-5 and set(near[1]) == set(range(len(spectrum.frequency)))
            np.testing.assert_allclose(v, spectrum.error[index, 0, near[1]], rtol=0, atol=1e-6 * np.abs(v).max())


DIVIDED = """
import sys
import numpy as np
from mpi4py import MPI
from freqbias.meshes import BoxPlan, LayeredPlan
from freqbias.numerics import Grid, GridSubset, Positions, Scattered, split_transform
from freqbias.pde.data_operator import ElementOperator
from freqbias.problem import Ball, Gaussian, Network, Problem, Samples

smallest, split_transform.MIN_CHUNK = split_transform.MIN_CHUNK, 1
rng, comm, found, divided = np.random.default_rng(0), MPI.COMM_WORLD, {}, []
line, image = Grid((900,), (2.0,)), Grid((30, 30), (1.0, 1.0))
for name, sites, density, plan in (
    ("scattered", Scattered(rng.uniform(0, 1, (700, 2))), Gaussian(1.0), BoxPlan.uniform((4.0, 4.0), (4, 4), 4)),
    ("line", line, Gaussian(2.0), BoxPlan.uniform((8.0,), (8,), 6)),
    ("disc", GridSubset(image, rng.permutation(900)[:500]), Ball(4.0), LayeredPlan(2, ((4.0, 2),), 2, 4)),
):
    problem = Problem(density, Samples(sites, rng.normal(size=(1, sites.size))), Network(width=2, sigma_a=1.0),
                      np.array([0.0, 1.0]))
    operator = ElementOperator(problem, plan, comm, -problem.samples.values, accuracy=1e-12)
    u, elsewhere = problem.samples.values[0], Positions(rng.uniform(0, 1, (2, sites.dimension)))
    found[name], found[name + " at"] = operator.apply(u), operator.at(elsewhere)(u)
    divided.append(operator._partial)
split_transform.MIN_CHUNK = smallest  # one rank is the process of the tests
if comm.rank == 0:
    np.savez(sys.argv[1], **found)
    print(*divided)
"""


def test_each_rank_transforms_its_own_samples(tmp_path):
    found = {}
    for ranks in (1, 2, 3):
        done = launch.run_together(DIVIDED, tmp_path / f"{ranks}.npz", ranks=ranks)
        assert done.stdout.split() == [str(ranks > 1)] * 3, done.stderr
        found[ranks] = dict(np.load(tmp_path / f"{ranks}.npz"))
    for ranks, name in product((2, 3), found[1]):
        alone = found[1][name]
        np.testing.assert_allclose(found[ranks][name], alone, rtol=0, atol=1e-9 * np.abs(alone).max())


MULTIGRID = """
import sys
import numpy as np
from mpi4py import MPI
from freqbias.numerics import Grid
from freqbias.pde import LocalOperator, petsc_options
from freqbias.meshes import BoxPlan, LayeredPlan
from freqbias.problem import Ball, Gaussian, Network, Problem, waves

largest, petsc_options.MULTIGRID_DOFS = petsc_options.MULTIGRID_DOFS, {2: 0}
samples = waves(Grid((24, 24), (1.0, 1.0)), [[2.0, 2.0]], window=0.15)
found, iterations = {}, []
for name, density, plan in (
    ("box", Gaussian(2.0), BoxPlan((((4.0, 7), (9.0, 5)), ((9.0, 11),)), 3)),
    ("few cells", Gaussian(4.0), BoxPlan.uniform((6.0, 6.0), (2, 2), 7)),  # a rank of 5 has no node of a coarse level
    ("disc", Ball(9.0), LayeredPlan(2, ((9.0, 4),), 6, 4)),
):
    problem = Problem(density, samples, Network(width=2, sigma_a=1.0), np.array([0.0, 100.0]))
    operator = LocalOperator(problem, plan, MPI.COMM_WORLD, -samples.values, accuracy=1e-10)
    solver = operator.solver(30.0)
    solver._rtol = 1e-13
    found[name] = operator.gather(solver(operator.mass(operator.start[0]))[None])
    assert solver._solver.getPC().getType() == "mg"
    iterations.append(solver._solver.getIterationNumber())
petsc_options.MULTIGRID_DOFS = largest  # one rank is the process of the tests
if MPI.COMM_WORLD.rank == 0:
    np.savez(sys.argv[1], **found)
    print(max(iterations))
"""


def test_multigrid_on_any_number_of_ranks(tmp_path):
    found = {}
    for ranks in (1, 2, 3, 5):
        done = launch.run_together(MULTIGRID, tmp_path / f"{ranks}.npz", ranks=ranks)
        assert int(done.stdout) <= 20, done.stderr
        found[ranks] = dict(np.load(tmp_path / f"{ranks}.npz"))
    for ranks, name in product((2, 3, 5), found[1]):
        alone = found[1][name]
        np.testing.assert_allclose(found[ranks][name], alone, rtol=0, atol=1e-10 * np.abs(alone).max())
