"""Predictions for several draws of a network, each by the kernel of that draw."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from freqbias.nn.feature_learning import change_of_log_error
from freqbias.nn.joint_kernel import JointKernel
from freqbias.nn.linearised import LinearisedTraining
from freqbias.nn.ntk import KernelAt
from freqbias.numerics import Schedule, Sites
from freqbias.problem import DRAW_ACCURACY, Problem


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


class DrawPrediction:
    """The errors of a draw of the network, as its kernel predicts them.

    draw: 0, 1, ...; its seed is that of the problem plus this number. schedule: the steps of gradient descent; by
    default the gradient flow. callback: called before every product.
    error: on the training samples, (T, C, N). held_out_error: on the held-out samples, (T, C, N'), where N' = 0 without
    such samples.
    """

    def __init__(
        self,
        problem: Problem,
        draw: int,
        schedule: Schedule | None = None,
        *,
        callback: Callable[[], None] = lambda: None,
    ) -> None:
        self._times, self._callback = problem.times, callback
        self._kernel = JointKernel(replace(problem, seed=problem.seed + draw), precision="single")
        self._training = LinearisedTraining(
            _OnSamples(self._kernel), self._kernel.start, callback=lambda lanczos: callback()
        )
        path = (
            self._training.follow_flow(problem.times, tolerance=DRAW_ACCURACY)
            if schedule is None
            else self._training.follow_steps(schedule, (1.0, 1.0), tolerance=DRAW_ACCURACY)
        )
        self.error = path.error
        self.held_out_error = np.repeat(self._kernel.held_out_start[None], len(path.error), axis=0)
        if self.held_out_error.size:
            self.held_out_error -= np.array([self._kernel.apply(integral)[1] for integral in path.integral])

    def change_of_log_error(self) -> np.ndarray:
        """Return the change of ln |u| by feature learning, (T,), see `freqbias.nn.feature_learning`.

        It is that of the flow also for steps of gradient descent.
        """
        return change_of_log_error(self._kernel, self._training, self._times, callback=self._callback)
