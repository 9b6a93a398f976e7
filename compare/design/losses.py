"""The predicted losses of a candidate, for the purpose "held-out"."""

from collections.abc import Callable

import numpy as np

from freqbias.compare.design.candidates import Candidate
from freqbias.compare.design.prediction import NAN, Prediction
from freqbias.nn import LOSS_FLOOR, LOSS_ROUNDING, Budget, JointInfiniteKernel, JointKernel, PredictedCurve, Trace
from freqbias.problem import Design, Problem

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
        if self.criterion == "auto":
            self.criterion = "gcv" if problem.held_out is None else "held-out"

    def __call__(
        self, candidate: Candidate, *, callback: Callable[[], None] = lambda: None
    ) -> tuple[list[Prediction], bool]:
        """Return the prediction for each budget, and whether all have converged."""
        kernel = JointKernel(candidate.problem(self.problem), precision="single")
        # Cross-validation divides the training loss by a small number, so small losses matter.
        floor = LOSS_FLOOR if self.criterion == "held-out" else LOSS_ROUNDING
        curve = PredictedCurve(kernel, self.budgets, floor=floor, callback=callback)
        trace = None
        if self.criterion == "gcv":
            # Draws have random vectors of their own, so the mean over draws also averages the noise of the trace.
            probes, seed = self.settings.probes, [self.problem.seed, TRACE_STREAM, candidate.draw]
            trace = Trace(kernel, products=curve.products, probes=probes, seed=seed, callback=callback)
        found = []
        for budget in self.budgets:
            training, gcv, held_out, best = curve.training(budget), NAN, NAN, budget
            if trace is not None:
                gcv = float(training / trace(budget.decay(curve.largest)) ** 2)
            channels = len(kernel.start)
            by_channel = np.full(channels, (training if trace is None else gcv) / channels)
            if self.problem.held_out is not None:
                best, by_channel = curve.best(budget, BUDGETS_PER_CURVE), curve.held_out_by_channel(budget)
                held_out = float(by_channel.sum())
            value = {"held-out": held_out, "gcv": gcv, "training-loss": training}[self.criterion]
            found.append(
                Prediction(
                    candidate, budget.amount, value, curve.largest, best.amount, held_out, training, gcv,
                    self._psnr(by_channel),
                )
            )  # fmt: skip
        return found, curve.converged

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
        kernel = JointInfiniteKernel(candidate.problem(problem))
        curve = PredictedCurve(kernel, self.budgets, accuracy=ROUGH) if rough else PredictedCurve(kernel, self.budgets)
        loss = curve.training if self.criterion == "training-loss" else curve.held_out
        return [loss(budget) for budget in self.budgets]


def budgets_of(settings: Design) -> list[Budget]:
    """Return the budgets that the settings name."""
    if settings.times is not None:
        return [Budget(time=time) for time in sorted(settings.times)]
    return [Budget(steps=steps, factor=settings.step_factor) for steps in sorted(settings.steps or (100, 300))]
