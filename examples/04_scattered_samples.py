"""Scattered samples.

The data are 400 measurements at random places. Most places are close to the origin. The equation needs no grid, because
the data operator works with any positions. The reference for the loss is the kernel at infinite width.

Prints: at 400 scattered places the losses agree to 1e-07 of the initial loss
"""

import matplotlib.pyplot as plt
import numpy as np

from freqbias import pde
from freqbias.nn import InfiniteWidthKernel, LinearisedTraining
from freqbias.numerics import Scattered
from freqbias.problem import Gaussian, Network, Pde, Problem, Samples

random = np.random.default_rng(0)
x = np.clip(0.2 * random.standard_normal((400, 2)), -0.5, 0.5)
target = np.sin(2 * np.pi * (2 * x[:, 0] + x[:, 1])) + 0.5 * np.cos(2 * np.pi * 5 * x[:, 1])
times = np.array([0.0, *np.geomspace(0.3, 300.0, 20)])
problem = Problem(Gaussian(3.0), Samples(Scattered(x), target[None, :]), Network(width=2, sigma_a=1.0), times)

spectrum = pde.solve(problem, Pde(tolerance=1e-3))
error = LinearisedTraining(InfiniteWidthKernel(problem), -problem.samples.values).flow(times)[:, 0]
loss = 0.5 * np.mean(error**2, axis=1)
distance = np.abs(spectrum.loss - loss).max() / loss[0]


def draw(path: str) -> None:
    figure, axes = plt.subplots(1, 3, figsize=(10.0, 3.0), layout="constrained", width_ratios=[1, 1, 1.3])
    for panel, step in zip(axes, (0, 12), strict=False):
        shown = panel.scatter(*x.T, c=error[step], s=4, vmin=-1.5, vmax=1.5, cmap="PuOr")
        panel.set(title=f"error at t = {times[step]:.2g}", xlabel=r"$x_1$", ylabel=r"$x_2$", aspect="equal")
    figure.colorbar(shown, ax=axes[1])
    axes[2].loglog(times[1:], spectrum.loss[1:], "-", color="#56b4e9", label="finite elements")
    axes[2].loglog(times[1:], loss[1:], "o", color="black", ms=3, markerfacecolor="none", label="kernel")
    axes[2].set(xlabel="time t", ylabel="loss")
    axes[2].legend(fontsize=8)
    figure.savefig(path, dpi=80)


print(f"at {len(x)} scattered places the losses agree to {distance:.0e} of the initial loss")
assert distance < 1e-3

if __name__ == "__main__":
    draw("04_scattered_samples.png")
