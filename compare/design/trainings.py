"""The losses and optimisers that a design compares, by their names."""

from functools import lru_cache
from typing import Any

import numpy as np

from freqbias.nn import StepRule
from freqbias.numerics import Sites
from freqbias.problem import MEAN_SQUARE, SobolevLoss, TrainingLoss, WeightedSquare, trapezoidal_weights

MEAN_SQUARE_NAME, GRADIENT_DESCENT_NAME = "mean-square", "gradient-descent"  # the defaults
DENSITY = "density"


@lru_cache(maxsize=16)
def loss_named(name: str, sites: Sites) -> TrainingLoss:
    """Return the loss "mean-square", "density" (weights that undo crowding), "sobolev s" or "sobolev s density".

    Raises InputError if the samples have no density or the order is too large.
    """
    keys = loss_keys(name)
    weights = trapezoidal_weights(sites) if "weights" in keys else None
    if "order" in keys:
        return SobolevLoss(sites, keys["order"], weights)
    return MEAN_SQUARE if weights is None else WeightedSquare(weights)


def loss_keys(name: str) -> dict[str, Any]:
    """Return the keys of the section [training] for a loss."""
    words = name.split()
    keys = {"loss": "sobolev", "order": float(words[1])} if words[0] == "sobolev" else {}
    return keys | ({"weights": "density"} if words[-1] == DENSITY else {})


def optimiser_keys(rule: StepRule, *, factor: float, largest: float) -> dict[str, Any]:
    """Return the keys of the section [training] for an optimiser. factor: the learning rate times lambda_max.

    largest: lambda_max. The key step is in gradient-flow time, so it is the learning rate over 1 - mu with momentum.
    """
    if rule.kind == "gauss-newton":
        return {"integrator": rule.kind, "damping": rule.damping, "step": 1.0}
    rate = factor / largest
    if rule.kind == GRADIENT_DESCENT_NAME:
        return {"integrator": rule.kind, "step": rate}
    keys = {"integrator": "momentum", "momentum": rule.mu, "step": rate / (1 - rule.mu)}
    return keys | ({"nesterov": True} if rule.kind == "nesterov" else {})


def steps_of(evaluations: float, cost: float) -> int:
    """Return the number of steps that some evaluations of the gradient allow. cost: of a step, in evaluations."""
    return int(np.floor(evaluations / cost + 1e-9))
