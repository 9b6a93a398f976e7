"""A deeper network.

A hidden layer with relu follows the Fourier features. The same equation holds with another damping. The tail of this
damping falls only as |xi|^-2, even if rho_w falls much faster. The damping also has a point mass at xi = 0. So a deeper
network also learns frequencies that its first layer does not contain.

Prints: damping at 25 cycles / damping at 0: 4e-06 with two layers, 9e-03 with three; distance from the kernel 9e-05
"""

import matplotlib.pyplot as plt
import numpy as np

from freqbias import pde
from freqbias.compare import project
from freqbias.nn import InfiniteWidthKernel, LinearisedTraining
from freqbias.numerics import Grid
from freqbias.problem import Gaussian, Network, Problem, waves

samples = waves(Grid(shape=(128,), extent=(1.0,)), [[10.0]], window=0.02)
times = np.linspace(0.0, 40.0, 11)
shallow = Problem(Gaussian(5.0), samples, Network(width=2, sigma_a=1.0), times)
deep = Problem(Gaussian(5.0), samples, Network(width=2, sigma_a=1.0, depth=3), times)

spectrum = pde.solve(deep)
flow = LinearisedTraining(InfiniteWidthKernel(deep), -samples.values).flow(times)
exact = project(flow, deep.grid, spectrum.frequency)[:, 0]
distance = (np.linalg.norm(spectrum.error[:, 0] - exact, axis=1) / np.linalg.norm(exact[0])).max()

xi = np.arange(0.0, 61.0)
damping = {layers: problem.laws.damping.value(xi[:, None]) for layers, problem in ((2, shallow), (3, deep))}
far = {layers: values[25] / values[0] for layers, values in damping.items()}


def draw(path: str) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.0, 3.2), layout="constrained")
    for (layers, values), line in zip(damping.items(), ("--", "-"), strict=True):
        left.semilogy(xi, values, line, label=f"{layers} layers")
    left.set(xlabel="frequency (cycles/unit length)", ylabel="damping without its point mass", ylim=(1e-8, 1))
    for step, colour in zip((0, 2, 10), ("#000000", "#56b4e9", "#d55e00"), strict=True):
        right.plot(
            spectrum.frequency[:, 0], np.abs(spectrum.error[step, 0]), color=colour, label=f"t = {times[step]:.0f}"
        )
        right.plot(
            spectrum.frequency[::8, 0], np.abs(exact[step, ::8]), "o", color=colour, ms=3, markerfacecolor="none"
        )
    right.set(xlim=(0, 40), xlabel="frequency (cycles/unit length)", ylabel="|v|; kernel: circles")
    left.legend(fontsize=8)
    right.legend(fontsize=8)
    figure.savefig(path, dpi=80)


print(
    f"damping at 25 cycles / damping at 0: {far[2]:.0e} with two layers, {far[3]:.0e} with three; "
    f"distance from the kernel {distance:.0e}"
)
assert far[3] > 1e3 * far[2] and distance < 1e-3

if __name__ == "__main__":
    draw("05_deeper_network.png")
