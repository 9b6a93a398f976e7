"""The result of a design: all predictions, the winner, and the file design.csv."""

import csv
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from freqbias.compare.design.candidates import Candidate
from freqbias.compare.design.checks import check_design
from freqbias.compare.design.prediction import Prediction, first_draw, within_noise
from freqbias.compare.design.search import Search
from freqbias.compare.design.training_choices import ChoiceOfTraining, choices_of_training
from freqbias.numerics import check_kind
from freqbias.problem import Design, Problem

GAIN = 0.05  # of twice the width; below it more neurons are not worth their cost


@dataclass(frozen=True, repr=False)
class DesignResult:
    """All predictions of a design.

    problem: the problem whose network is chosen. criterion: "held-out", "gcv" or "training-loss"; for other purposes
    than "held-out" the purpose. band: the frequencies of such a purpose [cycles/length].
    feature_learning: of the winner, see `Search.feature_learning`. choices_of_training: the best network for each loss
    and optimiser; empty if only one of each was compared.
    limits: at infinite width, with the sigma_a of the winner: the scales and the criterion (budgets, scales) by family;
    empty if not computed.
    """

    problem: Problem
    settings: Design
    criterion: str
    predictions: tuple[Prediction, ...]
    limits: "dict[str, tuple[np.ndarray, np.ndarray]]"
    feature_learning: float = 0.0
    band: tuple[float, float] | None = None
    choices_of_training: "tuple[ChoiceOfTraining, ...]" = ()

    def __repr__(self) -> str:
        return f"DesignResult({self.problem.name!r}: {len(self.predictions)} predictions, winner {self.winner})"

    @cached_property
    def choices(self) -> dict[tuple[int, float], tuple[Candidate, dict[Candidate, bool]]]:
        """For each width and amount: the best candidate, and whether each candidate is as good up to noise."""
        groups: dict[tuple[int, float], list[Prediction]] = {}
        for each in self.predictions:
            groups.setdefault((each.candidate.width, each.amount), []).append(each)
        return {key: within_noise(group) for key, group in sorted(groups.items())}

    @cached_property
    def best(self) -> Prediction:
        """The first draw of the winner, with the budget for which it wins."""
        means = {(width, amount): self.mean(best, amount) for (width, amount), (best, _) in self.choices.items()}
        width, amount = min(means, key=means.__getitem__)
        winner = self.choices[width, amount][0]
        return next(each for each in self.predictions if each.candidate == winner and each.amount == amount)

    @property
    def winner(self) -> Candidate:
        return self.best.candidate

    @property
    def equals(self) -> list[Candidate]:
        """All candidates that are as good as the winner up to the noise of a draw, by scale."""
        _, equal = self.choices[self.winner.width, self.best.amount]
        return sorted((each for each, good in equal.items() if good), key=lambda each: (each.family, each.scale))

    def draws(self, candidate: Candidate, amount: float) -> list[Prediction]:
        """Return the predictions of all draws of a candidate."""
        return [
            each for each in self.predictions
            if first_draw(each.candidate) == first_draw(candidate) and each.amount == amount
        ]  # fmt: skip

    def mean(self, candidate: Candidate, amount: float) -> float:
        """Return the mean of the criterion over the draws of a candidate."""
        return float(np.mean([each.value for each in self.draws(candidate, amount)]))

    def psnr(self, candidate: Candidate, amount: float) -> float:
        """Return the mean of the predicted peak signal-to-noise ratio over the draws of a candidate [dB]."""
        return float(np.mean([each.psnr for each in self.draws(candidate, amount)]))

    @property
    def in_steps(self) -> bool:
        return self.settings.times is None

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of design.csv."""
        amount, best = ("steps", "best_step") if self.in_steps else ("time", "best_time")
        rows = []
        for each in self.predictions:
            candidate = each.candidate
            _, equal = self.choices[candidate.width, each.amount]
            rows.append(
                {
                    "family": candidate.family,
                    "scale": candidate.scale,
                    "width": candidate.width,
                    "sigma_a": candidate.sigma_a,
                    amount: int(each.amount) if self.in_steps else each.amount,
                    "draw": candidate.draw,
                    "predicted_held_out": each.held_out,
                    "predicted_training": each.training,
                    "gcv": each.gcv,
                    "psnr": each.psnr,
                    best: int(np.ceil(each.best_amount)) if self.in_steps else each.best_amount,
                    "within_noise": int(equal[first_draw(candidate)]),
                    "shape": " ".join(f"{number:g}" for number in candidate.shape),
                    "slowest_rate": each.slowest,
                    "fastest_rate": each.fastest,
                    "rate_ratio": each.ratio,
                    "loss": candidate.loss,
                    "optimiser": candidate.optimiser,
                    "step_cost": each.step_cost,
                }
            )
        return rows

    def save(self, path: Path) -> None:
        """Write design.csv: a header, and one row for each candidate, draw and budget."""
        rows = self.rows()
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, rows[0].keys())
            table.writeheader()
            table.writerows(rows)

    def sufficient_width(self) -> int | None:
        """Return the width at which twice as many neurons gain less than GAIN, or None if it is not known.

        The loss is taken to be that at infinite width plus c / width. A wider SIREN is also faster, so its losses at
        given times say nothing of this.
        """
        faster = self.problem.network.omega_0 is not None and not self.in_steps
        if self.criterion != "held-out" or self.winner.family not in self.limits or faster:
            return None
        scales, losses = self.limits[self.winner.family]
        amounts = sorted({each.amount for each in self.predictions})
        limit = float(np.interp(np.log(self.winner.scale), np.log(scales), losses[amounts.index(self.best.amount)]))
        excess = self.mean(self.winner, self.best.amount) - limit
        if excess <= 0 or limit <= 0:
            return None
        return max(2, round((0.5 - GAIN) / GAIN * excess * self.winner.width / limit))


def design(problem: Problem, settings: Design | None = None) -> DesignResult:
    """Choose the density, the width and sigma_a of a network by the predicted loss.

    problem: its density is ignored, and its network is the default for widths and sigma_a. Held-out samples of the
    problem judge the candidates, unless settings.criterion or settings.purpose says otherwise.
    Raises InputError if the criterion needs held-out samples and there are none, or if a width does not fit.
    """
    check_kind("design: problem", problem, Problem, remedy='a Problem, for example freqbias.load("RUN.toml")')
    check_kind("design: settings", settings, Design, type(None), remedy="settings of [design], for example Design()")
    settings = settings or Design()
    check_design(problem, settings)
    search = Search(problem, settings)
    return result_of(search, search.run())


def result_of(search: Search, predictions: list[Prediction]) -> DesignResult:
    """Return the result of a finished search, with the losses at infinite width."""
    result = DesignResult(search.problem, search.settings, search.criterion, tuple(predictions), {})
    families = dict.fromkeys(each.candidate.family for each in predictions)
    found = {family: search.limit(family, result.winner) for family in families}
    limits = {family: limit for family, limit in found.items() if limit is not None}
    learnt = search.feature_learning(result.best)
    result = replace(result, limits=limits, feature_learning=learnt, band=search.purpose.band)
    return replace(result, choices_of_training=choices_of_training(search, predictions, result.best))
