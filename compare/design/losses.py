"""The predicted losses of a candidate, for the purpose "held-out"."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from freqbias.compare.design.candidates import Candidate, without_optimiser
from freqbias.compare.design.prediction import NAN, Prediction
from freqbias.compare.design.trainings import GRADIENT_DESCENT_NAME, joint_kernel
from freqbias.nn import (
    ACCURACY,
    LOSS_FLOOR,
    LOSS_ROUNDING,
    Budget,
    JointInfiniteKernel,
    JointKernel,
    PredictedCurve,
    Trace,
    step_rule,
)
from freqbias.problem import Design, Problem

EVALUATIONS = 300  # numbers of evaluations that are tried, at equal ratios
BUDGETS_PER_CURVE = 60  # to find the best stopping point
TRACE_STREAM = 4  # a random stream that is independent of those for network, held-out samples, noise and its response
ROUGH = 2e-2  # accuracy of losses for the figure
MOST_SCATTERED = 2000  # samples for which the kernel at infinite width is cheap although they are on no grid


class Losses:
    """Predicts the losses of candidates for some budgets.

    criterion: "held-out", "gcv" or "training-loss", the loss that the search makes as small as possible.
    """

    band: tuple[float, float] | None = None  # that of other purposes

    def __init__(self, problem: Problem, settings: Design) -> None:
        self.problem, self.settings = problem, settings
        self.budgets = budgets_of(settings)
        self.criterion = settings.criterion
        self._last: tuple[Candidate, JointKernel, PredictedCurve] | None = None
        if self.criterion == "auto":
            self.criterion = "gcv" if problem.held_out is None else "held-out"

    def __call__(
        self, candidate: Candidate, *, callback: Callable[[], None] = lambda: None
    ) -> tuple[list[Prediction], bool]:
        """Return the prediction for each budget, and whether all have converged."""
        budgets, (kernel, curve) = self._budgets(candidate), self._curve(candidate, callback)
        trace = None
        if self.criterion == "gcv":
            # Draws have random vectors of their own, so the mean over draws also averages the noise of the trace.
            probes, seed = self.settings.probes, [self.problem.seed, TRACE_STREAM, candidate.draw]
            trace = Trace(kernel, products=curve.products, probes=probes, seed=seed, callback=callback)
        found = []
        for budget in budgets:
            training, gcv, held_out, best = curve.training(budget), NAN, NAN, budget
            if trace is not None:
                gcv = float(training / trace(curve.decay(budget)) ** 2)
            channels = len(kernel.start)
            by_channel = np.full(channels, (training if trace is None else gcv) / channels)
            if self.problem.held_out is not None:
                best, by_channel = curve.best(budget, BUDGETS_PER_CURVE), curve.held_out_by_channel(budget)
                held_out = float(by_channel.sum())
            value = {"held-out": held_out, "gcv": gcv, "training-loss": training}[self.criterion]
            found.append(
                Prediction(
                    candidate, budget.amount, value, curve.largest, best.amount, held_out, training, gcv,
                    self._psnr(by_channel), step_cost=float(curve.cost(budget.rule)),
                )
            )  # fmt: skip
        return found, curve.converged

    def evaluations(self, candidate: Candidate, level: float, most: float) -> float:
        """Return the evaluations of the gradient after which the held-out loss is at most `level`.

        Return infinity if this needs more than `most`.
        """
        _, curve = self._curve(candidate, lambda: None)
        (budget,) = [each for each in self._budgets(candidate) if each.amount == most]
        budgets = budget.up_to(EVALUATIONS)
        return next((each.amount for each in budgets if curve.held_out(each) <= level), float("inf"))

    def _budgets(self, candidate: Candidate) -> list[Budget]:
        return [replace(each, rule=step_rule(candidate.optimiser)) for each in self.budgets]

    def _curve(self, candidate: Candidate, callback: Callable[[], None]) -> tuple[JointKernel, PredictedCurve]:
        """Return the curve of a candidate, which serves all optimisers; the last one is kept."""
        key = without_optimiser(candidate)
        if self._last is None or self._last[0] != key:
            problem = key.problem(self.problem)
            kernel = joint_kernel(problem)
            # Cross-validation divides the training loss by a small number, so small losses matter.
            floor = LOSS_FLOOR if self.criterion == "held-out" else LOSS_ROUNDING
            rules = [step_rule(each) for each in self.settings.optimisers or [GRADIENT_DESCENT_NAME]]
            budgets = [replace(budget, rule=rule) for budget in self.budgets for rule in rules]
            curve = PredictedCurve(kernel, budgets, floor=floor, metric=problem.loss.metric, callback=callback)
            self._last = key, kernel, curve
        return self._last[1:]

    def _psnr(self, losses: np.ndarray) -> float:
        """Return the peak signal-to-noise ratio for the losses of the channels, (C,)."""
        samples = self.problem.held_out or self.problem.samples
        scale, peak = np.array(samples.normalisation.value_scale), np.ptp(samples.restore(samples.values))
        error = float(np.mean(2 * losses * scale**2))
        return float(20 * np.log10(peak) - 10 * np.log10(error)) if peak and error else NAN

    def limit(self, candidate: Candidate, *, rough: bool) -> list[float] | None:
        """Return the value of a candidate at infinite width for each budget, or None if it is too expensive.

        rough: whether a value for the figure is sufficient.
        """
        problem = self.problem
        if self.criterion == "gcv" or (problem.lattice is None and problem.sites.size > MOST_SCATTERED):
            return None
        budgets, at_scale = self._budgets(candidate), candidate.problem(problem)
        curve = PredictedCurve(
            JointInfiniteKernel(at_scale), budgets, accuracy=ROUGH if rough else ACCURACY, metric=at_scale.loss.metric
        )
        loss = curve.training if self.criterion == "training-loss" else curve.held_out
        return [loss(budget) for budget in budgets]


def budgets_of(settings: Design) -> list[Budget]:
    """Return the budgets that the settings name."""
    if settings.times is not None:
        return [Budget(time=time) for time in sorted(settings.times)]
    return [Budget(steps=steps, factor=settings.step_factor) for steps in sorted(settings.steps or (100, 300))]
