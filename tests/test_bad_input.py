"""Bad input ends with exit code 2 and one message that names key, value and remedy, before anything is written.

Every row of `tests.bad_input.table` runs in this process, many also on two ranks, and some as separate programs.
"""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
import tomli_w

from freqbias.runtime import exit_code_of
from freqbias.runtime.commandline import invoke
from tests.bad_input.driver import attempt
from tests.bad_input.ranges import OUT_OF_RANGE
from tests.bad_input.table import DATA, Case, cases, shared, write
from tests.batch import APP
from tests.each import check_each
from tests.launch import MPIRUN, ROOT, environment, run_all, run_together
from tests.problem.run_files import every_key, table

pytestmark = pytest.mark.xdist_group("ranks")

CASES = cases()
SCRIPT = str(Path(sys.executable).parent / "freqbias")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder that holds all run files and data files, and nothing else."""
    folder = tmp_path_factory.mktemp("bad")
    write(folder)
    return folder


def execute(command: list[str], *, cwd: Path, timeout: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env=environment(), cwd=cwd, capture_output=True, text=True, timeout=timeout, check=False
    )


def content(folder: Path) -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.fixture(scope="module")
def serial(folder):
    """The outcome of each row in this process."""
    before = content(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        names, changed = {path.name for path in folder.iterdir()}, folder.stat().st_mtime_ns
        outcomes = []
        for index in range(len(CASES)):
            outcome = attempt(index)
            untouched = folder.stat().st_mtime_ns == changed  # to list it each time takes as long as all commands
            outcome["written"] = [] if untouched else sorted({path.name for path in folder.iterdir()} - names)
            outcomes.append(outcome)
    assert content(folder) == before
    return outcomes


@pytest.fixture(scope="module")
def parallel(folder, tmp_path_factory):
    """The outcome of each row of `shared` on each of two ranks."""
    before, report = content(folder), tmp_path_factory.mktemp("report") / "report.json"
    done = run_together("from tests.bad_input.driver import main; main()", folder, report, ranks=2, timeout=300)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
    assert content(folder) == before
    return json.loads(report.read_text())


def check(case, outcome):
    assert outcome["code"] == 2, outcome["err"]
    assert outcome["out"] == ""
    message = outcome["err"]
    assert message.startswith("error: ")
    assert message.count("error:") == 1
    assert "Traceback" not in message and "Warning" not in message
    assert len(message.encode()) <= 2048
    for part in case.expected:
        assert part in message


def test_every_key_has_its_rows():
    assert list(OUT_OF_RANGE) == every_key()
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)


def test_on_one_rank(serial):
    def on_one_rank(index):
        check(CASES[index], serial[index])
        assert serial[index]["written"] == []

    check_each(on_one_rank, range(len(CASES)), lambda index: CASES[index].name)


def test_on_two_ranks(parallel, serial):
    """Both ranks exit with code 2; only the first prints the message."""

    def on_two_ranks(row):
        index, first, second = row
        check(CASES[index], first)
        assert first["err"] == serial[index]["err"]
        assert second == {"code": 2, "err": "", "out": ""}

    check_each(on_two_ranks, zip(shared(), *parallel, strict=True), lambda row: CASES[row[0]].name)


def message_pieces(module: str) -> list[str]:
    """The longest fixed piece of every error message in a module."""
    pieces = []
    for node in ast.walk(ast.parse((ROOT / "problem" / module).read_text())):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            constants = [
                c.value for c in ast.walk(node.exc) if isinstance(c, ast.Constant) and isinstance(c.value, str)
            ]
            pieces += [max(constants, key=len)] if constants else []
    return pieces


@pytest.mark.parametrize(
    "module",
    [
        "settings.py",
        "data_settings.py",
        "density_settings.py",
        "file_keys.py",
        "training_settings.py",
        "table.py",
        "run_file.py",
        "loading.py",
        "stage_dependencies.py",
        "builder.py",
        "held_out.py",
        "design_settings.py",
        "training_checks.py",
    ],
)
def test_every_message_has_a_row(serial, module):
    printed = "".join(outcome["err"] for outcome in serial)
    # No run file causes these errors; tests/problem tests them.
    elsewhere = {
        "; use mesh, pde, nn, ntk, draws, minibatches, compare or design",
        "; use fewer points",
        ": load_samples only reads; use ",
        ", not a file; give a text file in TOML format",
        ": the file has changed since this command started; restore the file and continue with --resume, or start "
        "again with --overwrite",
    }
    assert message_pieces(module)
    assert [piece for piece in message_pieces(module) if piece not in printed and piece not in elsewhere] == []


def find(name: str) -> int:
    return [case.name for case in CASES].index(name)


@pytest.mark.parametrize(
    ("ranks", "program", "name"),
    [
        (2, [SCRIPT, "run"], "density.gaussian.sigma = -1.0"),
        (1, [SCRIPT, "check"], "data with NaN"),
        (1, [sys.executable, "-m", "freqbias.nn"], "run file missing"),
        (2, [sys.executable, "-m", "freqbias.pde"], "end against times"),
        (2, [SCRIPT, "mesh"], "degree without a rule"),
        (2, [sys.executable, "-m", "freqbias.compare"], "nothing to compare"),
    ],
)
def test_as_a_program(folder, ranks, program, name):
    before, index = content(folder), find(name)
    launched = [*program, f"{index}.toml"]
    command = launched if ranks == 1 else [str(MPIRUN), "-n", str(ranks), *launched]
    done = execute(command, cwd=folder, timeout=120)
    check(CASES[index], {"code": done.returncode, "err": done.stderr, "out": done.stdout})
    assert content(folder) == before


@pytest.mark.parametrize("ranks", [1, 2])
def test_faulty_error_files(folder, tmp_path, ranks):
    from freqbias import problem
    from freqbias.pde.stage import run_pde
    from freqbias.runtime import StopRequest, Store

    run = problem.parse(table())
    run_pde(run, problem.build(run), Store(tmp_path / "out"), resume=False, overwrite=False, stop=StopRequest())
    (tmp_path / "own.toml").write_text(problem.resolved(run))
    before = content(tmp_path)
    faults = {"garbage.npy": "the file cannot be read as netCDF", "none.nc": "no such file"}
    command = ["compare", tmp_path / "own.toml", "--out", tmp_path / "out", "--error"]
    commands = [[*command, folder / DATA / name] for name in faults]
    for (name, expected), done in zip(faults.items(), run_all(commands, ranks=ranks), strict=True):
        case = Case("faulty error file", None, (name, expected))
        check(case, {"code": done.returncode, "err": done.stderr, "out": done.stdout})
    assert content(tmp_path) == before


EDGES = {
    "density": (
        {"sigma": 0.0},
        {"kind": "uniform", "radius": 0.0, "sigma": None},
        {"kind": "laplace", "scale": 0.0, "sigma": None},
        {"kind": "student-t", "sigma": 0.0, "freedom": 1.0},
    ),
    "data": ({"extent": 0.0, "window": None}, {"window": 0.0}),
    "network": ({"sigma_a": 0.0},),
    "time": ({"end": 0.0}, {"times": [0.0], "end": None, "outputs": None}),
    "mesh": ({"half_width": 0.0}, {"size": 0.0}),
    "pde": ({"step": 0.0, "integrator": "crank-nicolson"},),
    "training": ({"step": 0.0},),
}


@pytest.mark.parametrize(
    ("section", "edge"),
    [(section, edge) for section in EDGES for edge in (1e-12, 1e12)],
)
def test_extreme_numbers(section, edge, tmp_path, monkeypatch, capsys):
    """The smallest and largest numbers allowed compute, or end with exit code 2. `edge` replaces every 0 in EDGES."""
    monkeypatch.chdir(tmp_path)
    for index, keys in enumerate(EDGES[section]):
        values = {key: edge if value == 0 else [edge] if value == [0] else value for key, value in keys.items()}
        if section == "data" and "extent" in values:
            values["frequencies"] = [[3.0 / edge]]
        Path(f"{index}.toml").write_text(tomli_w.dumps(table(**{section: values})))
        for command in ("pde", "nn"):
            code = exit_code_of(
                lambda name=command, i=index: invoke(APP, "freqbias", [name, f"{i}.toml", "--out", f"out{i}", "-q"])
            )
            printed = capsys.readouterr().err
            assert code in (0, 2), printed
            assert "Traceback" not in printed


def test_valid_run_file(folder):
    """If the base run file were faulty, every row could fail for the wrong reason."""
    from freqbias import problem

    problem.build(problem.parse(table()))
    data = {"kind": "file", "path": str(folder / DATA / "line.npy")}
    problem.build(problem.parse(table(data=data, replace=True)))
