"""Train the winner of a design and its neighbours, to see what the choice by prediction loses."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from freqbias.compare.design.prediction import criterion_value
from freqbias.compare.design.result import DesignResult
from freqbias.nn import plan_training, trajectory
from freqbias.problem import Training, squared_loss
from freqbias.runtime import log


def verify(result: DesignResult, *, callback: Callable[[], None] = lambda: None) -> tuple[list[dict[str, Any]], str]:
    """Return a row for the winner and for both neighbours among the scales, and the regret in words.

    The trained loss is that of the held-out samples, or of the training samples if none are held out. The regret is the
    trained loss of the winner over the smallest of these. callback: called after every step.
    """
    best, problem = result.best, result.problem
    winner = best.candidate
    candidates = {
        each.candidate: each for each in result.predictions
        if each.amount == best.amount and replace(each.candidate, scale=winner.scale) == winner
    }  # fmt: skip
    ordered = sorted(candidates, key=lambda each: each.scale)
    place = ordered.index(winner)
    rows, losses = list[dict[str, Any]](), list[float]()
    for candidate in ordered[max(0, place - 1) : place + 2]:
        prediction = candidates[candidate]
        end, settings = best.amount, Training()
        if result.in_steps:
            step = result.settings.step_factor / prediction.largest
            end, settings = best.amount * step, Training(integrator="gradient-descent", step=step)
        trained = replace(candidate.problem(problem), times=np.array([0.0, end]))
        for snapshot in trajectory(plan_training(trained, settings)):
            callback()
            last = snapshot
        loss = last.loss
        if problem.held_out is not None:
            loss = float(squared_loss(last.at_targets["held_out"] - problem.held_out.values))
        predicted = criterion_value(prediction, result.criterion)
        log.info("design: trained %s: loss %.4g, predicted %.4g", candidate, loss, predicted)
        losses.append(loss)
        rows.append(
            {"family": candidate.family, "scale": candidate.scale, "width": candidate.width, "predicted": predicted,
             "trained": loss, "winner": int(candidate == winner)}
        )  # fmt: skip
    regret = losses[min(place, 1)] / min(losses)
    return rows, f"trained: the best has {regret:.3f} times the least loss of {len(rows)} trained networks"
