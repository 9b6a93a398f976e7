"""The predicted size of the results of the stage pde, against the files."""

import shutil
from collections import namedtuple

import numpy as np
import pytest

from freqbias.errors import UsageError
from freqbias.meshes import plan_mesh
from freqbias.numerics import Grid
from freqbias.pde import check_disk, disk_needed, disk_space
from freqbias.problem import Gaussian, Mesh, Network, Pde, Problem, waves
from tests.interrupted import here

Usage = namedtuple("Usage", "total used free")
RUN = """
density = {{ kind = "gaussian", sigma = 2.0 }}
data = {{ kind = "waves", dimension = {dimension}, points = 16, frequencies = [{frequency}], window = 0.15 }}
network = {{ width = 2, sigma_a = 1.0 }}
time = {{ end = 1.0, outputs = 9 }}
mesh = {{ half_width = 8.0, size = {size} }}
pde = {{ operator = "{operator}", degree = {degree}, fields = {fields} }}
"""


@pytest.mark.parametrize(
    ("dimension", "size", "operator", "degree", "fields"),
    [(2, 0.2, "local", 2, "true"), (2, 0.2, "local", 2, "false"), (2, 1.0, "data", 6, "true"),
     (3, 1.0, "local", 2, "true"), (1, 0.002, "data", 4, "true")],
)  # fmt: skip
def test_size_of_the_files(dimension, size, operator, degree, fields, tmp_path):
    from freqbias.problem import build, load

    path = tmp_path / "run.toml"
    keys = {"dimension": dimension, "size": size, "operator": operator, "degree": degree, "fields": fields}
    path.write_text(RUN.format(frequency=[2.0] * dimension, **keys))
    here("pde", path, "--out", tmp_path / "out")
    found = sum(each.stat().st_size for each in (tmp_path / "out" / "pde").iterdir())
    run = load(path)
    problem = build(run)
    expected = disk_needed(problem, run.pde, plan_mesh(problem, run.pde, run.mesh))
    assert 0.7 < expected / found < 1.3


def large():
    """A problem whose results take several GiB, with its settings and mesh."""
    samples = waves(Grid((16, 16), (1.0, 1.0)), [[2.0, 2.0]], window=0.15)
    problem = Problem(Gaussian(2.0), samples, Network(width=2, sigma_a=1.0), np.linspace(0.0, 1.0, 1001))
    settings = Pde(operator="local", degree=2)
    return problem, settings, plan_mesh(problem, settings, Mesh(half_width=8.0, size=0.1))


def test_disk_with_too_little_space(monkeypatch, tmp_path):
    problem, settings, plan = large()
    needed = disk_needed(problem, settings, plan)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, needed + 1 if path == tmp_path else 0))
    check_disk(problem, settings, plan, tmp_path / "a" / "b")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, needed - 1))
    with pytest.raises(UsageError, match=r"writes about 4\.\d GiB, but the disk of .*fields = false.* another --out"):
        check_disk(problem, settings, plan, tmp_path)


def test_an_unfinished_result_takes_part_of_the_space(monkeypatch, tmp_path):
    problem, settings, plan = large()
    needed = disk_needed(problem, settings, plan)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, needed - 1e6))
    (tmp_path / "pde.partial" / ".tmp").mkdir(parents=True)
    (tmp_path / "pde.partial" / ".tmp" / "a").write_bytes(b"1" * 1_500_000)
    check_disk(problem, settings, plan, tmp_path)


def test_a_finished_result_needs_no_space(monkeypatch, tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(RUN.format(dimension=1, size=0.5, operator="data", degree=4, fields="true", frequency=[2.0]))
    here("pde", path, "--out", tmp_path / "out")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, 0))
    monkeypatch.setattr(disk_space, "CHECKED", 0)
    here("pde", path, "--out", tmp_path / "out", "--resume")
    with pytest.raises(UsageError, match="has only 1 MiB free"):
        here("pde", path, "--out", tmp_path / "other")
    assert not (tmp_path / "other").exists()
