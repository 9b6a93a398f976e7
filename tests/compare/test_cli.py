"""The `freqbias` command: fast --help, one message under mpirun, and a full run from one run file."""

import logging
import os
import re
from pathlib import Path

import numpy as np
import pytest
import tomli_w

from freqbias.compare.commands import app, doctor, run_files
from freqbias.errors import InputError, UsageError
from freqbias.problem import load
from freqbias.runtime.commandline import invoke
from tests.batch import attempt
from tests.launch import run_code
from tests.problem.run_files import table

RUN = """
name = "small"
density = { kind = "gaussian", sigma = 10.0 }
data = { kind = "waves", dimension = 1, points = 64, frequencies = [[3.0]], window = 0.1 }
network = { width = 500, sigma_a = 1.0 }
time = { times = [10.0, 40.0] }
pde = { tolerance = 0.01 }
"""
COMMANDS = ["run", "check", "mesh", "pde", "nn", "ntk", "compare", "kappa", "figures", "view", "doctor"]


@pytest.fixture
def small(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(RUN)
    log = logging.getLogger("freqbias")
    handlers, level, propagate = log.handlers[:], log.level, log.propagate
    yield tmp_path
    log.handlers[:], log.propagate = handlers, propagate
    log.setLevel(level)


def freqbias(*arguments: str) -> int:
    return invoke(app.build_app(), "freqbias", list(arguments))


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


def test_check_predicts_the_run(small, capsys, undrawn):
    assert freqbias("check", "small.toml") == 0
    printed = capsys.readouterr().out
    assert {path.name for path in small.iterdir()} == {"small.toml"}
    assert "64 points over 1" in printed and "warning: [network] width = 500" in printed and "is valid" in printed
    loss = [float(value) for value in re.search(r"loss +(\S+) -> (\S+) at infinite width", printed).groups()]
    dofs = re.search(r"([\d,]+) dofs", printed)[1]
    products, steps = re.findall(r", ([\d,]+) steps", printed)

    assert freqbias("run", "small.toml", "-q") == 0
    capsys.readouterr()
    assert freqbias("run", "small.toml", "--resume") == 0
    summary, messages = capsys.readouterr()
    assert messages.count("finished already") == 4
    rows = {line[:8].strip(): line for line in summary.splitlines()}
    assert f"{dofs} dofs" in rows["size"] and "500 neurons" in rows["size"]
    found = [int(number) for number in re.findall(r"\d+", rows["steps"])]
    assert found[1] == int(steps) and abs(found[0] - int(products)) <= 2
    start, end = re.search(r"([\d.e-]+) -> ([\d.e-]+)", rows["loss"]).groups()
    assert float(start) == pytest.approx(loss[0], rel=1e-2) and float(end) == pytest.approx(loss[1], rel=2e-2)
    assert "compare/figure4.png" in summary and "error relative to v(0)" in summary
    for cause in ("feature learning", "step size", "finite width", "mesh"):
        assert re.search(rf"^  due to {cause} +median .* %, worst .* % at t = ", summary, re.MULTILINE)


def test_check_reports_held_out_and_noise(small, capsys):
    run = RUN.replace("data = {", "data = { held_out = 0.25, noise = 0.05,").replace("[10.0, 40.0]", "[100.0, 1e4]")
    (small / "small.toml").write_text(run)
    assert freqbias("check", "small.toml") == 0
    printed = capsys.readouterr().out
    assert "48 of the 64 points over 1" in printed
    assert "16 samples held out, noise of standard deviation 0.05 on the training samples" in printed
    words = r"with noise of standard deviation 0.05 in the labels, the expected loss without noise is \S+ -> \S+, least"
    assert re.search(words, printed) and "the training learns the noise of the labels" in printed


def test_check_estimates_the_noise_level(small, capsys):
    x = np.linspace(-0.5, 0.5, 200, endpoint=False)
    np.save("a.npy", 20 * np.sin(20 * x) + 4 * np.random.default_rng(0).normal(size=200))
    data = 'data = { kind = "file", path = "a.npy", standardize = true, noise_level = "estimate" }'
    (small / "small.toml").write_text(re.sub("data = .*", data, RUN))
    assert freqbias("check", "small.toml") == 0
    found = re.search(r"with noise of standard deviation (\S+) in the labels", capsys.readouterr().out)
    assert float(found[1]) == pytest.approx(4, rel=0.1)


def test_check_warns_of_narrow_and_long(small, capsys):
    deep = RUN.replace("width = 500,", "width = 2000, hidden_width = 20, depth = 3,").replace("40.0]", "1e10]")
    (small / "small.toml").write_text(deep)
    assert freqbias("check", "small.toml") == 0
    printed = capsys.readouterr().out
    assert "[network] hidden_width = 20: the equation describes wide networks" in printed
    assert "[network] width" not in printed
    assert re.search(r"the training would take \d+ d .*use a shorter \[time\] end", printed)


@pytest.mark.parametrize("frozen", [True, False])
def test_check_of_a_positional_encoding(frozen, small, capsys):
    """With frozen frequencies, the network has the kernel of infinite width at any width."""
    text = RUN.replace('kind = "gaussian", sigma = 10.0', 'kind = "octaves", scale = 1.0, count = 5')
    (small / "small.toml").write_text(text + "training = { rates = { frequencies = 0.0 } }\n" * frozen)
    assert freqbias("check", "small.toml") == 0
    assert ("the equation describes wide networks" in capsys.readouterr().out) == (not frozen)


def test_check_warns_of_values_that_are_large_for_the_width(tmp_path):
    """The first steps are much shorter than those of the linearised network, which are all that can be planned."""
    run = table(data=None, network={"width": 400}) | {"data": {"kind": "file", "path": "sine.npy"}}
    (tmp_path / "run.toml").write_text(tomli_w.dumps(run))

    def check(scale: float) -> str:
        np.save(tmp_path / "sine.npy", scale * np.sin(6 * np.pi * (np.arange(32) + 0.5) / 32))
        done = attempt("check", tmp_path / "run.toml")
        assert done.returncode == 0
        return done.stdout

    large, small = check(1e4), check(1.0)
    at_least = re.search(r"rk4, at least ([\d,]+) steps\n", large)[1]
    planned = re.search(r"rk4, ([\d,]+) steps\n", small)[1]
    assert int(at_least.replace(",", "")) > 10 * int(planned)
    assert "the values are large for the width" in large
    assert "the values are large for the width" not in small


@pytest.mark.parametrize("command", ["run", "pde", "figures"])
def test_an_empty_folder_is_refused(command, small):
    """As from an unset variable of a job script. It would be the current folder."""
    done = attempt(command, *(["small.toml"] if command != "figures" else []), "--out", "")
    assert done.returncode == 2 and '--out "": the name of the folder is empty' in done.stderr
    assert {path.name for path in small.iterdir()} == {"small.toml"}


def test_check_states_the_first_step_that_is_taken(tmp_path):
    """A step ends at each output time, here every 1."""
    training = {"integrator": "gradient-descent", "step": 5.0}
    (tmp_path / "run.toml").write_text(tomli_w.dumps(table(training=training)))
    done = attempt("check", tmp_path / "run.toml")
    assert done.returncode == 0 and "first step 1, lambda_max" in done.stdout


def test_check_refuses_before_slow_imports(small):
    (small / "small.toml").write_text(RUN.replace("width = 500,", "width = 500, hidden_width = 20,"))
    answer = run_code(
        "import sys; from freqbias.compare.commands import app; from freqbias.runtime.commandline import invoke\n"
        "try: invoke(app.build_app(), 'freqbias', ['check', 'small.toml'])\n"
        "except ValueError as failure: print(failure, [m for m in ('torch', 'dolfinx') if m in sys.modules])"
    )
    assert "hidden_width = 20" in answer.stdout and answer.stdout.strip().endswith("[]"), answer.stderr


def test_check_refuses_like_the_stage(small):
    (small / "small.toml").write_text(RUN.replace("pde = {", 'pde = { operator = "local",'))
    with pytest.raises(ValueError, match="local") as caught:
        freqbias("check", "small.toml")
    assert caught.value.exit_code == 2


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
    expected = f"error: figure {number} does not exist; choose from 1, 2, 3, 4, 5, 6\n"
    assert (done.returncode, done.stderr) == (2, expected)
    assert not (tmp_path / "out").exists()


def test_check_of_a_loss_that_hardly_falls(tmp_path):
    (tmp_path / "run.toml").write_text(tomli_w.dumps(table(time={"end": 1e-4}, data={"held_out": 0.04})))
    done = attempt("check", tmp_path / "run.toml")
    assert done.returncode == 0
    (warning,) = re.findall(
        r"warning: the loss falls by only ([\d.e-]+) % until the last output time; use", done.stdout
    )
    assert 0 < float(warning) < 0.1
    assert "3 samples held out" in done.stdout


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
