"""`freqbias.design`: its choice against real trainings, its warnings, its figure, and its words."""

from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest

from freqbias.compare.design import (
    Candidate,
    Prediction,
    Search,
    design,
    design_warnings,
    draw_design,
    summary,
    verify,
)
from freqbias.compare.design.losses import Losses
from freqbias.compare.design.prediction import within_noise
from freqbias.compare.design.words import translations
from freqbias.errors import InputError
from freqbias.nn import Budget, JointInfiniteKernel, JointKernel, PredictedCurve, plan_training, train
from freqbias.numerics import Grid
from freqbias.problem import (
    Design,
    Network,
    Samples,
    Training,
    squared_loss,
)
from tests.compare.design_problems import SETTINGS, signal

SIREN = Network(width=100, omega_0=30.0)


@pytest.fixture(scope="module")
def result():
    return design(signal(), SETTINGS)


def test_choice_is_that_of_real_trainings(result):
    problem, trained = result.problem, {}
    first = [each for each in result.predictions if each.candidate.draw == 0 and each.amount == 100]
    for each in first:
        step = 1 / each.largest
        timed = replace(each.candidate.problem(problem), times=np.array([0.0, 100 * step]))
        trained[each.candidate] = train(timed, Training(integrator="gradient-descent", step=step)).held_out_loss[-1]
        if each.candidate.scale < 15:
            assert trained[each.candidate] == pytest.approx(each.held_out, rel=0.12)
    assert len(first) >= 8
    assert trained[result.winner] <= 1.06 * min(trained.values())
    assert max(trained.values()) > 3 * min(trained.values())


def test_equal_candidates_surround_the_winner(result):
    scales = [each.scale for each in result.equals]
    assert result.winner.scale in scales and len(scales) < len({each.candidate for each in result.predictions})
    assert not design_warnings(result)


def test_signal_to_noise_ratio_is_in_the_units_of_the_user():
    problem = signal(width=60)
    values = np.concatenate([problem.samples.values, 10 * problem.samples.values + 3])
    held_out = np.concatenate([problem.held_out.values, 10 * problem.held_out.values + 3])
    plain = Samples(problem.samples.sites, values)
    kept = Samples(problem.held_out.sites, held_out, held_out=True).standardized(reference=plain)
    problem = replace(problem, samples=plain.standardized(), held_out=kept)
    settings = Design(families=["gaussian"], scale=[4.0, 8.0], scales=2, steps=[30], draws=1)
    best = design(problem, settings).best
    curve = PredictedCurve(JointKernel(best.candidate.problem(problem), precision="single"), [Budget(steps=30)])
    scale = plain.values.std(axis=1)
    error = np.mean(2 * curve.held_out_by_channel(Budget(steps=30)) * scale**2)
    assert best.psnr == pytest.approx(10 * np.log10(np.ptp(held_out) ** 2 / error), abs=0.01)


def test_training_loss_misleads():
    """It chooses a wider density than the held-out loss."""
    by_training = design(signal(), SETTINGS.model_copy(update={"criterion": "training-loss"}))
    scales, limits = by_training.limits["gaussian"]
    limit = limits[-1, list(scales).index(by_training.winner.scale)]
    assert limit < 1e-3 * by_training.best.held_out  # the curve at infinite width has the same criterion
    assert by_training.winner.scale > 1.5 * design(signal(), SETTINGS).winner.scale


def test_cross_validation_needs_no_held_out_samples(result):
    """It is nearly as good as held-out samples."""
    without = design(replace(signal(), held_out=None), SETTINGS)
    assert without.criterion == "gcv" and np.isnan(without.best.held_out)
    (_, reached) = Search(signal(), SETTINGS).compute(without.winner)
    losses = [each.held_out for each in result.predictions if each.amount == 100 and each.candidate.draw == 0]
    assert reached.held_out <= 1.15 * min(losses)
    assert "gcv" in summary(without)


def prediction(scale, draw, loss):
    return Prediction(Candidate("gaussian", scale, 10, 1.0, draw), 1.0, loss, 1.0, 1.0)


def test_noise_of_a_draw():
    draws = {1.0: [1.0, 1.2, 0.8], 2.0: [1.05, 1.15, 0.9], 3.0: [2.0, 2.4, 1.7], 4.0: [1.05], 5.0: [4.0]}
    best, equal = within_noise(
        [prediction(scale, draw, loss) for scale, losses in draws.items() for draw, loss in enumerate(losses)]
    )
    assert best.scale == 1.0
    assert {candidate.scale for candidate, good in equal.items() if good} == {1.0, 2.0, 4.0}


def test_families_widths_and_output_weights():
    settings = Design(
        families=["laplace", "uniform", "ball", "student-t"], scale=[4.0, 8.0], scales=2, widths=[60, 200],
        sigma_a=[0.5, 1.0], times=[3.0, 30.0], draws=1,
    )  # fmt: skip
    found = design(signal(), settings)
    tried = {each.candidate for each in found.predictions}
    assert {(each.family, each.width, each.sigma_a) for each in tried} == {
        (family, width, sigma_a) for family in settings.families for width in (60, 200) for sigma_a in (0.5, 1.0)
    }
    assert sorted({each.amount for each in found.predictions}) == [3.0, 30.0]
    assert list(found.choices) == [(60, 3.0), (60, 30.0), (200, 3.0), (200, 30.0)]
    assert found.winner.width == 200
    assert found.rows()[0].keys() >= {"time", "best_time"}


def test_verified_cross_validation_is_that_of_the_trained_network():
    """A wide network trains as predicted, so the trained value is the predicted one, and not the training loss."""
    settings = Design(families=["gaussian"], scale=[3.0, 12.0], scales=3, steps=[20], draws=1, criterion="gcv")
    wide = replace(signal(width=10_000), held_out=None)
    rows, text = verify(design(wide, settings))
    for row in rows:
        assert row["trained"] == pytest.approx(row["predicted"], rel=0.05)
    assert "the least loss by cross-validation of" in text


def test_warnings():
    edge = design(signal(), SETTINGS.model_copy(update={"scale": [1.0, 3.0], "scales": 3}))
    assert edge.winner.scale == 3.0 and "is the largest that was tried" in design_warnings(edge)[0]
    few = SETTINGS.model_copy(update={"scales": 3, "draws": 1})
    coarse = design(signal(), few.model_copy(update={"scale": [1e-6, 1e6]}))
    assert "the scales are far apart" in design_warnings(coarse)[0]
    noise = Samples(Grid((80,), (1.0,)), np.random.default_rng(0).normal(size=(1, 80)))
    training, held_out = noise.split(0.5, seed=1)
    unlearnt = design(replace(signal(), samples=training, held_out=held_out), few)
    assert any("no candidate learns the target" in warning for warning in design_warnings(unlearnt))
    weak = design(signal(), few.model_copy(update={"sigma_a": [0.1]}))
    assert any("sigma_a = 0.1 with long steps" in warning for warning in design_warnings(weak))
    siren = replace(weak, problem=replace(weak.problem, network=SIREN, laws=None))
    assert not any("sigma_a" in warning for warning in design_warnings(siren))  # its authors choose it small
    careful = design(signal(), few.model_copy(update={"sigma_a": [0.1], "step_factor": 0.2}))
    assert not any("long steps" in warning for warning in design_warnings(careful))


def test_verification(result):
    rows, text = verify(result)
    assert [row["winner"] for row in rows].count(1) == 1 and len(rows) == 3
    winner = next(row for row in rows if row["winner"])
    assert winner["trained"] == pytest.approx(winner["predicted"], rel=0.1)
    assert f"{winner['trained'] / min(row['trained'] for row in rows):.3f} times" in text


def test_words_of_other_programs():
    """A Gaussian of standard deviation 3 cycles per unit length, on a box of length 2."""
    sites = Grid((8, 8), (2.0, 1.0))
    tancik, siren, octaves = translations(Candidate("gaussian", 3.0, 10, 1.0), sites)
    assert "sigma = 6 of B" in tancik  # 6 cycles over the box
    radius = np.sqrt(3) * 3  # of the uniform density with the same standard deviation, for x in [-1, 1]
    assert f"omega_0 = {2 * np.pi * 2 * radius:.3g}" in siren
    assert octaves.startswith("5 octaves")  # the highest has 2^3 = 8 cycles over the half of the box, 2.6 deviations
    uniform, *_ = translations(Candidate("uniform", 3.0, 10, 1.0), sites)
    assert f"sigma = {6 / np.sqrt(3):.3g} of B" in uniform


def test_more_neurons_gain_little(result):
    """Doubling the width: the loss is that at infinite width plus c / width."""
    width, (scales, limits) = result.sufficient_width(), result.limits["gaussian"]
    limit = limits[[20.0, 100.0].index(result.best.amount), list(scales).index(result.winner.scale)]
    exact = PredictedCurve(JointInfiniteKernel(result.winner.problem(result.problem)), [Budget(steps=100)])
    assert limit == pytest.approx(exact.held_out(Budget(steps=int(result.best.amount))), rel=5e-3)
    c = (result.mean(result.winner, result.best.amount) - limit) * result.winner.width
    gain = (c / width - c / (2 * width)) / (limit + c / width)
    assert gain == pytest.approx(0.05, rel=0.02)
    siren = replace(result, problem=replace(result.problem, network=SIREN, laws=None))
    assert siren.sufficient_width() == width  # steps are as long as the kernel allows
    timed = siren.settings.model_copy(update={"steps": None, "times": [20.0, 100.0]})
    assert replace(siren, settings=timed).sufficient_width() is None  # a wider SIREN learns faster


def test_infinite_width_is_that_of_the_winner():
    """Of its draw, its width and the full accuracy, although other widths and draws have the same scale."""
    problem = signal(width=60)
    problem = replace(problem, network=problem.network.model_copy(update={"symmetric": False}))
    search = Search(problem, SETTINGS.model_copy(update={"scale": [3.0, 9.0], "scales": 3, "widths": [60, 80]}))
    for width in (60, 80):
        search._scales = [3.0, 9.0]
        search._try(Candidate("gaussian", scale, width, 1.0, draw) for scale in (3.0, 9.0) for draw in (0, 1))
    winner = Candidate("gaussian", 3.0, 60, 1.0)
    scales, values = search.limit("gaussian", winner)
    assert scales.tolist() == [3.0, 9.0]
    assert values[:, 0].tolist() == search.purpose.limit(winner, rough=False)


def test_infinite_width_has_the_output_weights_of_the_winner():
    """Not those that were tried first; and it starts where a network that is not symmetric does."""
    settings = Design(families=["gaussian"], scale=[4.0, 8.0], scales=2, sigma_a=[1.0, 0.01], steps=[30], draws=1)
    found = design(signal(width=60), settings)
    assert found.winner.sigma_a == 0.01
    alone = design(signal(width=60), settings.model_copy(update={"sigma_a": [0.01]}))
    for one, other in zip(found.limits["gaussian"], alone.limits["gaussian"], strict=True):
        np.testing.assert_array_equal(one, other)
    problem = signal(width=60)
    problem = replace(problem, network=problem.network.model_copy(update={"symmetric": False}))
    limit, drawn = JointInfiniteKernel(problem), JointKernel(problem)
    np.testing.assert_allclose(limit.start, drawn.start, rtol=0, atol=1e-10)
    np.testing.assert_allclose(limit.held_out_start, drawn.held_out_start, rtol=0, atol=1e-10)
    assert np.abs(limit.start + problem.samples.values).max() > 0.1


def test_start_is_that_of_the_criterion(result):
    """A warning that nothing is learnt compares losses on the same samples."""
    problem = result.problem
    loud = replace(problem.held_out, values=100 * problem.held_out.values)
    predictions = tuple(replace(each, value=0.95 * squared_loss(loud.values)) for each in result.predictions)
    changed = replace(result, problem=replace(problem, held_out=loud), predictions=predictions)
    (warning,) = design_warnings(changed)[-1:]
    assert f"it is {squared_loss(loud.values):.3g} at the start" in warning


def test_figure(result, tmp_path):
    figure = draw_design(result, tmp_path / "design.png")
    (panel,) = figure.axes
    labels = [line.get_label() for line in panel.get_lines()]
    assert "20 steps" in labels and "100 steps" in labels and "infinite width" in labels
    assert panel.get_xscale() == "log" and "held-out loss" in panel.get_ylabel()


def test_neighbours_are_verified_with_their_own_steps(result):
    with patch("freqbias.compare.design.verify.plan_training", side_effect=plan_training) as planned:
        verify(result)
    found = {(call.args[0].density.sigma, round(call.args[1].step, 12)) for call in planned.call_args_list}
    expected = {(each.candidate.scale, round(1 / each.largest, 12)) for each in result.predictions}
    assert len(found) == 3 and found <= expected


def test_initial_errors_of_one_network_are_refused():
    problem = signal(held_out=0)
    with pytest.raises(InputError, match=r"\[pde\] initial gives the initial error of one network"):
        design(replace(problem, initial_error=-problem.samples.values), SETTINGS)


def test_gauss_newton_is_refused():
    with pytest.raises(InputError, match=r'chooses the optimiser; use \[training\] integrator = "gradient-descent"'):
        design(replace(signal(held_out=0), gauss_newton=1e-3), SETTINGS)


def test_verify_compares_held_out_losses_whatever_the_criterion():
    settings = Design(families=["gaussian"], scale=[3.0, 12.0], scales=3, steps=[20], draws=1, criterion="gcv")
    found = design(signal(width=10_000), settings)
    rows, text = verify(found)
    predicted = {each.candidate.scale: each.held_out for each in found.predictions}
    for row in rows:
        assert row["predicted"] == predicted[row["scale"]]
        assert row["trained"] == pytest.approx(row["predicted"], rel=0.05) and row["trained"] != row["predicted"]
    assert "the least held-out loss of" in text


def test_cross_validation_resolves_small_losses():
    """It divides by a small number, so the training loss must be right far below the loss at the start."""
    grid = Grid((200,), (1.0,))
    smooth = Samples(grid, np.exp(-20 * grid.axes()[0] ** 2)[None])
    problem = replace(signal(width=2000), samples=smooth, held_out=None)
    candidate, budget = Candidate("gaussian", 1.363, 2000, 1.0), Budget(steps=10_000)
    (found,), converged = Losses(problem, Design(criterion="gcv", steps=[10_000]))(candidate)
    exact = PredictedCurve(JointKernel(candidate.problem(problem)), [budget], floor=1e-10).training(budget)
    assert converged and found.training == pytest.approx(exact, rel=0.1)
