"""Install the wheel and the sdist into fresh environments, with and without the extra, and beside py-pde.

The commands run in a folder whose files have the names of our rooms.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.installs.test_names import RUN
from tests.launch import ROOT

pytestmark = pytest.mark.slow

UV = os.environ.get("UV") or shutil.which("uv")
NO_REGISTRY = ("Request failed", "Failed to fetch", "Network connectivity is disabled", "error sending request")
SITE = Path(sysconfig.get_path("purelib")).relative_to(sys.prefix).parts
HIDING = ("problem", "compare", "nn", "pde", "meshes", "numerics", "runtime")

ALL_COMMANDS = """
from freqbias.compare.commands.app import build_app
from freqbias.runtime.exit_codes import exit_code_of
from freqbias.runtime.commandline import invoke

lines = [f"{name} small.toml" for name in ("run", "check", "mesh", "pde", "compare", "kappa")]
for line in [*lines, "figures 4 --quick", "view out", "nn small.toml --out out -q"]:
    print(line, exit_code_of(lambda line=line: invoke(build_app(), "freqbias", line.split())))
"""
BOTH = """
import numpy, pde
from freqbias.compare.commands.doctor import diagnose
from freqbias.pde import solve

diagnose()
grid = pde.UnitGrid([8])
state = pde.DiffusionPDE().solve(pde.ScalarField(grid, 1.0), t_range=0.1, dt=0.01, backend="numpy", tracker=None)
print(numpy.allclose(state.data, 1.0), solve.__module__)
"""


def call(*arguments: object, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command as a user does, without our folders on the path."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV", "MPI4PY_"))}
    command = [*map(str, arguments)]
    done = subprocess.run(
        command, cwd=cwd, env={**kept, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done


def uv(*arguments: object, cwd: Path) -> None:
    """Run uv. Skip the test if uv is not installed or reaches no registry."""
    if UV is None:
        pytest.skip("uv is not installed")
    try:
        call(UV, *arguments, "--quiet", cwd=cwd)
    except AssertionError as failure:
        if any(reason in str(failure) for reason in NO_REGISTRY):
            pytest.skip(f"uv cannot install here: {str(failure).strip().splitlines()[-1]}")
        raise


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The path of a wheel that uv built from the sdist."""
    folder = tmp_path_factory.mktemp("built")
    uv("build", ROOT, "--python", sys._base_executable, "--out-dir", folder, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


def share_bytecode(environment: Path) -> None:
    """Give the environment the compiled modules of ours: uv links the same files into both.

    Python compares the times of the sources. Without this, most of the time goes into compiling torch once more.
    """
    ours, theirs = (Path(prefix, *SITE) for prefix in (sys.prefix, environment))
    for cache in ours.glob("**/__pycache__"):
        other = theirs / cache.relative_to(ours)
        if other.parent.is_dir():
            shutil.copytree(cache, other, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.pyc.*"))


def test_sdist_contains_all_files_of_the_wheel(wheel, tmp_path):
    uv("build", "--wheel", ROOT, "--python", sys._base_executable, "--out-dir", tmp_path, cwd=tmp_path)
    (of_the_tree,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(of_the_tree) as other:
        assert {name: one.read(name) for name in one.namelist()} == {n: other.read(n) for n in other.namelist()}
        assert {"freqbias/py.typed", "freqbias/runs/figure4.toml", "freqbias/pde/solver.py"} < {*one.namelist()}


def test_wheel_and_editable_sdist(wheel, tmp_path):
    """All steps share one environment."""
    folder, programs = tmp_path / "mine", tmp_path / "env" / "bin"
    folder.mkdir()
    for name in HIDING:
        (folder / f"{name}.py").write_text("raise SystemExit('a file of the user was imported')\n")
    (folder / "small.toml").write_text(RUN)
    (folder / "commands.py").write_text(ALL_COMMANDS)
    (tmp_path / "both.py").write_text(BOTH)
    python = programs / "python"

    uv("venv", "--python", sys._base_executable, tmp_path / "env", cwd=folder)
    uv("pip", "install", "--python", python, wheel, cwd=folder)
    share_bytecode(tmp_path / "env")
    answer = call(python, folder / "commands.py", cwd=folder)
    codes = [line.split() for line in answer.stdout.splitlines()]
    assert [words[-1] for words in codes] == [*"22222222", "0"], answer.stdout + answer.stderr
    lines = answer.stderr.splitlines()
    assert len(lines) == 8 and all("error: DOLFINx is not installed" in line for line in lines), answer.stderr
    assert all("pip install 'freqbias[fenicsx]'" in line for line in lines)
    assert (
        "pip install 'freqbias[fenicsx]'" in call(python, "-m", "freqbias.pde", "small.toml", cwd=folder, code=2).stderr
    )
    found = call(programs / "freqbias", "doctor", cwd=folder, code=2).stdout
    assert "uv sync" not in found and "uv run" not in found and "pip install 'freqbias[fenicsx]'" in found
    assert "C compiler   not tried" in found

    uv("pip", "install", "--python", python, f"{wheel}[fenicsx]", "py-pde", cwd=folder)
    share_bytecode(tmp_path / "env")
    call(programs / "freqbias", "run", "small.toml", "--out", "out", "--resume", "-q", cwd=folder)
    assert (folder / "out" / "compare" / "figure4.png").exists()
    assert (
        "finished already"
        in call(python, "-m", "freqbias.pde", "small.toml", "--out", "out", "--resume", cwd=folder).stderr
    )
    *found, last = call(python, tmp_path / "both.py", cwd=folder).stdout.splitlines()
    assert last == "True freqbias.pde.solver" and "`freqbias run` can work here." in found

    with tarfile.open(next(wheel.parent.glob("*.tar.gz"))) as sdist:
        sdist.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.glob("freqbias-*")
    uv("pip", "install", "--python", python, "--no-deps", "--editable", unpacked, cwd=folder)
    code = "import freqbias.pde.cli as ours, freqbias; print(ours.__file__, freqbias.__file__)"
    assert call(python, "-P", "-c", code, cwd=folder).stdout.split() == [
        str(unpacked / "src" / "freqbias" / name) for name in ("pde/cli.py", "__init__.py")
    ]
    assert "freqbias run" in call(programs / "freqbias", "--help", cwd=folder).stdout
