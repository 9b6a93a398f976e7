"""The files that the stage pde writes part by part, against the spectrum that `solve` returns."""

import numpy as np
import pytest

from freqbias import pde
from freqbias.meshes import plan_mesh
from freqbias.pde import disk_needed
from freqbias.problem import Spectrum, build, load
from tests import launch

pytestmark = pytest.mark.xdist_group("ranks")

RUN = """
density = {{ kind = "gaussian", sigma = 2.0 }}
data = {{ kind = "file", path = "{path}", dimension = 2 }}
network = {{ width = 2, sigma_a = 1.0 }}
time = {{ times = [1.0, 10.0, 100.0] }}
pde = {{ operator = "{operator}", degree = 2 }}
mesh = {{ half_width = 8.0, size = {size} }}
"""


@pytest.mark.parametrize(("operator", "size"), [("data", 1.0), ("local", 0.25)])
def test_channels_and_times_are_in_their_places(operator, size, tmp_path):
    x = np.linspace(-1, 1, 16, endpoint=False) + 1 / 16
    bell = np.exp(-8 * (x[:, None] ** 2 + x**2))
    np.save(tmp_path / "a.npy", np.stack([bell, x[:, None] * bell, x * x * bell], axis=-1))
    run_file = tmp_path / "run.toml"
    run_file.write_text(RUN.format(path=tmp_path / "a.npy", operator=operator, size=size))
    run = load(run_file)
    problem = build(run)
    expected = pde.solve(problem, run.pde, mesh=run.mesh)
    assert expected.error.shape[:2] == (4, 3)
    for ranks in (1, 3):
        (done,) = launch.run_all([["pde", run_file, "--out", tmp_path / str(ranks)]], ranks=ranks)
        assert done.returncode == 0, done.stderr
        found = Spectrum.load(tmp_path / str(ranks) / "pde" / "spectrum.nc")
        np.testing.assert_allclose(found.error, expected.error, rtol=0, atol=1e-8 * np.abs(expected.error).max())
        np.testing.assert_allclose(found.frequency, expected.frequency, rtol=0, atol=1e-12)
        np.testing.assert_array_equal(found.cells, expected.cells)
        np.testing.assert_allclose(found.loss, expected.loss, rtol=1e-8)
        if operator == "data":
            scale = np.abs(expected.sample_error).max()
            np.testing.assert_allclose(found.sample_error, expected.sample_error, rtol=0, atol=1e-9 * scale)
    size = sum(each.stat().st_size for each in (tmp_path / "1" / "pde").iterdir())
    assert 0.7 < disk_needed(problem, run.pde, plan_mesh(problem, run.pde, run.mesh)) / size < 1.3


def test_checkpoints_count(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((16, 16, 2)))
    run_file = tmp_path / "run.toml"
    run_file.write_text(RUN.format(path=tmp_path / "a.npy", operator="local", size=0.5))
    run = load(run_file)
    problem = build(run)
    plan = plan_mesh(problem, run.pde, run.mesh)
    stepping = run.pde.model_copy(update={"integrator": "adaptive"})
    assert plan.symmetric
    more = disk_needed(problem, stepping, plan) - disk_needed(problem, run.pde, plan)
    assert more == 8 * plan.dofs * 2 * 4, "one number for each dof, channel and output time"
