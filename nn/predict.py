"""Predict what a network learns at any positions, without training it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from freqbias.errors import InputError
from freqbias.nn.linearised import TOLERANCE, linearised_training
from freqbias.nn.ntk import EmpiricalKernel, InfiniteWidthKernel
from freqbias.numerics import Positions, check_kind
from freqbias.problem import Problem, initial_errors


@dataclass(frozen=True)
class PredictedValues:
    """The predicted output of a network at P positions, in the user's units.

    time: (T,). positions: (P, d). values: f, (T, C, P). bound: a bound of the error of the computation, (T, C). It
    includes neither feature learning nor, for the kernel at infinite width, the finite width.
    """

    time: np.ndarray
    positions: np.ndarray
    values: np.ndarray
    bound: np.ndarray


def predict(
    problem: Problem,
    positions: np.ndarray,
    *,
    kernel: Literal["empirical", "infinite-width"] = "empirical",
    tolerance: float = TOLERANCE,
) -> PredictedValues:
    """Predict f(y, t) at the output times, by the gradient flow of the linearised network:

        f(y, t) = f(y, 0) - mean_j K(y, x_j) w(x_j, t),    w = (1 - exp(-t K)) / K u(0).

    positions: y, (P, d), in the coordinates of the user. kernel: K of the drawn network, or at infinite width.
    tolerance: of u on the samples, relative to |u(0)|.
    Raises InputError if the positions have another dimension than the data, or if the problem has an initial error,
    which is known on the samples only. Raises ComputationError if Lanczos does not reach the tolerance.
    """
    check_kind("predict: problem", problem, Problem, remedy='a Problem, for example freqbias.load("RUN.toml")')
    if kernel not in ("empirical", "infinite-width"):
        raise InputError(f'predict: kernel = {kernel!r}; use "empirical" or "infinite-width"')
    if problem.initial_error is not None:
        raise InputError("predict: the problem has an initial_error, which is known on the training samples only")
    given = np.array(positions, dtype=float)
    if given.ndim != 2 or given.shape[1] != problem.dimension:
        raise InputError(f"predict: positions have shape {given.shape}; give (P, {problem.dimension})")
    normalisation = problem.samples.normalisation
    sites = Positions(given - np.array(normalisation.position_shift))
    chosen: EmpiricalKernel | InfiniteWidthKernel
    if kernel == "empirical":
        chosen = EmpiricalKernel(problem)
        start = chosen.start
    else:
        chosen, start = InfiniteWidthKernel(problem), initial_errors(problem)
    path = linearised_training(problem, chosen, start).follow_flow(problem.times, tolerance=tolerance)
    found = path.at(chosen.at(sites))
    scale = np.array(normalisation.value_scale)
    return PredictedValues(problem.times, given, normalisation.restore(found.values), found.bound[:, None] * scale)
