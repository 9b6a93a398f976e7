"""A design over losses and optimisers, against dense matrices and real trainings."""

from dataclasses import replace

import numpy as np
import pytest

from freqbias import nn
from freqbias.compare.design import Candidate, Search, design, summary
from freqbias.compare.design.trainings import loss_named, optimiser_keys, steps_of
from freqbias.compare.design.verify import verify
from freqbias.errors import InputError
from freqbias.nn import Budget, JointKernel, PredictedCurve, StepRule, step_rule
from freqbias.nn.step_rules import SOLVE_ACCURACY, solve_products
from freqbias.numerics import Lanczos
from freqbias.problem import Design, Training, squared_loss
from tests.compare.design_problems import signal

RULES = ["gradient-descent", "momentum 0.5", "momentum 0.9", "nesterov 0.9", "nesterov 0", "gauss-newton 0.01"]
LOSSES = ["mean-square", "density", "sobolev -1", "sobolev 0.5 density"]


def remaining(rule, z, steps):
    """q by explicit steps."""
    y, v = np.ones_like(z), np.zeros_like(z)
    for _ in range(steps):
        if rule.kind == "gauss-newton":
            y = y - z / (z + rule.damping) * y
            continue
        v = rule.mu * v + z * y
        y = y - (z * y + rule.mu * v if rule.kind == "nesterov" else v)
    return y


@pytest.mark.parametrize("name", RULES)
def test_step_rules(name):
    rule = step_rule(name)
    z = np.concatenate([np.geomspace(1e-6, 1, 60), np.linspace(0, min(rule.limit(), 2), 41)])
    # where the roots of the two-term recursion coincide
    critical = [(1 - np.sqrt(rule.mu)) ** 2, 1 - 4 * rule.mu / (1 + rule.mu) ** 2]
    z = np.concatenate([z, critical, [0.0, 1e-200]])
    for steps in (0, 1, 2, 7, 100, 1000):
        found = rule.remaining(z, steps)
        np.testing.assert_allclose(found, remaining(rule, z, steps), rtol=0, atol=1e-6)
        assert (found[-2:] == 1).all()


def test_limits():
    assert step_rule("gradient-descent").limit() == 2
    assert step_rule("nesterov 0.5").limit() == pytest.approx(1.5)
    for name in ("momentum 0.9", "nesterov 0.9"):
        rule = step_rule(name)
        assert abs(remaining(rule, np.array([0.999 * rule.limit()]), 3000)[0]) < 3
        assert abs(remaining(rule, np.array([1.01 * rule.limit()]), 3000)[0]) > 1e3


@pytest.mark.parametrize("name", ["momentum 1", "gauss-newton 0", "gauss-newton 2", "adam", "gradient-descent 1"])
def test_unknown_rules(name):
    with pytest.raises(InputError, match="is no optimiser; use"):
        step_rule(name)


def test_products_of_a_solve():
    """The first Krylov space in which the Galerkin solution has a small enough residual."""
    rng = np.random.default_rng(0)
    values, start = np.exp(-0.3 * np.arange(80)), rng.normal(size=80)
    basis = np.linalg.qr(rng.normal(size=(80, 80)))[0]
    matrix, shift = (basis * values) @ basis.T, 0.01
    lanczos = Lanczos(matrix.__matmul__, start)
    lanczos.extend(40)
    system = matrix + shift * np.eye(80)
    for count in range(1, 40):
        v = lanczos.basis[:count].T
        residual = start - system @ v @ np.linalg.solve(v.T @ system @ v, v.T @ start)
        if np.linalg.norm(residual) <= SOLVE_ACCURACY * np.linalg.norm(start):
            break
    assert solve_products(np.array(lanczos.alpha), np.array(lanczos.beta), shift) == count > 5


def dense(kernel):
    """K on the samples, and from them to the held-out samples."""
    rows = [kernel.apply(row.reshape(kernel.start.shape)) for row in np.eye(kernel.start.size)]
    return np.array([each[0].ravel() for each in rows]).T, np.array([each[1].ravel() for each in rows]).T


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("optimiser", ["gradient-descent", "nesterov 0.9", "gauss-newton 0.01"])
def test_predicted_losses(loss, optimiser):
    """On the training samples and on the held-out samples, by explicit steps with dense matrices."""
    problem = signal(width=60)
    candidate = Candidate("gaussian", 8.0, 60, 1.0, loss=loss, optimiser=optimiser)
    kernel, rule = JointKernel(candidate.problem(problem)), step_rule(optimiser)
    matrix, elsewhere = dense(kernel)
    p = loss_named(loss, problem)
    product = matrix @ p.residual(np.eye(len(matrix)))
    budget = Budget(steps=100, rule=rule)
    curve = PredictedCurve(kernel, [budget], accuracy=1e-8, metric=p.metric)
    largest = np.linalg.eigvals(product).real.max()
    assert curve.largest == pytest.approx(largest, rel=1e-6)
    u, v, w = kernel.start.ravel(), 0.0, 0.0
    for _ in range(steps_of(100, curve.cost(rule))):
        if rule.damping:
            push = np.linalg.solve(product + rule.damping * largest * np.eye(len(u)), u)
        else:
            v = rule.mu * v + u
            push = (u + rule.mu * v if rule.kind == "nesterov" else v) / largest
        w, u = w + push, u - product @ push
    held_out = kernel.held_out_start.ravel() - elsewhere @ p.residual(w)
    assert curve.training(budget) == pytest.approx(0.5 * np.mean(u**2), rel=1e-4)
    assert curve.held_out(budget) == pytest.approx(0.5 * np.mean(held_out**2), rel=1e-4)
    np.testing.assert_allclose(curve.integral(budget)[0], p.residual(w), rtol=1e-3, atol=1e-3 * np.abs(w).max())


@pytest.mark.parametrize("loss", ["mean-square", "sobolev -0.5 density"])
@pytest.mark.parametrize("optimiser", ["momentum 0.9", "gauss-newton 0.01"])
def test_real_trainings_reach_the_predicted_losses(loss, optimiser):
    problem = signal(width=16000)
    search = Search(problem, Design(steps=[60], losses=[loss], optimisers=[optimiser]))
    candidate = Candidate("gaussian", 6.0, 16000, 1.0, loss=loss, optimiser=optimiser)
    (found,) = search.compute(candidate)
    settings = Training(**optimiser_keys(step_rule(optimiser), factor=1.0, largest=found.largest))
    end = steps_of(60, found.step_cost) * settings.step
    history = nn.train(replace(candidate.problem(problem), times=np.array([0.0, end])), settings)
    assert history.held_out_loss[-1] == pytest.approx(found.held_out, rel=0.05)
    assert history.attributes["steps"] == steps_of(60, found.step_cost)
    assert squared_loss(history.error[-1]) == pytest.approx(found.training, rel=0.1)


def test_design_over_losses_and_optimisers():
    problem = signal(width=16000)
    settings = Design(
        families=["gaussian"], scale=[2.0, 16.0], scales=4, steps=[10, 40], draws=2,
        losses=["mean-square", "sobolev 0.5"], optimisers=["gradient-descent", "momentum 0.9", "gauss-newton 0.1"],
    )  # fmt: skip
    result = design(problem, settings)
    kinds = {(each.candidate.loss, each.candidate.optimiser) for each in result.predictions}
    assert len(kinds) == len(result.choices_of_training) == 6
    values = [each.value for each in result.choices_of_training]
    assert values == sorted(values) and values[0] == pytest.approx(result.mean(result.winner, result.best.amount))
    rows = {(each.candidate.loss, each.candidate.optimiser): each for each in result.choices_of_training}
    plain = rows["mean-square", "gradient-descent"]
    assert plain.evaluations <= result.best.amount
    for each in result.choices_of_training:  # at the number of evaluations, the loss is at the level, and not before
        if np.isfinite(each.evaluations):
            curve = PredictedCurve(
                JointKernel(each.candidate.problem(problem), precision="single"),
                [Budget(steps=int(each.evaluations), rule=step_rule(each.candidate.optimiser))],
                metric=loss_named(each.candidate.loss, problem).metric,
            )
            budget = Budget(steps=int(each.evaluations), rule=step_rule(each.candidate.optimiser))
            assert curve.held_out(budget) <= 1.01 * each.level
    text = summary(result)
    assert (
        "gradients to a loss of" in text
        and "first draw" in text
        and "sobolev 0.5" in text
        and "gauss-newton 0.1" in text
    )
    rows, words = verify(result)
    (winner,) = [row for row in rows if row["winner"]]
    assert "times the least held-out loss" in words
    assert winner["trained"] == pytest.approx(winner["predicted"], rel=0.15)


def test_rates_under_other_optimisers():
    """Gauss-Newton balances the learning rates, where no density does it as well."""
    problem = signal(width=4000)
    settings = Design(
        families=["gaussian"], scale=[4.0, 12.0], scales=3, steps=[300], draws=1, purpose="balanced", band=[0.5, 8.5],
        optimisers=["gradient-descent", "gauss-newton 0.001"],
    )  # fmt: skip
    result = design(problem, settings)
    assert result.winner.optimiser == "gauss-newton 0.001"
    best = {each.candidate.optimiser: each for each in sorted(result.predictions, key=lambda each: -each.value)}
    ratios = {name: each.fastest / each.slowest for name, each in best.items()}
    assert ratios["gauss-newton 0.001"] < 0.7 * ratios["gradient-descent"]
    assert "fastest / slowest rate" in summary(result) and "(1/gradient)" in summary(result)


def test_trainings_are_ranked_by_evaluations():
    """Not by time, whose unit depends on the loss: among balanced candidates the fewest evaluations win."""
    settings = Design(
        families=["gaussian"], scale=[4.0, 24.0], scales=4, steps=[300], draws=1, purpose="balanced", band=[0.5, 8.5],
        losses=["mean-square", "sobolev 1"], optimisers=["gradient-descent", "gauss-newton 0.001"],
    )  # fmt: skip
    result = design(signal(width=4000), settings)
    balanced = [each for each in result.predictions if each.fastest <= 2 * each.slowest]
    assert len({each.candidate.training for each in balanced}) > 1
    assert result.best.best_amount == min(each.best_amount for each in balanced)


@pytest.mark.parametrize("settings, message", [
    ({"losses": ["sobolev 19"]}, r'losses: "sobolev 19": .* use an order closer to 0'),
    ({"optimisers": ["momentum 1.5"]}, r'optimisers: "momentum 1.5" is no optimiser'),
    ({"optimisers": ["nesterov 0.9"], "step_factor": 1.5}, 'step_factor = 1.5: "nesterov 0.9" is stable up to 1.357'),
])  # fmt: skip
def test_refusals(settings, message):
    with pytest.raises(InputError, match=message):
        design(signal(), Design(**settings))


def test_losses_need_held_out_samples():
    with pytest.raises(InputError, match="losses are compared on held-out samples, but none are held out"):
        design(signal(held_out=0), Design(losses=["sobolev 1"]))


def test_default_rule():
    assert step_rule("momentum") == StepRule("momentum", mu=0.9)
