"""Find the density, among candidates, for which the linearised training of the drawn network predicts the least loss.

Each candidate needs one Krylov space, which serves all budgets. A scan over the scales is refined around the best of
each budget. The three best candidates are judged by several draws. All candidates of a draw share the random numbers,
so their difference is less random than their losses.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from freqbias.compare.design.candidates import Candidate, default_scales, scale_grid
from freqbias.compare.design.prediction import Prediction, criterion_value
from freqbias.nn import Budget, JointInfiniteKernel, JointKernel, PredictedCurve, TraceEstimate
from freqbias.problem import Design, Problem
from freqbias.runtime import log

REFINEMENTS = 2  # rounds; each tries the scales between the best and its neighbours
PROMISING = 1.2  # a family is refined if its best is at most this much worse than the best of all
BEST = 3  # candidates that are judged by several draws
MOST_SCATTERED = 2000  # samples for which the kernel at infinite width is cheap although they are on no grid
BUDGETS_PER_CURVE = 60  # to find the best stopping point


Evaluate = Callable[[Candidate], list[Prediction]]


class Search:
    """The predictions of all candidates that have been tried.

    evaluate: returns the predictions of a candidate for all budgets. By default they are computed.
    """

    def __init__(self, problem: Problem, settings: Design, evaluate: Evaluate | None = None) -> None:
        self.problem, self.settings = problem, settings
        self.budgets = budgets_of(settings)
        self.criterion = criterion_of(problem, settings)
        self.evaluate = evaluate or self.compute
        self._tried: dict[Candidate, list[Prediction]] = {}

    def run(self) -> list[Prediction]:
        """Return all predictions, in the order in which they were made."""
        settings, network = self.settings, self.problem.network
        lower, upper = settings.scale or default_scales(self.problem.sites)
        scales = scale_grid(lower, upper, settings.scales)
        for width in settings.widths or [network.width]:
            for sigma_a in settings.sigma_a or [network.sigma_a]:
                self._try(Candidate(family, scale, width, sigma_a) for family in settings.families for scale in scales)
        for _ in range(REFINEMENTS):
            self._try([each for group in self._groups() for each in self._between(group)])
        for group in self._groups():
            for index in range(len(self.budgets)):
                best = sorted(group, key=lambda each: self.value(each, index))[:BEST]
                self._try(replace(each, draw=draw) for each in best for draw in range(1, settings.draws))
        return [prediction for predictions in self._tried.values() for prediction in predictions]

    def value(self, candidate: Candidate, index: int) -> float:
        """Return the criterion of a candidate for the budget of this index."""
        return criterion_value(self._tried[candidate][index], self.criterion)

    def compute(self, candidate: Candidate, *, callback: Callable[[], None] = lambda: None) -> list[Prediction]:
        """Predict all budgets of a candidate. callback: called before every product with its kernel."""
        kernel = JointKernel(candidate.problem(self.problem), precision="single")
        curve = PredictedCurve(kernel, self.budgets, callback=callback)
        if not curve.converged:
            log.warning(
                "design: %s: the loss has not converged after %d products with the kernel; use fewer steps, or an "
                "earlier time", candidate, curve.products,
            )  # fmt: skip
        trace = None
        if self.criterion == "gcv":
            probes, seed = self.settings.probes, self.problem.seed
            trace = TraceEstimate(kernel, products=curve.products, probes=probes, seed=seed, callback=callback)
        found = []
        for budget in self.budgets:
            training, gcv = curve.training(budget), np.nan
            if trace is not None:
                gcv = training / trace(budget.decay(curve.largest)) ** 2
            held_out, best = np.nan, budget
            by_channel = np.full(self.problem.samples.channels, (training if trace is None else gcv)) / len(
                kernel.start
            )
            if self.problem.held_out is not None:
                best, by_channel = curve.best(budget, BUDGETS_PER_CURVE), curve.held_out_by_channel(budget)
                held_out = float(by_channel.sum())
            found.append(
                Prediction(
                    candidate, budget.amount, held_out, training, float(gcv), best.amount, curve.largest,
                    self._psnr(by_channel),
                )
            )  # fmt: skip
        return found

    def _psnr(self, losses: np.ndarray) -> float:
        """Return the peak signal-to-noise ratio for the losses of the channels, (C,)."""
        samples = self.problem.held_out or self.problem.samples
        scale, peak = np.array(samples.normalisation.value_scale), np.ptp(samples.restore(samples.values))
        error = float(np.mean(2 * losses * scale**2))
        return float(20 * np.log10(peak) - 10 * np.log10(error)) if peak and error else np.nan

    def feature_learning(self, prediction: Prediction) -> float:
        """Return |f_1 - f_0| at the end of a budget, the root mean square over the samples, summed over channels.

        f_0 is the linearised network, and f_1 the network with the parameters that the linearised training reaches.
        """
        kernel = JointKernel(prediction.candidate.problem(self.problem), precision="single")
        (budget,) = [each for each in self.budgets if each.amount == prediction.amount]
        curve = PredictedCurve(kernel, [budget])
        integral = curve.integral(budget)
        return kernel.feature_learning(integral, kernel.start - kernel.apply(integral)[0])

    def limit(self, family: str, sigma_a: float) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the scales of a family and the losses at infinite width (budgets, scales), or None if too expensive.

        The losses are those of the criterion "held-out" or "training-loss", for this sigma_a.
        """
        if self.criterion == "gcv" or (self.problem.lattice is None and self.problem.sites.size > MOST_SCATTERED):
            return None
        tried = [
            each for each in self._tried if (each.family, each.sigma_a) == (family, sigma_a) and each.draw == 0
        ]  # fmt: skip
        scales = sorted({candidate.scale for candidate in tried})
        losses = []
        for scale in scales:
            problem = Candidate(family, scale, tried[0].width, sigma_a).problem(self.problem)
            curve = PredictedCurve(JointInfiniteKernel(problem), self.budgets)
            loss = curve.training if self.criterion == "training-loss" else curve.held_out
            losses.append([loss(budget) for budget in self.budgets])
        return np.array(scales), np.array(losses).T

    def _try(self, candidates: Iterable[Candidate]) -> None:
        for candidate in candidates:
            if candidate not in self._tried:
                self._tried[candidate] = self.evaluate(candidate)

    def _groups(self) -> list[list[Candidate]]:
        """Return the first draws of all candidates with the same width."""
        first = [candidate for candidate in self._tried if candidate.draw == 0]
        return [
            [each for each in first if each.width == width] for width in dict.fromkeys(each.width for each in first)
        ]

    def _between(self, group: list[Candidate]) -> list[Candidate]:
        """Return candidates between the best scale and its neighbours, for every promising family and budget."""
        found = dict[Candidate, None]()
        for index in range(len(self.budgets)):
            limit = PROMISING * min(self.value(each, index) for each in group)
            for kind in dict.fromkeys((each.family, each.sigma_a) for each in group):
                row = sorted(
                    (each for each in group if (each.family, each.sigma_a) == kind), key=lambda each: each.scale
                )
                best = min(range(len(row)), key=lambda k: self.value(row[k], index))
                if self.value(row[best], index) > limit:
                    continue
                for neighbour in row[max(0, best - 1) : best] + row[best + 1 : best + 2]:
                    scale = float(f"{np.sqrt(row[best].scale * neighbour.scale):.4g}")
                    found[Candidate(*kind[:1], scale, row[best].width, kind[1])] = None
        return list(found)


def budgets_of(settings: Design) -> list[Budget]:
    """Return the budgets that the settings name."""
    if settings.times is not None:
        return [Budget(time=time) for time in sorted(settings.times)]
    return [Budget(steps=steps, factor=settings.step_factor) for steps in sorted(settings.steps or (100, 300))]


def criterion_of(problem: Problem, settings: Design) -> str:
    """Return the criterion that "auto" means."""
    if settings.criterion != "auto":
        return settings.criterion
    return "gcv" if problem.held_out is None else "held-out"
