"""The rooms install inside freqbias alone: none of their bare names, which others use too, is ever imported."""

import os
import subprocess
import sys

from freqbias import compare, meshes, numerics, problem
from tests.batch import attempt
from tests.launch import ROOT, environment, undrawn

RUN = """
name = "small"
density = { kind = "gaussian", sigma = 5.0 }
data = { kind = "waves", dimension = 1, points = 32, frequencies = [[3.0]], window = 0.1 }
network = { width = 100, sigma_a = 1.0 }
time = { times = [10.0] }
pde = { tolerance = 0.1 }
"""


def printed(*arguments):
    answer = attempt(*arguments)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_no_room_is_imported_by_its_bare_name(tmp_path):
    """They are on the path here, so that such an import would succeed, as it does for whoever writes it.

    The tests that ran before in this process count too.
    """
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py") if path.parent.name != "tests"}
    assert {"problem", "pde"} < rooms and str(ROOT) in sys.path
    listed = printed("--help").partition("Commands:")[2].split("Exit codes")[0]
    commands = [line.split()[0] for line in listed.splitlines() if line[:2] == "  " and line[2:3].strip()]
    assert len(commands) >= 11, listed
    for command in commands:
        assert f"freqbias {command}" in printed(command, "--help")
    run_file, out = tmp_path / "small.toml", tmp_path / "out"
    run_file.write_text(RUN)
    with undrawn():
        printed("run", run_file, "--out", out, "-q")
    run = problem.load(run_file)
    statement = problem.build(run)
    assert meshes.plan_mesh(statement, run.pde, run.mesh).dofs > 0
    assert numerics.GridTransform(statement.sites, statement.sites.nyquist[:, None]) is not None
    assert compare.load_view(out).magnitudes["nn"].max() > 0
    assert {room for room in rooms if room in sys.modules} == set()


def test_an_environment_laid_over_this_one_finds_its_mpi(tmp_path):
    """As `uv run --with jupyter ...` makes one: another sys.prefix, with this environment's packages on the path."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "over"], check=True)
    (packages,) = (tmp_path / "over").glob("lib/*/site-packages")
    below = next(path for path in map(os.path.realpath, sys.path) if path.endswith("site-packages"))
    (packages / "below.pth").write_text(f"import site; site.addsitedir({below!r})\n")
    code = "import freqbias; from mpi4py import MPI; import dolfinx; print(MPI.COMM_WORLD.allreduce(1))"
    unset = {"MPI4PY_LIBMPI", "MPI4PY_MPIABI", "PYTHONPATH"}
    done = subprocess.run(
        [tmp_path / "over" / "bin" / "python", "-c", code],
        env={name: value for name, value in environment().items() if name not in unset},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "1\n", done.stderr
