"""The losses and optimisers that a design compares, by their names."""

from functools import lru_cache
from typing import Any, Literal

import numpy as np

from freqbias.nn import JointKernel, StepRule
from freqbias.numerics import OperatorRows
from freqbias.problem import (
    MEAN_SQUARE,
    Design,
    MeanSquare,
    Problem,
    SobolevLoss,
    TrainingLoss,
    WeightedSquare,
    trapezoidal_weights,
)

MEAN_SQUARE_NAME, GRADIENT_DESCENT_NAME = "mean-square", "gradient-descent"  # the defaults
STATED = "training"  # the loss that [training] states
DENSITY = "density"


def losses_of(problem: Problem, settings: Design) -> list[str]:
    """Return the names of the losses to compare, by default that of the problem, each once."""
    stated = MEAN_SQUARE_NAME if isinstance(problem.loss, MeanSquare) else STATED
    names = [stated if name == STATED else name for name in settings.losses or [STATED]]
    return list(dict.fromkeys(names))


def compares_trainings(problem: Problem, settings: Design) -> bool:
    """Return whether losses or optimisers are compared, or another optimiser than gradient descent is used."""
    optimisers = settings.optimisers or [GRADIENT_DESCENT_NAME]
    return len(losses_of(problem, settings)) > 1 or optimisers != [GRADIENT_DESCENT_NAME]


@lru_cache(maxsize=16)
def loss_named(name: str, problem: Problem) -> TrainingLoss:
    """Return the loss "mean-square", "density" (weights that undo crowding), "sobolev s", "sobolev s density", or
    "training", that of the problem.

    Raises InputError if the samples have no density or the order is too large.
    """
    if name == STATED:
        return problem.loss
    keys, sites = loss_keys(name), problem.sites
    weights = trapezoidal_weights(sites) if "weights" in keys else None
    if "order" in keys:
        return SobolevLoss(sites, keys["order"], weights)
    return MEAN_SQUARE if weights is None else WeightedSquare(weights)


def joint_kernel(problem: Problem) -> JointKernel:
    """Return the kernel of the drawn network."""
    return JointKernel(problem, precision=precision_of(problem))


def precision_of(problem: Problem) -> Literal["single", "double"]:
    """Return the precision of kernel and training: "double" for an operator, which magnifies rounding errors."""
    return "double" if isinstance(problem.sites, OperatorRows) else "single"


def loss_keys(name: str) -> dict[str, Any]:
    """Return the keys of the section [training] for a loss other than "training"."""
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
