"""A missing library is one message: what it is, and how to install it in this environment."""

import sys

import pytest

from freqbias import libraries
from freqbias.compare.commands import doctor
from freqbias.errors import MissingLibraryError
from freqbias.libraries import explanation
from freqbias.runtime.exit_codes import exit_code_of
from tests.installs.test_names import RUN
from tests.launch import ROOT, run_code, run_together

pytestmark = pytest.mark.xdist_group("ranks")

NO_LIBMPI = RuntimeError("cannot load MPI library\nlibmpi.so.12: cannot open shared object file")


def absent(module: str) -> ModuleNotFoundError:
    return ModuleNotFoundError(f"No module named '{module}'", name=module)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (absent("basix"), "DOLFINx is not installed (No module named 'basix'): "),
        (absent("dolfinx.fem.petsc"), "DOLFINx is not installed (No module named 'dolfinx.fem.petsc'): "),
        (ImportError("cannot import name 'a' from 'dolfinx.fem'", name="dolfinx.fem"), "DOLFINx 0.11 cannot be loaded"),
        (NO_LIBMPI, "mpi4py finds no MPI library (libmpi): "),
        (absent("torch"), "torch is not installed: "),
    ],
)
def test_what_is_missing_and_the_remedy_are_said(error, message, capsys):
    def fail() -> None:
        raise error

    assert exit_code_of(fail) == 2
    printed = capsys.readouterr().err
    assert printed.startswith(f"error: {message}") and f"run `uv sync` in {ROOT}" in printed
    assert len(printed.splitlines()) == 1
    assert ("conda-forge" in printed) == ("torch" not in message)


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_missing_compiler_is_said_once(ranks, tmp_path):
    (tmp_path / "small.toml").write_text(
        RUN.replace("points = 32", "points = 48").replace("pde = {", 'pde = { operator = "local",')
    )
    program = """
        import os, sys
        from pathlib import Path
        from unittest.mock import patch
        from freqbias.pde.form_compiler import JIT_OPTIONS
        from freqbias.runtime import exit_code_of
        from freqbias.runtime.commandline import invoke
        from tests.batch import APP

        path, out, empty = sys.argv[1:]
        with patch.dict(JIT_OPTIONS, cache_dir=Path(empty)), patch.dict(os.environ, CC="/no/compiler"):
            sys.exit(exit_code_of(lambda: invoke(APP, "freqbias", ["pde", path, "--out", out])))
    """
    answer = run_together(program, tmp_path / "small.toml", tmp_path / "out", tmp_path / "forms", ranks=ranks)
    assert answer.returncode == 2 and "Traceback" not in answer.stderr, answer.stderr
    (printed,) = [line for line in answer.stderr.splitlines() if "error" in line]
    assert printed.startswith("error: DOLFINx cannot compile its forms") and libraries.COMPILER in printed


@pytest.mark.parametrize(
    "error",
    [
        absent("freqbias.absent"),
        ImportError("cannot import name 'a' from 'freqbias.pde'", name="freqbias.pde"),
        RuntimeError("another"),
        MissingLibraryError("explained already"),
    ],
)
def test_our_own_mistakes_keep_their_traceback(error):
    assert explanation(error) is None


def test_a_script_is_told_the_same():
    answer = run_code("""
        import sys
        from freqbias import compare, libraries, meshes, pde

        sys.modules.update(dict.fromkeys(libraries.FENICSX))
        for room, name in (pde, "solve"), (meshes, "build"), (compare, "MassNorm"):
            try:
                getattr(room, name)
            except libraries.MissingLibraryError as failure:
                print(failure)
    """)
    assert answer.stdout.count("DOLFINx is not installed") == 3, answer.stdout + answer.stderr


@pytest.mark.parametrize(
    ("pyproject", "path", "extra", "expected"),
    [
        (True, ".venv/lib/site-packages", "tensorboard", "run `uv sync` in {}"),
        (True, "elsewhere", "tensorboard", "run `pip install -e '.[tensorboard]'` in {}"),
        (False, "elsewhere", "tensorboard", "run `pip install 'freqbias[tensorboard]'`"),
        (False, "elsewhere", "", "run `pip install --force-reinstall freqbias`"),
    ],
)
def test_the_remedy_fits_the_environment(pyproject, path, extra, expected, tmp_path, monkeypatch):
    monkeypatch.setattr(libraries, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path / path)])
    if pyproject:
        (tmp_path / "pyproject.toml").touch()
    assert libraries.remedy(extra) == expected.format(tmp_path)
    assert libraries.mpirun() == ("uv run mpirun" if path.startswith(".venv") else "mpirun")


def test_doctor_does_not_blame_the_compiler_for_a_missing_library():
    found = doctor.after("no_such_package", "C compiler", lambda: "compiles", "install one")
    assert "not tried, because no_such_package cannot be imported" in found.what
    assert found.state == "note" and found.remedy == ""
    assert doctor.after("dolfinx", "C compiler", lambda: "compiles", "install one").state == "ok"
