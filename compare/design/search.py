"""Find the density, among candidates, for which the prediction of the drawn network is best.

Each candidate needs one Krylov space, which serves all budgets. A scan over the scales is refined around the best of
each budget. The three best candidates are judged by several draws. All candidates of a draw share the random numbers,
so their difference is less random than their values.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from freqbias.compare.design.candidates import Candidate, shapes, without_optimiser
from freqbias.compare.design.losses import ROUGH, Losses
from freqbias.compare.design.prediction import Prediction
from freqbias.compare.design.rates import CONDITIONAL, LearningRates
from freqbias.compare.design.scales import between, default_scales, scale_grid
from freqbias.compare.design.trainings import GRADIENT_DESCENT_NAME, joint_kernel, losses_of
from freqbias.nn import PredictedCurve, step_rule
from freqbias.numerics import spectrum_part
from freqbias.problem import Design, Problem, squared_loss
from freqbias.runtime import log

REFINEMENTS = {"held-out": 2, "balanced": 3, "band": 3, "order": 5}  # rounds; each halves an interval of scales
PROMISING = 1.2  # a kind of candidate is refined if its best is at most this much worse than the best of all
BEST = {"held-out": 3, "balanced": 8, "band": 8, "order": 8}  # candidates that are judged by several draws
FAMILIES = {
    "held-out": ("gaussian", "laplace"),
    "balanced": ("gaussian", "laplace", "ball"),
    "band": ("gaussian", "laplace", "ball", "annulus"),
    "order": ("gaussian", "laplace"),
}

Evaluate = Callable[[Candidate], list[Prediction]]


class Search:
    """The predictions of all candidates that have been tried.

    evaluate: returns the predictions of a candidate for all budgets. By default they are computed.
    """

    def __init__(self, problem: Problem, settings: Design, evaluate: Evaluate | None = None) -> None:
        self.problem, self.settings = problem, settings
        self.purpose = Losses(problem, settings) if settings.purpose == "held-out" else LearningRates(problem, settings)
        self.evaluate = evaluate or self.compute
        self._tried: dict[Candidate, list[Prediction]] = {}

    @property
    def criterion(self) -> str:
        return self.purpose.criterion

    def run(self) -> list[Prediction]:
        """Return all predictions, in the order in which they were made."""
        settings, network = self.settings, self.problem.network
        band = self.purpose.band
        _, sites = spectrum_part(self.problem.sites)
        lower, upper = settings.scale or default_scales(sites, band, ordered=settings.purpose == "order")
        self._scales = scale_grid(lower, upper, settings.scales)
        for width in settings.widths or [network.width]:
            for sigma_a in settings.sigma_a or [network.sigma_a]:
                for family in settings.families or self._default_families(band):
                    for shape in shapes(family, band):
                        self._try(
                            Candidate(family, scale, width, sigma_a, 0, shape, loss, optimiser)
                            for loss in losses_of(self.problem, settings)
                            for scale in self._scales
                            for optimiser in settings.optimisers or [GRADIENT_DESCENT_NAME]  # they share a curve
                        )
        for k in range(REFINEMENTS[settings.purpose]):
            # The loss is smooth, so after the first round its minimum is nearer to the better neighbour. The values of
            # other purposes jump where a condition begins to hold.
            both = k == 0 or settings.purpose != "held-out"
            self._try([each for group in self._groups() for each in self._refined(group, both=both)])
        for group in self._groups():
            for index in range(len(self.purpose.budgets)):
                best = self._best(group, index)
                self._try(replace(each, draw=draw) for each in best for draw in range(1, settings.draws))
        return [prediction for predictions in self._tried.values() for prediction in predictions]

    def value(self, candidate: Candidate, index: int) -> float:
        """Return the value of a candidate for the budget of this index."""
        return self._tried[candidate][index].value

    def compute(self, candidate: Candidate, *, callback: Callable[[], None] = lambda: None) -> list[Prediction]:
        """Predict all budgets of a candidate. callback: called before every product with its kernel."""
        found, converged = self.purpose(candidate, callback=callback)
        if not converged:
            log.warning(
                "design: %s: the prediction has not converged after the largest number of products with the kernel; "
                "use fewer steps, or an earlier time", candidate,
            )  # fmt: skip
        return found

    def feature_learning(self, prediction: Prediction) -> float:
        """Return |f_1 - f_0| over the error that the criterion predicts.

        f_0 is the linearised network, and f_1 the network with the parameters that the linearised training reaches: at
        the end of the budget, or for other purposes than "held-out" when the error in the band is half of its start,
        relative to the error on the samples. |.| is the root mean square over the samples, summed over channels.
        """
        problem = prediction.candidate.problem(self.problem)
        kernel = joint_kernel(problem)
        (budget,) = [each for each in self.purpose.budgets if each.amount == prediction.amount]
        if isinstance(self.purpose, LearningRates):
            budget = replace(budget, steps=min(int(budget.amount), max(1, round(prediction.best_amount))))
        budget = replace(budget, rule=step_rule(prediction.candidate.optimiser))
        integral = PredictedCurve(kernel, [budget], accuracy=ROUGH, metric=problem.loss.metric).integral(budget)
        error = kernel.start - kernel.apply(integral)[0]
        loss = prediction.value if isinstance(self.purpose, Losses) else float(squared_loss(error))
        return kernel.feature_learning(integral, error) / float(np.sqrt(2 * loss)) if loss > 0 else 0.0

    def limit(self, family: str, winner: Candidate) -> tuple[np.ndarray, np.ndarray] | None:
        """Return scales of a family and its values at infinite width (budgets, scales), else as the winner.

        The scales are those of the first scan, and that of the winner. The values are those of the criterion "held-out"
        or "training-loss". For other criteria, for mixtures and if they are too expensive, return None.
        """
        if isinstance(self.purpose, LearningRates):  # the width matters for them
            return None
        candidates = {
            each.scale: each for each in self._tried
            if replace(each, scale=winner.scale) == replace(winner, family=family, shape=())
            and (each.scale in self._scales or each == winner)
        }  # fmt: skip
        scales = sorted(candidates)
        values = [self.purpose.limit(each, rough=each != winner) for _, each in sorted(candidates.items())]
        if not values or None in values:
            return None
        return np.array(scales), np.array(values).T

    def _try(self, candidates: Iterable[Candidate]) -> None:
        order = dict[Candidate, int]()  # candidates that differ in the optimiser only share a curve
        for candidate in sorted(candidates, key=lambda each: order.setdefault(without_optimiser(each), len(order))):
            if candidate not in self._tried:
                self._tried[candidate] = self.evaluate(candidate)

    def _groups(self) -> list[list[Candidate]]:
        """Return the first draws of all candidates with the same width."""
        first = [candidate for candidate in self._tried if candidate.draw == 0]
        return [
            [each for each in first if each.width == width] for width in dict.fromkeys(each.width for each in first)
        ]

    def _best(self, group: list[Candidate], index: int) -> list[Candidate]:
        """Return the best of every promising kind and then the next best, BEST of them in all."""
        ordered = sorted(group, key=lambda each: self.value(each, index))
        limit = PROMISING * self.value(ordered[0], index)
        firsts = {each.kind: each for each in reversed(ordered) if self.value(each, index) <= limit}.values()
        return sorted(ordered, key=lambda each: each not in firsts)[: BEST[self.settings.purpose]]

    def _refined(self, group: list[Candidate], *, both: bool) -> list[Candidate]:
        """Return candidates between the best scale and both neighbours, or the better of them.

        Every promising kind of candidate and every budget has a best scale of its own.
        """
        found = dict[Candidate, None]()
        for index in range(len(self.purpose.budgets)):
            limit = PROMISING * min(self.value(each, index) for each in group)
            limit = np.inf if self.settings.purpose in CONDITIONAL else limit  # a finer scale may meet the condition
            for kind in dict.fromkeys(each.kind for each in group):
                row = sorted((each for each in group if each.kind == kind), key=lambda each: each.scale)
                best = min(range(len(row)), key=lambda k: self.value(row[k], index))
                if self.value(row[best], index) > limit:
                    continue
                others = row[max(0, best - 1) : best] + row[best + 1 : best + 2]
                if others and not both:
                    others = [min(others, key=lambda each: self.value(each, index))]
                for other in others:
                    found[replace(row[best], scale=between(row[best].scale, other.scale))] = None
        return list(found)

    def _default_families(self, band: tuple[float, float] | None) -> list[str]:
        families = list(FAMILIES[self.settings.purpose])
        if band is not None and band[0] == 0 and "annulus" in families:
            families.remove("annulus")
        return families
