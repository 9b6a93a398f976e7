"""The steps that a training would take if the network were linear in its parameters.

The step size of a training with step = "auto" follows from errors that are known only during the training. Before the
training, the same rules are applied to the linearised network du/dt = -K u. K is the kernel of the drawn network at
t = 0, or the kernel at infinite width, which is cheaper and nearly the same for wide networks. Lanczos from u(0) gives
eigenvalues and coefficients of u(0) for which the norms of u and of the errors are accurate. The difference to the
steps of the training is feature learning.
"""

import numpy as np
import torch

from freqbias.nn.ntk import Kernel
from freqbias.nn.runge_kutta import RungeKutta
from freqbias.nn.training_plan import TrainingPlan
from freqbias.numerics import Lanczos, Metric, Schedule

PRODUCTS = 15  # products with the kernel; 20 and 60 gave the same number of steps in 40 random trainings
MOST_STEPS = 3000  # the later steps are taken to be as long as the last of these; each needs 0.05 ms


def planned_schedule(plan: TrainingPlan, kernel: Kernel, start: np.ndarray) -> Schedule:
    """Return the steps that the linearised training takes. start: u(0), (C, N)."""
    rule, method = plan.local_error, plan.integrator
    if rule is None or not isinstance(method, RungeKutta):
        return plan.schedule
    eigenvalues, u0 = (torch.from_numpy(each) for each in _modes(kernel, start, plan.problem.loss.metric))
    u, decay = u0, plan.problem.decay.rate

    def slope(u: torch.Tensor) -> torch.Tensor:
        return -eigenvalues * u - decay * (u - u0)

    control, schedule, step = plan.step_control, plan.schedule, 0
    while step < min(schedule.steps, MOST_STEPS):
        size = schedule.step_size(step)
        after = method.advance(slope, u, size, slope(u), estimate=True)
        assert after.local_error is not None
        estimate, change = after.local_error(slope(after.state)).norm(), (after.state - u).norm()
        excess = rule.excess(float(estimate), float(change), size)
        longest, before = rule.accurate_step(size, excess), control
        if excess > 1:
            control = control.after_rejection(step, longest)
        else:
            u, step = after.state, step + 1
            control = control.with_accurate_step(step, longest)
        if control.step_limits != before.step_limits:
            schedule = schedule.replan(step, control.max_step)
    return schedule


def _modes(kernel: Kernel, start: np.ndarray, metric: Metric) -> tuple[np.ndarray, np.ndarray]:
    """Return eigenvalues of K P, and the coefficients of u(0) in the eigenvectors, (m,) each."""
    lanczos = Lanczos(lambda u: kernel.apply(u.reshape(start.shape)).ravel(), start.ravel(), mass=metric.mass)
    lanczos.extend(PRODUCTS)
    values, vectors = lanczos.ritz_pairs()
    return np.maximum(values, 0.0), lanczos.norm * vectors[0]
