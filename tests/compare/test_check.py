"""`freqbias check`: what it predicts, and what it refuses or warns of."""

import re

import numpy as np
import pytest
import tomli_w

from tests.batch import attempt
from tests.compare.small_run import RUN, freqbias
from tests.launch import run_code
from tests.problem.run_files import table


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


def test_check_names_the_losses_of_equation_and_boundary(tmp_path, monkeypatch):
    """Their mean over the rows is the loss, and at the start they are those of the target."""
    monkeypatch.chdir(tmp_path)
    training = {"operator": "-laplace + 30", "boundary": 0.5, "boundary_weight": 100.0}
    (tmp_path / "run.toml").write_text(tomli_w.dumps(table(training=training, time={"end": 1e-4})))
    answer = attempt("check", "run.toml")
    numbers = r"(\S+) -> (\S+) of the equation, (\S+) -> (\S+) of the boundary"
    equation, boundary = np.array(re.search(numbers, answer.stdout).groups(), dtype=float).reshape(2, 2)
    whole = np.array(re.search(r"loss +(\S+) -> (\S+) at", answer.stdout).groups(), dtype=float)
    assert boundary[0] == 0.125 and boundary[1] != 0.125
    np.testing.assert_allclose((64 * equation + 2 * boundary) / 66, whole, rtol=1e-2)


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


def test_check_of_a_loss_that_hardly_falls(tmp_path):
    (tmp_path / "run.toml").write_text(tomli_w.dumps(table(time={"end": 1e-4}, data={"held_out": 0.04})))
    done = attempt("check", tmp_path / "run.toml")
    assert done.returncode == 0
    (warning,) = re.findall(
        r"warning: the loss falls by only ([\d.e-]+) % until the last output time; use", done.stdout
    )
    assert 0 < float(warning) < 0.1
    assert "3 samples held out" in done.stdout
