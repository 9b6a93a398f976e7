"""The prediction for a candidate, and the candidates that differ from the best only by noise."""

from dataclasses import dataclass, replace

import numpy as np

from freqbias.compare.design.candidates import Candidate

NOISE = 2.0  # standard errors within which a candidate is as good as the best
NAN = float("nan")


@dataclass(frozen=True)
class Prediction:
    """The prediction for one draw of a candidate and one budget. NaN stands for a number that is not predicted.

    amount: the number of steps, or the time. value: what the search makes as small as possible.
    largest: lambda_max of the kernel. best_amount: the number of steps, or the time, at which the held-out loss is
    least; for other purposes the number of steps that halve the error in the band, or in its slowest part.

    For the purpose "held-out": losses are half the mean square of the error, summed over channels. gcv: the estimate of
    the loss on unseen samples. psnr: the peak signal-to-noise ratio on unseen samples, in the user's units [dB]: on the
    held-out samples, or without them as the criterion estimates it.

    For the other purposes: slowest, fastest: the least and the largest learning rate in the parts of the band
    [1/time], or [1/evaluation] where losses or optimisers are compared. ratio: the rate in the first part over that in
    the last.

    step_cost: the evaluations of the gradient in a step. Steps are counted in evaluations, for all optimisers.
    """

    candidate: Candidate
    amount: float
    value: float
    largest: float
    best_amount: float
    held_out: float = NAN
    training: float = NAN
    gcv: float = NAN
    psnr: float = NAN
    slowest: float = NAN
    fastest: float = NAN
    ratio: float = NAN
    step_cost: float = 1.0


def first_draw(candidate: Candidate) -> Candidate:
    return replace(candidate, draw=0)


def within_noise(predictions: list[Prediction]) -> tuple[Candidate, dict[Candidate, bool]]:
    """Return the best candidate, and for each candidate whether it is as good as the best up to the noise of a draw.

    predictions: those of one budget. Candidates are compared by log(value / value of the best) in the draws that both
    have. A candidate with fewer draws counts with the scatter of those that have several.
    """
    values: dict[Candidate, dict[int, float]] = {}
    for each in predictions:
        values.setdefault(first_draw(each.candidate), {})[each.candidate.draw] = float(np.log(each.value))
    most = max(len(draws) for draws in values.values())
    judged = [candidate for candidate, draws in values.items() if len(draws) == most]
    best = min(judged, key=lambda candidate: float(np.mean(list(values[candidate].values()))))
    differences = {
        candidate: np.array([draws[draw] - values[best][draw] for draw in draws if draw in values[best]])
        for candidate, draws in values.items()
    }
    several = [np.var(each, ddof=1) for candidate, each in differences.items() if len(each) > 1 and candidate != best]
    scatter = float(np.sqrt(np.mean(several))) if several else 0.0
    equal = {
        candidate: bool(each.mean() <= NOISE * scatter / np.sqrt(len(each))) for candidate, each in differences.items()
    }
    return best, equal
