"""The `freqbias` command: fast --help, one message under mpirun, and a full run from one run file."""

import os
import re
from pathlib import Path

import pytest

from freqbias.compare.commands import doctor, run_files
from freqbias.errors import InputError, UsageError
from freqbias.problem import load
from tests.batch import attempt
from tests.compare.small_run import freqbias
from tests.launch import run_code

COMMANDS = ["run", "check", "mesh", "pde", "nn", "ntk", "compare", "kappa", "figures", "view", "doctor"]


def test_help_is_fast_and_teaches():
    before = os.times()
    answer = run_code(
        "import sys; sys.argv = ['freqbias', '--help']; from freqbias.compare.commands.app import main; main()"
    )
    after = os.times()
    assert after.children_user + after.children_system - before.children_user - before.children_system < 1.0
    assert answer.returncode == 0
    for word in [*COMMANDS, "freqbias run", "uv run mpirun", "out/NAME", "Exit codes", "--resume"]:
        assert word in answer.stdout


def test_help_imports_no_heavy_library():
    heavy = ["numpy", "scipy", "torch", "dolfinx", "mpi4py", "matplotlib", "xarray", "pydantic", "pyvista"]
    answer = run_code(
        "import sys; from freqbias.compare.commands.app import build_app; build_app();"
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    assert answer.stdout.strip() == "[]", answer.stdout + answer.stderr


def test_version(capsys):
    assert freqbias("--version") == 0
    assert re.fullmatch(r"freqbias \d+\.\d+\.\d+\n", capsys.readouterr().out)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command(command, capsys):
    assert freqbias(command, "--help") == 0
    assert f"freqbias {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing command"),
        (["rnu"], "No such command 'rnu'"),
        (["run", "--fast"], "No such option: --fast.*`freqbias run --help`"),
        (["compare"], "Missing argument 'RUN.toml'"),
        (["pde", "small.toml", "--max-walltime", "soon"], "wall time 'soon'"),
        (["pde", "small.toml", "--resume", "--overwrite"], "contradict"),
    ],
)
def test_usage_errors_name_remedy(small, arguments, message):
    with pytest.raises(UsageError, match=message) as caught:
        freqbias(*arguments)
    assert caught.value.exit_code == 2
    assert {path.name for path in small.iterdir()} == {"small.toml"}


def test_under_mpirun(small):
    """One message of all ranks, and a run. One start of mpirun does both, as it costs most of the time.

    The start of petsc4py is collective: if one rank alone imported it, that rank would wait forever.
    """
    code = """
        import sys
        from freqbias.compare.commands.app import main

        codes = []
        for words in (["nn", "--fast"], ["nn", "absent.toml"], ["nn", "--help"], ["run", *sys.argv[1:]]):
            sys.argv = ["freqbias", *words]
            try:
                main()
            except SystemExit as ended:
                codes.append(ended.code)
        sys.exit(codes != [2, 2, 0, 75])
    """
    answer = run_code(code, small / "small.toml", "--out", small / "out", "--max-walltime", "1", ranks=2)
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr.count("error: ") == 2 and "Traceback" not in answer.stderr
    assert answer.stdout.count("Usage:") == 1
    assert answer.stderr.count("results go to") == 1


def test_shipped_run_file_is_valid():
    assert load(run_files.shipped_run_file()).name == "figure4"


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[2] / "runs").glob("*.toml")), ids=lambda path: path.stem
)
def test_run_files_are_valid_and_named_by_file(path):
    assert load(path).name == path.stem


@pytest.mark.parametrize("command", ["run", "pde", "figures"])
def test_an_empty_folder_is_refused(command, small):
    """As from an unset variable of a job script. It would be the current folder."""
    done = attempt(command, *(["small.toml"] if command != "figures" else []), "--out", "")
    assert done.returncode == 2 and '--out "": the name of the folder is empty' in done.stderr
    assert {path.name for path in small.iterdir()} == {"small.toml"}


def test_quiet_prints_nothing(small, capsys):
    assert freqbias("mesh", "small.toml", "-q") == 0
    assert capsys.readouterr() == ("", "")
    assert freqbias("mesh", "small.toml", "--resume") == 0
    assert "dofs" in capsys.readouterr().out


def test_doctor_tries_everything(capsys):
    assert freqbias("doctor") == 0
    printed = capsys.readouterr().out
    for line in ("dolfinx", "torch", "MPI", "C compiler", "NUFFT", "memory", "threads"):
        assert re.search(rf"^ok +{line} ", printed, re.MULTILINE), line
    assert "`freqbias run` can work here" in printed


def test_doctor_names_missing_and_remedy(monkeypatch, capsys):
    missing = doctor.package("no_such_package", "install it")
    assert missing.state == "missing" and "no_such_package" in missing.what and missing.remedy == "install it"
    monkeypatch.setattr(doctor, "_examine", lambda: [missing])
    assert freqbias("doctor") == 2
    assert "install it" in (printed := capsys.readouterr().out) and "cannot work here" in printed


@pytest.mark.parametrize("number", ["0", "9", "99"])
def test_figures_that_do_not_exist(number, tmp_path):
    """Refused before another figure is drawn."""
    done = attempt("figures", "1", number, "--out", tmp_path / "out")
    expected = f"error: figure {number} does not exist; choose from 1, 2, 3, 4, 5, 6, 7\n"
    assert (done.returncode, done.stderr) == (2, expected)
    assert not (tmp_path / "out").exists()


def test_overrides_are_recorded(small):
    """For every command: the result is that of a run file with these values."""
    assert freqbias("nn", "small.toml", "density.sigma=1.5", "name=narrow") == 0
    assert "sigma = 1.5" in (small / "out" / "narrow" / "run.toml").read_text()
    assert freqbias("check", "small.toml", "density.sigma=1.5") == 0
    with pytest.raises(InputError, match=r"small.toml with density.sigma=0: \[density\] sigma = 0"):
        freqbias("pde", "small.toml", "density.sigma=0")
    assert not (small / "out" / "small").exists()


def test_overrides_of_the_run_file_that_ships(small):
    with pytest.raises(InputError, match=r"figure4.toml with network.width=0: \[network\] width = 0"):
        freqbias("run", "network.width=0")
