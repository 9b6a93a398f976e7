"""Gauss-Newton.

Gradient descent learns each frequency at its rate kappa. The damped Gauss-Newton method learns it at the rate
kappa / (kappa + eps), which is near 1 for all kappa far above eps. So the frequency bias disappears as eps falls. The
target is a short pulse, which contains all frequencies, so that a rate can be measured at each frequency. The lines
are the formula, which the equation agrees with to 1e-4. The circles are trained networks, whose finite steps are up to
2.6 % faster.

Prints: the largest rate on |xi| < 25 over the least: 23 for gradient descent, 1.2 for Gauss-Newton
"""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np

from freqbias import nn, pde
from freqbias.compare import mean_rate, project, theory_rate
from freqbias.numerics import Grid
from freqbias.problem import Gaussian, Network, Pde, Problem, Samples, Training

BAND = 25.0  # cycles/unit length
COLOURS = {1.0: "#0072b2", 0.1: "#009e73", 0.01: "#d55e00"}  # by the damping, eps over the largest rate
grid = Grid(shape=(96,), extent=(1.0,))
pulse = Samples(grid, np.exp(-(grid.positions().T ** 2) / (2 * 0.008**2)))
network = Network(width=10_000, sigma_a=0.01, sampling="sobol")
descent = Problem(Gaussian(10.0), pulse, network, np.array([0.0, 0.25, 0.5]))
largest = theory_rate(descent, np.zeros((1, 1)))[0]

solution = pde.solve(replace(descent, times=descent.times / largest), Pde(tolerance=1e-5))
xi = solution.frequency
inside = np.abs(xi[:, 0]) < BAND
plain = mean_rate(solution.time, solution.error, floor=0.0)
formula, equation, trained = {}, {}, {}

for damping in COLOURS:
    problem = replace(descent, gauss_newton=damping)
    solution = pde.solve(problem, Pde(tolerance=1e-5))
    eps = solution.attributes["shift"]
    formula[damping] = theory_rate(descent, xi) / (theory_rate(descent, xi) + eps)
    equation[damping] = mean_rate(problem.times, project(solution.sample_error, grid, xi), floor=0.0)
    history = nn.train(problem, Training(integrator="gauss-newton", damping=damping, step=0.05))
    trained[damping] = mean_rate(problem.times, project(history.error, grid, xi), floor=0.0)


def draw(path: str) -> None:
    figure, axes = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
    axes.plot(xi, plain / plain.max(), color="black", linewidth=0.9, label="gradient descent, over its maximum")
    for damping, colour in COLOURS.items():
        axes.plot(xi, formula[damping], color=colour, linewidth=0.9, label=f"Gauss-Newton, damping {damping:g}")
        axes.plot(xi[::12], trained[damping][::12], "o", color=colour, ms=3.5, markerfacecolor="none")
    axes.set(xlim=(-BAND, BAND), ylim=(0, 1.05), xlabel="frequency (cycles/unit length)", ylabel=r"$\kappa$")
    axes.legend(fontsize=8, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    figure.savefig(path, dpi=80)


bias = {name: each[inside].max() / each[inside].min() for name, each in {"plain": plain, **equation}.items()}
apart = [max(np.abs(each[d] / formula[d] - 1)[inside].max() for d in COLOURS) for each in (equation, trained)]
print(
    f"the largest rate on |xi| < {BAND:g} over the least: {bias['plain']:.0f} for gradient descent, {bias[0.01]:.1f} "
    "for Gauss-Newton"
)
assert apart[0] < 2e-4 and apart[1] < 0.05 and bias[0.01] < 1.3

if __name__ == "__main__":
    draw("15_gauss_newton.png")
