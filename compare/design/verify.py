"""Train the winner of a design and its neighbours, to see what the choice by prediction loses."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from freqbias.compare.design.prediction import Prediction
from freqbias.compare.design.rates import BALANCED, CONDITIONAL, ORDERED, LearningRates
from freqbias.compare.design.result import DesignResult
from freqbias.compare.design.trainings import optimiser_keys, precision_of, steps_of
from freqbias.nn import plan_training, step_rule, trajectory
from freqbias.problem import Training, squared_loss
from freqbias.runtime import log

OUTPUTS = 60  # at which learning rates are measured
LONGEST = 3.0  # times the predicted number of steps that halve an error; training stops there


def verify(result: DesignResult, *, callback: Callable[[], None] = lambda: None) -> tuple[list[dict[str, Any]], str]:
    """Return a row for the winner and for both neighbours among the scales, and the regret in words.

    A network is judged by what the purpose makes small. For "held-out", this is the loss of the held-out samples. If
    none are held out, it is the loss of the training samples, for the criterion "gcv" divided by the predicted
    (tr q(K) / n)^2. The regret is the trained value of the winner over the smallest of these. For "balanced" and
    "order", networks are judged by the slowest learning rate, and the words give the rates instead.
    callback: called after every step.
    """
    best = result.best
    winner = best.candidate
    candidates = {
        each.candidate: each for each in result.predictions
        if each.amount == best.amount and replace(each.candidate, scale=winner.scale) == winner
    }  # fmt: skip
    ordered = sorted(candidates, key=lambda each: each.scale)
    place = ordered.index(winner)
    rows, values = list[dict[str, Any]](), list[float]()
    train = _train_losses if result.band is None else _train_rates
    conditional, held_out = result.criterion in CONDITIONAL, result.problem.held_out is not None

    def of(prediction: Prediction) -> float:
        if conditional:
            return prediction.slowest
        return prediction.held_out if result.band is None and held_out else prediction.value

    for candidate in ordered[max(0, place - 1) : place + 2]:
        prediction = candidates[candidate]
        trained = train(result, prediction, callback)
        log.info("design: trained %s: %.4g, predicted %.4g", candidate, of(trained), of(prediction))
        values.append(of(trained))
        row = {
            "family": candidate.family, "scale": candidate.scale, "width": candidate.width,
            "predicted": of(prediction), "trained": of(trained), "winner": int(candidate == winner),
        }  # fmt: skip
        if result.band is not None:
            row |= {"slowest_rate": trained.slowest, "fastest_rate": trained.fastest, "rate_ratio": trained.ratio}
        rows.append(row)
    own = rows[min(place, 1)]
    if conditional:
        return rows, (
            f"trained: the best has learning rates from {own['slowest_rate']:.3g} to {own['fastest_rate']:.3g} in the "
            f"band, and a ratio of the first to the last of {own['rate_ratio']:.3g}{missed_purpose(result, own)}"
        )
    names = {"band": "number of steps", "gcv": "loss by cross-validation", "training-loss": "training loss"}
    what = "held-out loss" if result.band is None and held_out else names[result.criterion]
    regret = f"{own['trained'] / min(values):.3f} times the least {what}"
    return rows, f"trained: the best has {regret} of {len(rows)} trained networks"


def missed_purpose(result: DesignResult, trained: dict[str, Any]) -> str:
    """Return what to do if the trained network does not have the learning rates of the purpose."""
    if result.criterion == "balanced":
        missed, limit = trained["fastest_rate"] / trained["slowest_rate"], BALANCED
    else:
        factor = trained["rate_ratio"] / result.settings.ratio
        missed, limit = max(factor, 1 / factor), ORDERED
    if missed <= limit:
        return ""
    return (
        f"; these rates miss the purpose, which allows a factor of {limit:g}; use a larger width, or step_factor = "
        f"{result.settings.step_factor / 2:g}"
    )


def _train_losses(result: DesignResult, prediction: Prediction, callback: Callable[[], None]) -> Prediction:
    problem, end, settings = result.problem, prediction.amount, training_of(prediction, result)
    if result.in_steps:
        end = max(1, steps_of(prediction.amount, prediction.step_cost)) * float(settings.step)
    trained = replace(prediction.candidate.problem(problem), times=np.array([0.0, end]))
    for snapshot in trajectory(plan_training(trained, settings)):
        callback()
        last = snapshot
    if problem.held_out is not None:
        loss = float(squared_loss(last.at_targets["held_out"] - problem.held_out.values))
        return replace(prediction, held_out=loss)
    divisor = prediction.training / prediction.gcv if result.criterion == "gcv" else 1.0  # (tr q(K) / n)^2
    return replace(prediction, value=last.loss / divisor)


def _train_rates(result: DesignResult, prediction: Prediction, callback: Callable[[], None]) -> Prediction:
    rates = LearningRates(result.problem, result.settings)
    settings, cost = training_of(prediction, result), prediction.step_cost
    most = max(1, steps_of(LONGEST * min(result.best.best_amount, prediction.amount), cost))
    steps = np.unique([0, *np.geomspace(1, most, OUTPUTS).round().astype(int)])
    times = steps * float(settings.step)
    problem = replace(prediction.candidate.problem(result.problem), held_out=None, times=times)
    errors = []
    for snapshot in trajectory(plan_training(problem, settings)):
        callback()
        if snapshot.output is not None:
            errors.append(snapshot.error)
    return rates.measured(cost * steps, np.array(errors), prediction)


def training_of(prediction: Prediction, result: DesignResult) -> Training:
    """Return the training of a candidate, in steps or for some time, in the precision that an operator needs."""
    precision = precision_of(result.problem)
    if not result.in_steps:
        return Training(precision=precision)
    rule, factor = step_rule(prediction.candidate.optimiser), result.settings.step_factor
    return Training(**optimiser_keys(rule, factor=factor, largest=prediction.largest), precision=precision)
