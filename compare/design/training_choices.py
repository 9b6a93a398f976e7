"""The best network for each loss and optimiser, and what it costs to reach the same error."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from freqbias.compare.design.candidates import Candidate
from freqbias.compare.design.losses import Losses
from freqbias.compare.design.prediction import Prediction, first_draw
from freqbias.compare.design.search import Search
from freqbias.compare.design.trainings import GRADIENT_DESCENT_NAME, MEAN_SQUARE_NAME

SAME = 1.05  # times the least held-out loss: losses that differ by less count as equal


@dataclass(frozen=True)
class ChoiceOfTraining:
    """The best network for a loss and an optimiser, with the width and the budget of the winner.

    value: the mean of what the search makes small over the draws. spread, ratio: for the purposes "balanced" and
    "order", the fastest over the slowest rate in the band, and the first over the last, of the first draw.
    evaluations: of the gradient, until the held-out loss is at most `level`; for other purposes, until the error in
    the band, or in its slowest part, is half of its start. Infinite if the budget does not suffice. level: SAME times
    the least held-out loss of gradient descent on the mean square, or of the first loss and optimiser if these are not
    compared; None for other purposes and criteria.
    """

    candidate: Candidate
    value: float
    spread: float
    ratio: float
    evaluations: float
    level: float | None


def choices_of_training(
    search: Search, predictions: Sequence[Prediction], best: Prediction
) -> tuple[ChoiceOfTraining, ...]:
    """Return the choice for each loss and optimiser, the best first; none if all candidates have the same."""
    means: dict[tuple[str, str], dict[Candidate, list[Prediction]]] = {}
    for each in predictions:
        candidate = each.candidate
        if (candidate.width, each.amount) == (best.candidate.width, best.amount):
            group = means.setdefault((candidate.loss, candidate.optimiser), {})
            group.setdefault(first_draw(candidate), []).append(each)
    if len(means) == 1:
        return ()
    chosen = {key: min(group.values(), key=_mean) for key, group in means.items()}
    reference = chosen.get((MEAN_SQUARE_NAME, GRADIENT_DESCENT_NAME)) or next(iter(chosen.values()))
    of_losses = isinstance(search.purpose, Losses) and search.criterion == "held-out"
    level, found = SAME * reference[0].held_out if of_losses else None, []
    for draws in chosen.values():
        first = draws[0]
        evaluations = first.best_amount
        if isinstance(search.purpose, Losses):
            evaluations = np.inf if level is None else search.purpose.evaluations(first.candidate, level, best.amount)
        spread = first.fastest / first.slowest
        found.append(ChoiceOfTraining(first.candidate, _mean(draws), spread, first.ratio, evaluations, level))
    return tuple(sorted(found, key=lambda each: each.value))


def _mean(draws: list[Prediction]) -> float:
    return float(np.mean([each.value for each in draws]))
