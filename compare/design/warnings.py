"""Warnings about a design that may not be trusted."""

import numpy as np

from freqbias.compare.design.rates import BALANCED, ORDERED
from freqbias.compare.design.result import DesignResult
from freqbias.problem import squared_loss

LEAVES = 0.5  # feature learning, relative to the predicted error, above which the prediction is uncertain
COARSE = 2.0  # ratio of neighbouring scales above which a better one may lie between them
UNLEARNT = 0.9  # share of the start; a target with a larger loss is not learnt
NARROW_WEIGHTS, LONG_STEP = 1.0, 0.2  # sigma_a below and step * lambda_max above which training leaves the prediction


def design_warnings(result: DesignResult) -> list[str]:
    """Return warnings for the user. Each names the remedy."""
    found, winner = _scales_missed(result), result.winner
    found += _unlearnt(result) if result.band is None else _rates_missed(result)
    small = winner.sigma_a < NARROW_WEIGHTS and result.problem.network.omega_0 is None  # SIREN has its own scaling
    if result.in_steps and small and result.settings.step_factor > LONG_STEP:
        found.append(
            f"sigma_a = {winner.sigma_a:g} with long steps: the kernel changes during the training, which the "
            f"prediction leaves out; use step_factor = {LONG_STEP:g}, or sigma_a = 1"
        )
    if result.feature_learning > LEAVES:
        long_steps = result.in_steps and result.settings.step_factor > LONG_STEP
        remedy = (
            f"step_factor = {LONG_STEP:g}, "
            if long_steps
            else "fewer steps, "
            if result.in_steps
            else "earlier times, "
        )
        found.append(
            "training changes the kernel, which the prediction leaves out: the output may differ from it by "
            f"{result.feature_learning:.2g} times the predicted error; use a larger width, {remedy}or --verify"
        )
    return found


def _scales_missed(result: DesignResult) -> list[str]:
    winner = result.winner
    candidates = {each.candidate for each in result.predictions if each.candidate.width == winner.width}
    tried = sorted({each.scale for each in candidates if each.kind == winner.kind})
    if winner.scale not in (tried[0], tried[-1]):
        k = tried.index(winner.scale)
        gap = min(winner.scale / tried[k - 1], tried[k + 1] / winner.scale)
        if gap <= COARSE:
            return []
        return [
            f"the scales are far apart: the nearest to the best, {winner.scale:.4g}, differs by a factor of {gap:.3g}; "
            f"give a narrower [design] scale around it, or more than {result.settings.scales} scales"
        ]
    end = "smallest" if winner.scale == tried[0] else "largest"
    return [f"the best scale, {winner.scale:.4g}, is the {end} that was tried; give a wider [design] scale"]


def _unlearnt(result: DesignResult) -> list[str]:
    judged = result.problem.held_out if result.criterion == "held-out" else result.problem.samples
    assert judged is not None  # checked by check_design
    start, reached = float(squared_loss(judged.values)), result.best.value
    if reached <= UNLEARNT * start:
        return []
    return [
        f"no candidate learns the target: the best loss is {reached:.3g}, and it is {start:.3g} at the start; use more "
        "steps, a wider [design] scale or more samples"
    ]


def _rates_missed(result: DesignResult) -> list[str]:
    best, settings = result.best, result.settings
    found = []
    if best.best_amount > best.amount:
        found.append(
            f"no candidate halves the error in the band within {best.amount:.0f} steps; use more [design] steps, more "
            "neurons or a narrower band"
        )
    if settings.purpose == "balanced" and best.fastest > BALANCED * best.slowest:
        found.append(
            f"no candidate balances the learning rates: they differ by a factor of {best.fastest / best.slowest:.3g}; "
            "use more neurons or a narrower band"
        )
    if settings.ratio is not None and abs(np.log(best.ratio / settings.ratio)) > np.log(ORDERED):
        found.append(
            f"no candidate has the ratio of learning rates {settings.ratio:g}: that of the best is {best.ratio:.3g}; "
            "use other [design] families, a wider scale or more neurons"
        )
    return found
