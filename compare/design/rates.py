"""The predicted learning rates of a candidate in a band of |xi|, for the purposes "balanced", "band" and "order".

The band is divided into parts of equal width. The rate of a part is kappa = log 2 / t, where t is the time after which
the predicted error in the part is half of its start. The value that the search makes as small as possible is

    "band"      the number of steps that halve the error in the whole band,
    "balanced"  1 / the slowest rate, if the fastest is at most BALANCED times as large,
    "order"     1 / the slowest rate, if the first rate is `ratio` times the last, up to the factor ORDERED.

Time has another unit for each loss and optimiser. So where these are compared, t is the number of evaluations of the
gradient, and rates are those per evaluation.

If the condition does not hold, the value grows with the power PENALTY of the factor by which it fails: an exact penalty
(Nocedal and Wright, Numerical Optimization, section 17.2).
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from freqbias.compare.design.candidates import Candidate
from freqbias.compare.design.prediction import Prediction
from freqbias.compare.design.trainings import compares_trainings, joint_kernel
from freqbias.errors import InputError
from freqbias.nn import BandCurve, BandSpectra, Budget, halving, step_rule
from freqbias.numerics import make_tensor_transform, resolved_frequencies, spectrum_part
from freqbias.problem import Design, Problem, counted

MOST_STEPS = 1000  # by default
PARTS = 6  # at most
FEWEST_FREQUENCIES = 2  # 1/extent is the width of one
ENERGY = 0.95  # of the target, in the default band
FLOOR = 1e-5  # share of the largest part's energy below which a part has no rate
ROUNDING = 1e-12  # share of the target's energy below which the energy of a part is rounding
BALANCED, ORDERED, PENALTY = 2.0, 1.1, 10.0
CONDITIONAL = ("balanced", "order")  # purposes with a condition


class LearningRates:
    """Predicts the learning rates of candidates. band: its ends. edges: of its parts, (B + 1,) [cycles/length]."""

    def __init__(self, problem: Problem, settings: Design) -> None:
        self.problem, self.settings, self.criterion = problem, settings, settings.purpose
        steps = MOST_STEPS if settings.steps is None else settings.steps[0]
        self.budgets = [Budget(steps=steps, factor=settings.step_factor)]
        self.band = target_band(problem) if settings.band is None else (settings.band[0], settings.band[1])
        self.edges = np.array(self.band) if settings.purpose == "band" else self._parts()
        self._check_energy()

    def __call__(
        self, candidate: Candidate, *, callback: Callable[[], None] = lambda: None
    ) -> tuple[list[Prediction], bool]:
        """Return the prediction, and whether it has converged."""
        problem, rule = replace(candidate.problem(self.problem), held_out=None), step_rule(candidate.optimiser)
        kernel, budget = joint_kernel(problem), replace(self.budgets[0], rule=rule)
        curve = BandCurve(
            kernel, problem.sites, self.edges, budget=budget, metric=problem.loss.metric, callback=callback
        )
        steps = curve.halving()[curve.energy >= FLOOR * curve.energy.max()]
        found = self._prediction(candidate, steps, curve.largest)
        return [replace(found, step_cost=float(curve.cost(rule)))], curve.converged

    def measured(self, steps: np.ndarray, error: np.ndarray, prediction: Prediction) -> Prediction:
        """Return the numbers of a prediction as measured in a training. steps: (T,). error: u, (T, C, N)."""
        amplitude = BandSpectra(self.problem.sites, self.edges).amplitudes(error)
        kept = amplitude[0] ** 2 >= FLOOR * (amplitude[0] ** 2).max()
        halved = np.array([halving(steps, each) for each in (amplitude / amplitude[0]).T[kept]])
        return self._prediction(prediction.candidate, halved, prediction.largest)

    def _prediction(self, candidate: Candidate, steps: np.ndarray, largest: float) -> Prediction:
        """steps: the numbers of steps that halve the error in the parts of the band."""
        (budget,) = self.budgets
        unit = 1.0 if compares_trainings(self.problem, self.settings) else budget.factor / largest  # of a step
        rates = np.log(2) / (unit * steps)
        value = float(steps.max() if self.criterion == "band" else np.exp(self._penalty(rates)) / rates.min())
        slowest, fastest, ratio = float(rates.min()), float(rates.max()), float(rates[0] / rates[-1])
        return Prediction(
            candidate, budget.amount, value, largest, float(steps.max()), slowest=slowest, fastest=fastest, ratio=ratio
        )

    def _penalty(self, rates: np.ndarray) -> float:
        if self.criterion == "balanced":
            excess = np.log(rates.max() / rates.min() / BALANCED)
        else:
            assert self.settings.ratio is not None  # checked with the settings
            excess = abs(np.log(rates[0] / rates[-1] / self.settings.ratio)) - np.log(ORDERED)
        return PENALTY * max(0.0, float(excess))

    def _parts(self) -> np.ndarray:
        low, high = self.band
        _, sites = spectrum_part(self.problem.sites)
        extent = sites.span if sites.lattice is None else sites.lattice.extent
        spacing = 1 / float(np.max(extent))
        count = int((high - low) / (FEWEST_FREQUENCIES * spacing))
        if count < 2:
            raise InputError(
                f'[design] band = [{low:.4g}, {high:.4g}] has too few frequencies for purpose = "{self.criterion}", '
                f"which compares two parts of it; give a band at least {2 * FEWEST_FREQUENCIES * spacing:.4g} wide"
            )
        return np.linspace(low, high, min(PARTS, count) + 1)

    def _check_energy(self) -> None:
        """Raise InputError if the samples do not resolve the band, or if too few parts of it have energy."""
        places, sites = spectrum_part(self.problem.sites)
        band, values = f"[design] band = [{self.band[0]:.4g}, {self.band[1]:.4g}]", self.problem.samples.values
        largest = float(np.linalg.norm(resolved_frequencies(sites), axis=1).max())
        if self.band[1] > largest * (1 + 1e-9):
            raise InputError(
                f"{band}: the samples resolve |xi| up to {largest:.4g}; give a band that ends there or below"
            )
        (amplitude,) = BandSpectra(self.problem.sites, self.edges).amplitudes(values[None])
        energy = amplitude**2
        kept = (energy >= FLOOR * energy.max()) & (energy > ROUNDING * (values[:, places] ** 2).mean(axis=1).sum())
        if kept.sum() < min(2, len(kept)):
            raise InputError(
                f"{band}: the target has energy in {kept.sum()} of {counted(len(kept), 'part')} of the band, and "
                f'purpose = "{self.criterion}" needs {min(2, len(kept))}; give a band with more of its frequencies, or '
                "set [data] standardize = true"
            )
        if self.criterion == "order" and not (kept[0] and kept[-1]):
            part = self.edges[:2] if not kept[0] else self.edges[-2:]
            raise InputError(
                f"{band}: the target has no energy at an end of the band, from {part[0]:.4g} to {part[1]:.4g}, and "
                'purpose = "order" compares the ends; give a band that begins and ends where the target has energy'
            )


def target_band(problem: Problem) -> tuple[float, float]:
    """Return the band from 0 that contains the share ENERGY of the target's energy [cycles/length]."""
    places, sites = spectrum_part(problem.sites)
    xi, target = resolved_frequencies(sites), problem.samples.values[:, places]
    values = target - target.mean(axis=1, keepdims=True)
    spectra = make_tensor_transform(sites, xi).to_frequencies(values) / sites.size
    energy = (np.abs(spectra) ** 2).sum(axis=0)
    radius = np.linalg.norm(xi, axis=1)
    order = np.argsort(radius, kind="stable")
    if energy.sum() <= ROUNDING * (target**2).mean(axis=1).sum():
        raise InputError("[design] band: the target is constant; give a target with frequencies above 0")
    share = np.cumsum(energy[order]) / energy.sum()
    return 0.0, float(radius[order][np.searchsorted(share, ENERGY)])
