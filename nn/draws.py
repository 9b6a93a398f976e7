"""Predictions for several draws of a network, each by the kernel of that draw."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from freqbias.nn.joint_kernel import JointKernel
from freqbias.nn.linearised import LinearisedTraining
from freqbias.nn.ntk import KernelAt
from freqbias.numerics import Schedule, Sites
from freqbias.problem import Problem

TOLERANCE = 1e-4  # of u relative to |u(0)|, far below the differences of draws


class _OnSamples:
    """The products of a JointKernel with the rows of the training samples."""

    def __init__(self, kernel: JointKernel) -> None:
        self._kernel = kernel

    def apply(self, values: np.ndarray) -> np.ndarray:
        return self._kernel.apply(values)[0]

    def largest_eigenvalue(self) -> float:
        raise NotImplementedError

    def at(self, sites: Sites) -> KernelAt:
        raise NotImplementedError


def predict_draw(
    problem: Problem, draw: int, schedule: Schedule | None = None, *, callback: Callable[[], None] = lambda: None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the errors of a draw on the training samples (T, C, N) and on the held-out samples (T, C, N').

    draw: 0, 1, ...; its seed is that of the problem plus this number. Without held-out samples, N' = 0. schedule: the
    steps of gradient descent; by default the gradient flow. callback: called before every product.
    The third value is |f_1 - f_0|, (T,), the change of the network's output by feature learning, see `problem.Draws`.
    """
    drawn = replace(problem, seed=problem.seed + draw)
    kernel = JointKernel(drawn, precision="single")
    training = LinearisedTraining(_OnSamples(kernel), kernel.start, callback=lambda lanczos: callback())
    path = (
        training.follow_flow(problem.times, tolerance=TOLERANCE)
        if schedule is None
        else training.follow_steps(schedule, (1.0, 1.0), tolerance=TOLERANCE)
    )
    held_out = np.repeat(kernel.held_out_start[None], len(path.error), axis=0)
    if held_out.size:
        held_out -= np.array([kernel.apply(integral)[1] for integral in path.integral])
    pairs = zip(path.integral, path.error, strict=True)
    return path.error, held_out, np.array([kernel.feature_learning(integral, error) for integral, error in pairs])
