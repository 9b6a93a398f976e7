"""A design for the loss that [training] states: weights from a file, and a differential operator with its boundary."""

from dataclasses import replace

import numpy as np
import pytest

from freqbias.compare.design import Candidate, Search, check_design, design
from freqbias.compare.design.losses import Losses
from freqbias.compare.design.rates import LearningRates, target_band
from freqbias.compare.design.trainings import joint_kernel, precision_of
from freqbias.compare.design.verify import training_of, verify
from freqbias.compare.stages.design_stage import winning_run
from freqbias.errors import InputError
from freqbias.nn import JointKernel
from freqbias.numerics import DifferentialOperator, Grid, scale_range, subset
from freqbias.problem import (
    Design,
    Gaussian,
    Network,
    NtkBlockSquare,
    Problem,
    RunFile,
    Samples,
    WeightedSquare,
    box_boundary,
    build,
    operator_samples,
)
from tests.compare.design_problems import signal
from tests.nn.operator_cases import helmholtz
from tests.operator_oracle import gaussian_kernel, identity

GRID, SIGMA_A = Grid((40,), (1.0,)), 0.3
TRAINED, HELD_OUT = np.flatnonzero(np.arange(40) % 4 != 1), np.flatnonzero(np.arange(40) % 4 == 1)


def residual_problem(*, width=60, operator=None):
    """-f'' + 30 f = g with f = 0 at both ends, NTK weights, and every fourth row held out."""
    operator = operator or DifferentialOperator({(2,): -1.0, (0,): 30.0})
    x = GRID.positions()[:, 0]
    values = (np.sin(4 * np.pi * x) + np.sin(10 * np.pi * x))[None]
    parts = (
        Samples(subset(GRID, indices), values[:, indices], held_out=not k)
        for k, indices in enumerate((HELD_OUT, TRAINED))
    )
    held_out, training = parts
    rows = operator_samples(training, operator, box_boundary(GRID, 1, 0.0, 1))
    problem = Problem(
        Gaussian(2.0), rows, Network(width=width, sigma_a=SIGMA_A), np.array([0.0, 1.0]),
        held_out=operator_samples(held_out, operator),
    )  # fmt: skip
    return replace(problem, loss=NtkBlockSquare(problem.laws, problem.sites))


def ntk_weights_of(diagonal, first):
    """P of the NTK weights, (N,). diagonal: of the kernel. first: N_r."""
    traces, n = (diagonal[:first].sum(), diagonal[first:].sum()), len(diagonal)
    counts = [first, n - first]
    return np.repeat([sum(traces) / trace * n / count for trace, count in zip(traces, counts, strict=True)], counts)


def descent(problem, sigma, steps):
    """Explicit steps of 1/lambda_max with the drawn kernel and exact NTK weights: u and the held-out error, by step."""
    density, laws = Gaussian(sigma), None
    kernel = JointKernel(replace(problem, density=density, laws=laws))
    columns = [kernel.apply(row[None]) for row in np.eye(problem.sites.size)]
    matrix, elsewhere = (np.array([column[k][0] for column in columns]).T for k in (0, 1))
    blocks = [(helmholtz, problem.sites.interior.positions()), (identity, problem.sites.boundary.points)]
    diagonal = np.diag(gaussian_kernel(blocks, sigma, SIGMA_A))
    p = ntk_weights_of(diagonal, len(TRAINED))
    step = 1 / np.abs(np.linalg.eigvals(matrix * p)).max()
    u, v = kernel.start[0], kernel.held_out_start[0]
    yield u, v
    for _ in range(steps):
        u, v = u - step * matrix @ (p * u), v - step * elsewhere @ (p * u)
        yield u, v


@pytest.mark.parametrize("sigma", [1.5, 4.0])
def test_held_out_residual(sigma):
    """The NTK weights are those of each candidate, not of the run file."""
    problem = residual_problem()
    (found,), converged = Losses(problem, Design(steps=[200]))(
        Candidate("gaussian", sigma, 60, SIGMA_A, loss="training")
    )
    *_, (u, v) = descent(problem, sigma, 200)
    assert converged
    assert found.held_out == found.value == pytest.approx(0.5 * np.mean(v**2), rel=1e-2)
    assert found.training == pytest.approx(0.5 * np.mean(u**2), rel=1e-2)


def test_rates_of_the_residual():
    """The number of steps that halve the part of L f - g in the band."""
    problem, sigma = residual_problem(), 3.0
    settings = Design(purpose="band", band=[4.5, 5.5], steps=[2000])
    candidate = Candidate("gaussian", sigma, 60, SIGMA_A, loss="training")
    (found,), _ = LearningRates(problem, settings)(candidate)
    x = problem.sites.interior.positions()[:, 0]
    amplitude = np.abs([u[: len(x)] @ np.exp(-2j * np.pi * 5 * x) for u, _ in descent(problem, sigma, 2000)])
    after = int(np.argmax(amplitude <= 0.5 * amplitude[0]))
    assert 5 < after < 2000
    assert found.best_amount == pytest.approx(after, abs=1.01)


@pytest.mark.parametrize("steps", [50, 400])
def test_limit_at_infinite_width(steps):
    """By explicit steps with the exact kernel, and the NTK weights of the candidate."""
    problem, sigma = residual_problem(), 3.0
    losses = Losses(problem, Design(steps=[steps]))
    (found,) = losses.limit(Candidate("gaussian", sigma, 60, SIGMA_A, loss="training"), rough=False)
    rows = problem.sites
    blocks = [(helmholtz, rows.interior.positions()), (identity, rows.boundary.points)]
    whole = gaussian_kernel([*blocks, (helmholtz, problem.held_out.sites.positions())], sigma, SIGMA_A) / rows.size
    n, first = rows.size, len(TRAINED)
    p = ntk_weights_of(np.diag(whole)[:n], first)
    step = 1 / np.abs(np.linalg.eigvals(whole[:n, :n] * p)).max()
    u, v = -problem.samples.values[0], -problem.held_out.values[0]
    for _ in range(steps):
        u, v = u - step * whole[:n, :n] @ (p * u), v - step * whole[n:, :n] @ (p * u)
    assert found == pytest.approx(0.5 * np.mean(v**2), rel=1e-2)


def test_default_scales_and_band_are_those_of_the_rows():
    problem = residual_problem()
    predictions = Search(problem, Design(families=["gaussian"], scales=2, steps=[20], draws=1)).run()
    scales = sorted({each.candidate.scale for each in predictions})
    assert (scales[0], scales[-1]) == pytest.approx(scale_range(problem.sites.interior), rel=1e-3)
    values = Samples(problem.sites.interior, problem.samples.values[:, : len(TRAINED)])
    plain = Problem(Gaussian(2.0), values, Network(width=60, sigma_a=1.0), np.array([0.0, 1.0]))
    assert target_band(problem) == target_band(plain)


def test_verify_trains_in_the_precision_of_the_run_file():
    problem = residual_problem()
    result = design(problem, Design(families=["gaussian"], scale=[1.0, 4.0], scales=2, steps=[20], draws=1))
    assert training_of(result.best, result).precision == "double"
    u = np.random.default_rng(0).standard_normal(problem.samples.values.shape)
    found, expected = joint_kernel(problem).apply(u)[0], JointKernel(problem, precision="double").apply(u)[0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11 * np.abs(expected).max())
    assert precision_of(problem) == "double" and precision_of(signal()) == "single"


def test_feature_learning_follows_the_loss():
    """The parameters move along P w."""
    plain = signal(width=60)
    problem = replace(plain, loss=WeightedSquare(np.linspace(0.05, 1.0, plain.sites.size)))
    search = Search(problem, Design(steps=[20]))
    (found,) = search.compute(candidate := Candidate("gaussian", 6.0, 60, 1.0, loss="training"))
    kernel, p = JointKernel(candidate.problem(problem)), problem.loss.weights
    matrix = np.array([kernel.apply(row[None])[0][0] for row in np.eye(len(p))]).T
    step = 1 / np.abs(np.linalg.eigvals(matrix * p)).max()
    u, w = kernel.start[0], np.zeros(len(p))
    for _ in range(20):
        u, w = u - step * matrix @ (p * u), w + step * p * u
    expected = kernel.feature_learning(w[None], u[None]) / np.sqrt(2 * found.held_out)
    assert search.feature_learning(found) == pytest.approx(expected, rel=0.02)


def test_the_default_is_the_loss_of_the_run_file():
    problem = signal(held_out=0, width=200)
    keys = {"families": ["gaussian"], "scale": [4.0, 12.0], "scales": 2, "steps": [20], "draws": 1}
    default, named = (design(problem, Design(**keys, losses=losses)) for losses in (None, ["training"]))
    assert default.predictions == named.predictions
    both = Search(problem, Design(**keys, losses=["training", "mean-square"])).run()
    assert len(both) == len(default.predictions)
    rates = [
        design(problem, Design(**keys, purpose="balanced", band=[0.5, 8.5], losses=losses)).best.slowest
        for losses in (None, ["training"])
    ]
    assert rates[0] == rates[1]


def test_short_steps_are_valid():
    """Derivatives of order 4 make the learning fast."""
    operator = DifferentialOperator({(4,): 1.0})
    problem = residual_problem(operator=operator)
    result = design(problem, Design(families=["gaussian"], scale=[6.0, 8.0], scales=2, steps=[20], draws=1))
    run = run_file(density={"kind": "gaussian", "sigma": 3.0}, training={"operator": "dxxxx"})
    tables = winning_run(run, result)
    assert 0 < tables["training"]["step"] < 1e-12
    type(run).model_validate(tables)


def test_design_and_trainings():
    problem = residual_problem(width=8000)
    result = design(problem, Design(families=["gaussian"], scale=[1.0, 8.0], scales=4, steps=[300], draws=2))
    assert {each.candidate.loss for each in result.predictions} == {"training"}
    rows, words = verify(result)
    assert "times the least held-out loss of 3 trained networks" in words
    for row in rows:
        assert row["trained"] == pytest.approx(row["predicted"], rel=0.05)


def test_weights_of_the_run_file():
    """They are the default, and can be compared with other losses."""
    plain = signal(width=2000)
    loss = WeightedSquare(np.linspace(0.05, 1.0, plain.sites.size))
    problem = replace(plain, loss=loss)
    settings = Design(families=["gaussian"], scale=[4.0, 12.0], scales=3, steps=[50], draws=1)
    (stated,), _ = Losses(problem, settings)(candidate := Candidate("gaussian", 6.0, 2000, 1.0, loss="training"))
    kernel = JointKernel(candidate.problem(problem))
    rows = [kernel.apply(row[None]) for row in np.eye(problem.sites.size)]
    matrix, elsewhere = (np.array([each[k][0] for each in rows]).T for k in (0, 1))
    step = 1 / np.abs(np.linalg.eigvals(matrix * loss.weights)).max()
    u, v = kernel.start[0], kernel.held_out_start[0]
    for _ in range(50):
        u, v = u - step * matrix @ (loss.weights * u), v - step * elsewhere @ (loss.weights * u)
    assert stated.held_out == pytest.approx(0.5 * np.mean(v**2), rel=1e-2)
    assert {each.candidate.loss for each in design(problem, settings).predictions} == {"training"}
    both = design(problem, settings.model_copy(update={"losses": ["training", "mean-square"]}))
    alone = design(plain, settings)
    assert {each.loss for each in (choice.candidate for choice in both.choices_of_training)} == {
        "training",
        "mean-square",
    }
    assert min(each.value for each in both.predictions if each.candidate.loss == "mean-square") == pytest.approx(
        alone.best.value, rel=1e-6
    )


def run_file(**tables):
    return RunFile(
        name="stated",
        data={"kind": "waves", "dimension": 1, "points": 40, "frequencies": [[2.0], [5.0]], "held_out": 0.25},
        network={"width": 2000, "sigma_a": 1.0}, time={"end": 1.0}, **tables,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("training", "losses", "kept"),
    [
        ({"operator": "-laplace + 30", "boundary": 0.0, "boundary_weight": "ntk"}, None, True),
        ({"loss": "sobolev", "order": -0.5, "cutoff": 6.0}, None, True),
        ({"loss": "sobolev", "order": -0.5, "cutoff": 6.0}, ["mean-square"], False),
        ({"loss": "sobolev", "order": -0.5, "cutoff": 6.0}, ["sobolev 0.5"], False),
    ],
)
def test_run_file_of_the_winner(training, losses, kept):
    run = run_file(density={"kind": "gaussian", "sigma": 3.0}, training=training)
    settings = Design(families=["gaussian"], scale=[1.0, 4.0], scales=2, steps=[20], draws=1, losses=losses)
    tables = winning_run(run, design(build(run), settings))
    if kept:
        stated = run.model_dump()["training"]
        assert {name: stated[name] for name in training} == {name: tables["training"][name] for name in training}
    else:
        assert "cutoff" not in tables["training"]
        assert tables["training"].get("order") == (None if losses == ["mean-square"] else 0.5)
    build(type(run).model_validate(tables))  # the file is valid


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"losses": ["mean-square"]}, "the loss is that of the operator; leave losses out"),
        ({"optimisers": ["gauss-newton 0.01"]}, '"gauss-newton 0.01" is not for .training. operator'),
        ({"criterion": "gcv"}, 'criterion = "gcv" is for the mean square'),
        (
            {"families": ["gaussian", "student-t"]},
            r'families: "student-t": .* need a power above 9 for a finite kernel',
        ),
    ],
)
def test_what_does_not_fit_an_operator(settings, message):
    problem = residual_problem(operator=DifferentialOperator({(4,): 1.0}))
    with pytest.raises(InputError, match=message):
        check_design(problem, Design(**settings))


def test_a_stated_loss_needs_held_out_samples():
    problem = signal(held_out=0)
    with pytest.raises(InputError, match=r"none are held out; set \[data\] held_out"):
        check_design(replace(problem, loss=WeightedSquare(np.linspace(1, 2, problem.sites.size))), Design())
    problem = replace(residual_problem(), held_out=None)
    with pytest.raises(InputError, match=r"set \[data\] held_out"):
        check_design(problem, Design())
