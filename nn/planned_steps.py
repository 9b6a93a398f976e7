"""The steps that a training would take if the network were linear in its parameters.

The step size of a training with step = "auto" follows from errors that are known only during the training. Before the
training, the same rules are applied to the linearised network du/dt = -K u, K the kernel of the drawn network at t = 0.
Lanczos from u(0) gives eigenvalues and coefficients of u(0) for which the norms of u and of the errors are accurate.
The difference to the steps of the training is feature learning.
"""

import numpy as np
import torch

from freqbias.nn.ntk import EmpiricalKernel
from freqbias.nn.runge_kutta import RungeKutta
from freqbias.nn.training_plan import TrainingPlan
from freqbias.numerics import Lanczos, Schedule

PRODUCTS = 30  # products with the kernel; the number of steps changed by less than 2 % with twice as many
MOST_STEPS = 3000  # the later steps are taken to be as long as the last of these; each needs 0.2 ms


def planned_schedule(plan: TrainingPlan, kernel: EmpiricalKernel) -> Schedule:
    """Return the steps that the linearised training takes. kernel: the kernel of the drawn network of the plan."""
    rule, method = plan.local_error, plan.integrator
    if rule is None or not isinstance(method, RungeKutta):
        return plan.schedule
    eigenvalues, start = (torch.from_numpy(each) for each in _modes(kernel))
    control, schedule, u, step = plan.step_control, plan.schedule, start, 0
    while step < min(schedule.steps, MOST_STEPS):
        size = schedule.step_size(step)
        after = method.advance(lambda u: -eigenvalues * u, u, size, -eigenvalues * u, estimate=True)
        assert after.local_error is not None
        estimate, change = after.local_error(-eigenvalues * after.state).norm(), (after.state - u).norm()
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


def _modes(kernel: EmpiricalKernel) -> tuple[np.ndarray, np.ndarray]:
    """Return eigenvalues of the kernel, and the coefficients of u(0) in the eigenvectors, (m,) each."""
    shape = kernel.start.shape
    lanczos = Lanczos(lambda u: kernel.apply(u.reshape(shape)).ravel(), kernel.start.ravel())
    for _ in range(min(PRODUCTS, kernel.start.size)):
        lanczos.step()
        if lanczos.beta[-1] == 0:
            break
    values, vectors = lanczos.ritz_pairs()
    return np.maximum(values, 0.0), lanczos.norm * vectors[0]
