"""Predictions for several draws of a network, each by the kernel of that draw."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from freqbias.errors import InputError
from freqbias.nn.feature_learning import change_of_log_error
from freqbias.nn.joint_kernel import JointKernel
from freqbias.nn.linearised import LinearisedPath, LinearisedTraining, linearised_training
from freqbias.nn.ntk import InfiniteWidthKernel, KernelAt
from freqbias.numerics import Schedule, Sites
from freqbias.problem import DRAW_ACCURACY, Draws, MeanSquare, Problem
from freqbias.runtime import available_memory, version_of

Callback = Callable[[], None]

MEMORY_SHARE = 0.25  # largest share of the memory for the errors of all draws


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


def predict_draws(problem: Problem, count: int, schedule: Schedule | None = None) -> Draws:
    """Predict several draws of a network, each by the kernel of that draw.

    count: at least 2 draws; 39 give a band of 95 %. schedule: the steps of gradient descent; by default the gradient
    flow. Raises InputError as `check_draws`.
    """
    check_draws(problem, count)
    return collect_draws(problem, [draw_arrays(problem, draw, schedule) for draw in range(count)], schedule)


def check_draws(problem: Problem, count: int) -> None:
    """Raise InputError if there are too few draws for a band, or if the memory is too small for their errors."""
    if count < 2:
        raise InputError(f"--draws {count}: a band needs at least 2 draws; 39 give a band of 95 %")
    if problem.gauss_newton is not None:
        raise InputError(
            '--draws predicts gradient descent, not [training] integrator = "gauss-newton"; leave --draws out'
        )
    if problem.initial_error is not None:
        raise InputError("--draws: [pde] initial gives the initial error of one network; leave --draws out")
    samples = problem.sites.size + (0 if problem.held_out is None else problem.held_out.sites.size)
    size = 4 * count * len(problem.times) * problem.samples.channels * samples
    if size > MEMORY_SHARE * available_memory():
        raise InputError(
            f"--draws {count}: the errors of all draws need {size / 2**30:.1f} GiB; use fewer draws or output times"
        )


def check_distance(distance: float | None, draws: int | None) -> None:
    """Raise InputError for --distance without --draws, and for a distance that no width has."""
    if distance is None:
        return
    if draws is None:
        raise InputError(f"--distance {distance:g} needs the distances of several networks; add --draws 40")
    if not 0 < distance < math.inf:
        raise InputError(f"--distance {distance:g}: give a number above 0, such as 0.01, relative to the initial error")


def draw_arrays(
    problem: Problem, draw: int, schedule: Schedule | None = None, *, callback: Callback = lambda: None
) -> dict[str, np.ndarray]:
    """Return the prediction of a draw as arrays that `collect_draws` needs. Arguments as for `DrawPrediction`."""
    found = DrawPrediction(problem, draw, schedule, callback=callback)
    arrays = {"error": found.error.astype(np.float32), "held_out": found.held_out_error.astype(np.float32)}
    if draw or problem.decay.rate or not isinstance(problem.loss, MeanSquare):  # then it is unknown
        return arrays
    return arrays | {"log_error_change": found.change_of_log_error()}


def collect_draws(
    problem: Problem,
    parts: Sequence[Mapping[str, np.ndarray]],
    schedule: Schedule | None = None,
    *,
    callback: Callback = lambda: None,
) -> Draws:
    """Return the draws 0, 1, ... of `draw_arrays`, with their distance from infinite width."""
    error, held_out = (np.array([arrays[name] for arrays in parts]) for name in ("error", "held_out"))
    unknown = np.full(len(problem.times), np.nan)  # in checkpoints of older versions, and with weight decay
    return Draws(
        problem.times,
        error,
        held_out if held_out.size else None,
        problem.seed + np.arange(len(parts)),
        parts[0].get("log_error_change", unknown),
        _distance(problem, error, schedule, callback),
        {"unit": problem.unit, "freqbias": version_of("freqbias")},
    )


def _distance(problem: Problem, error: np.ndarray, schedule: Schedule | None, callback: Callback) -> np.ndarray:
    """Return |u - u_inf| / |u(0)|, (n, T). error: u, (n, T, C, N)."""
    kernel, found = InfiniteWidthKernel(problem), np.empty(error.shape[:2])
    for draw, each in enumerate(error.astype(float)):
        if draw == 0 or not problem.network.symmetric:  # symmetric networks all start at f = 0
            wide = _predict(
                linearised_training(problem, kernel, each[0], callback=lambda _: callback()), problem.times, schedule
            )
        distance = np.linalg.norm((each - wide.error).reshape(len(each), -1), axis=1)
        found[draw] = distance / np.linalg.norm(each[0])
    return found


def _predict(training: LinearisedTraining, times: np.ndarray, schedule: Schedule | None) -> LinearisedPath:
    if schedule is None:
        return training.follow_flow(times, tolerance=DRAW_ACCURACY)
    return training.follow_steps(schedule, (1.0, 1.0), tolerance=DRAW_ACCURACY)


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
        callback: Callback = lambda: None,
    ) -> None:
        self._times, self._callback = problem.times, callback
        self._kernel = JointKernel(replace(problem, seed=problem.seed + draw), precision="single")
        self._training = linearised_training(
            problem, _OnSamples(self._kernel), self._kernel.start, callback=lambda lanczos: callback()
        )
        path = _predict(self._training, problem.times, schedule)
        self.error = path.error
        self.held_out_error = np.repeat(self._kernel.held_out_start[None], len(path.error), axis=0)
        if self.held_out_error.size:
            self.held_out_error -= np.array([self._kernel.apply(integral)[1] for integral in path.integral])

    def change_of_log_error(self) -> np.ndarray:
        """Return the change of ln |u| by feature learning, (T,), see `freqbias.nn.feature_learning`.

        It is that of the flow also for steps of gradient descent, and not for networks with weight decay.
        """
        return change_of_log_error(self._kernel, self._training, self._times, callback=self._callback)
