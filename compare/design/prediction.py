"""The predicted losses of a candidate, and the candidates whose losses differ from the best only by noise."""

from dataclasses import dataclass, replace

import numpy as np

from freqbias.compare.design.candidates import Candidate

NOISE = 2.0  # standard errors within which a candidate is as good as the best


@dataclass(frozen=True)
class Prediction:
    """The predicted losses of one draw of a candidate for one budget.

    amount: the number of steps, or the time. held_out, training: losses, half the mean square of the error, summed over
    channels; held_out is NaN without held-out samples. gcv: the estimate of the loss on unseen samples; NaN unless it
    is the criterion. best_amount: the number of steps, or the time, at which the held-out loss is least.
    largest: lambda_max of the kernel. psnr: the peak signal-to-noise ratio on unseen samples, in the user's units [dB]:
    on the held-out samples, or without them as the criterion estimates it.
    """

    candidate: Candidate
    amount: float
    held_out: float
    training: float
    gcv: float
    best_amount: float
    largest: float
    psnr: float


def criterion_value(prediction: Prediction, criterion: str) -> float:
    """Return the number that the search makes as small as possible."""
    return {"held-out": prediction.held_out, "gcv": prediction.gcv, "training-loss": prediction.training}[criterion]


def first_draw(candidate: Candidate) -> Candidate:
    return replace(candidate, draw=0)


def within_noise(predictions: list[Prediction], criterion: str) -> tuple[Candidate, dict[Candidate, bool]]:
    """Return the best candidate, and for each candidate whether it is as good as the best up to the noise of a draw.

    predictions: those of one budget. Candidates are compared by log(value / value of the best) in the draws that both
    have. A candidate with fewer draws counts with the scatter of those that have several.
    """
    values: dict[Candidate, dict[int, float]] = {}
    for each in predictions:
        values.setdefault(first_draw(each.candidate), {})[each.candidate.draw] = float(
            np.log(criterion_value(each, criterion))
        )
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
