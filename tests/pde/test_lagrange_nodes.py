"""The canonical order of nodes and cells on any number of ranks, against a sort of all of them."""

import numpy as np
import pytest

from tests import launch

pytestmark = pytest.mark.xdist_group("ranks")

NODES = """
import sys
import numpy as np
from mpi4py import MPI
from freqbias.meshes import BoxPlan, LayeredPlan, build
from freqbias.pde import canonical_indices
from freqbias.pde.forms import lagrange
from freqbias.pde.lagrange_nodes import LagrangeNodes

comm, found, on_grids = MPI.COMM_WORLD, {}, []
on_grid = canonical_indices._on_grid

def recorded(*arguments):
    indices = on_grid(*arguments)
    on_grids.append(indices is not None)
    return indices

canonical_indices._on_grid = recorded
for name, plan in (
    ("line", BoxPlan.uniform((4.0,), (40,), 3)),
    ("box", BoxPlan((((4.0, 7), (9.0, 5)), ((9.0, 11),)), 3)),
    ("cube", BoxPlan.uniform((4.0, 4.0, 5.0), (6, 6, 8), 2)),
    ("disc", LayeredPlan(2, ((9.0, 4),), 6, 4)),
    ("few nodes", BoxPlan.uniform((4.0,), (2,), 1)),  # three, so that some ranks have none
    ("few cells", BoxPlan.uniform((4.0, 4.0), (2, 2), 4)),
):
    nodes = LagrangeNodes(lagrange(build(plan, comm), plan.degree))
    xi, cells = nodes.gather_frequency(), nodes.gather_cells()
    values = np.array([nodes.frequency[:, 0], nodes.frequency[:, -1] + 2.0])
    block = nodes.to_block(values)
    wanted = np.arange(comm.rank, nodes.count, 3)
    fetched = nodes.exchange(wanted).from_blocks(block)
    mirrored, whole = nodes.gather(nodes.mirrored(values)), nodes.gather(values)
    np.testing.assert_array_equal(nodes.scatter(whole), values)
    every = comm.bcast(whole)
    np.testing.assert_array_equal(fetched, every[:, wanted])
    np.testing.assert_array_equal(block, every[:, nodes.first : nodes.first + block.shape[1]])
    if comm.rank == 0:
        np.testing.assert_array_equal(mirrored, whole[:, ::-1])
        np.testing.assert_array_equal(whole, [xi[:, 0], xi[:, -1] + 2.0])
        found |= {name + " xi": xi, name + " cells": cells}
canonical_indices._on_grid = on_grid  # one rank is the process of the tests
if comm.rank == 0:
    np.savez(sys.argv[1], **found)
    print(*on_grids)
"""


def test_nodes_and_cells_on_any_number_of_ranks(tmp_path):
    found = {}
    for ranks in (1, 2, 3, 5):
        done = launch.run_together(NODES, tmp_path / f"{ranks}.npz", ranks=ranks)
        assert done.returncode == 0, done.stderr
        found[ranks] = dict(np.load(tmp_path / f"{ranks}.npz"))
        expected = [ranks == 1, True, True, False]  # a line has as many coordinates as nodes
        assert done.stdout.split()[:4] == [str(each) for each in expected]
    for name, alone in found[1].items():
        for ranks in (2, 3, 5):
            if name.endswith("cells"):
                np.testing.assert_array_equal(found[ranks][name], alone)
            else:
                np.testing.assert_allclose(found[ranks][name], alone, rtol=0, atol=1e-12)
        if name.endswith("xi"):
            order = np.lexsort(np.round(alone, 6).T[::-1])
            np.testing.assert_array_equal(order, np.arange(len(alone)))
            np.testing.assert_allclose(alone[::-1], -alone, rtol=0, atol=1e-12)
        else:
            rows = [tuple(sorted(cell)) for cell in alone.tolist()]
            assert rows == sorted(rows) and len(set(rows)) == len(rows)
