"""Optimisers.

The loss and the density decide which modes there are and how fast gradient descent learns them. The optimiser decides
what it makes of each of them: momentum and Gauss-Newton bring slow modes forward, weight decay stops them. For a wide
network each training follows its prediction by the kernel, step by step. One Krylov space serves them all.

Prints: trainings and predictions differ by at most 0.2 % for all optimisers
"""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np

from freqbias import nn
from freqbias.numerics import Grid
from freqbias.problem import Gaussian, Network, Problem, Training, WeightDecay, waves

STEPS = 60
samples = waves(Grid(shape=(96,), extent=(1.0,)), [[2.0], [6.0], [11.0]], window=0.12)
plain = Problem(Gaussian(5.0), samples, Network(width=5000, sigma_a=0.3), np.array([0.0, 1.0]))
rate = 0.5 / nn.EmpiricalKernel(plain).largest_eigenvalue()  # half of the longest step that is certainly stable
optimisers = {
    "gradient descent": (plain, {"integrator": "gradient-descent", "step": rate}),
    "momentum": (plain, {"integrator": "momentum", "momentum": 0.8, "step": rate / 0.2}),
    "Nesterov, cosine": (
        plain,
        {"integrator": "momentum", "momentum": 0.8, "nesterov": True, "step": rate / 0.2, "rate_schedule": "cosine"},
    ),
    "weight decay": (
        replace(plain, decay=WeightDecay(0.02 / rate)),
        {"integrator": "gradient-descent", "step": rate},
    ),
    "Gauss-Newton": (
        replace(plain, gauss_newton=0.01),
        {"integrator": "gauss-newton", "damping": 0.01, "step": 0.1},
    ),
}
trained, predicted = {}, {}

for name, (stated, keys) in optimisers.items():
    problem = replace(stated, times=keys["step"] * np.arange(0.0, STEPS + 1, 5))
    plan = nn.plan_training(problem, Training(precision="double", **keys))
    errors = np.array([each.error.numpy() for each in nn.trajectory(plan) if each.output is not None])
    kernel = nn.EmpiricalKernel(problem)
    path = plan.integrator.follow(nn.linearised_training(problem, kernel, kernel.start), plan.schedule)
    trained[name], predicted[name] = (
        np.linalg.norm(each, axis=(1, 2)) / np.linalg.norm(errors[0]) for each in (errors, path.error)
    )

apart = max(np.abs(trained[name] - predicted[name]).max() for name in optimisers)


def draw(path: str) -> None:
    figure, axes = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
    steps = np.linspace(0, 1, STEPS // 5 + 1)
    for name, colour in zip(optimisers, ("#000000", "#0072b2", "#56b4e9", "#009e73", "#d55e00"), strict=True):
        axes.semilogy(steps, predicted[name], color=colour, linewidth=0.9)
        axes.semilogy(steps, trained[name], "o", color=colour, ms=3.5, label=name)
    axes.set(xlabel="share of the steps", ylabel="error / initial error", ylim=(2e-4, 1.3))
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=80)


print(f"trainings and predictions differ by at most {100 * apart:.1f} % for all optimisers")
assert apart < 0.02

if __name__ == "__main__":
    draw("13_optimisers.png")
