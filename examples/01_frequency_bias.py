"""Frequency bias on an image.

The target is an elevation map of 48 x 48 points. The first-layer frequencies of a wide network have a Gaussian density.
The equation gives the spectrum v of the network's error at any time. The remaining error in a band of frequencies is
the square root of the sum of |v|^2 over the band. The network learns higher bands later than lower bands.

Prints: half of the error is left at t = 58.7 below 4 cycles, at t = 389 above 12: 6.6 times later
"""

import matplotlib.pyplot as plt
import numpy as np

from freqbias import pde
from freqbias.compare import band_energy
from freqbias.nn import InfiniteWidthKernel, LinearisedTraining
from freqbias.problem import build, parse

EDGES = (0, 4, 8, 12, 24)  # bands EDGES[b] <= |xi| < EDGES[b + 1], in cycles per side of the map

elevation = {"kind": "file", "path": "matplotlib:jacksboro_fault_dem.npz", "key": "elevation", "points": 48}
run = parse(
    {
        "density": {"kind": "gaussian", "sigma": 8.0},
        "data": {**elevation, "standardize": True},
        "network": {"width": 2, "sigma_a": 1.0},  # required, but unused: the equation is for infinite width
        "time": {"times": np.geomspace(0.1, 3000.0, 60).tolist()},
    }
)
problem = build(run)
spectrum = pde.solve(problem)
energy = band_energy(spectrum, spectrum.error, np.array(EDGES), limit=problem.grid.nyquist).T  # (bands, times)
left = np.sqrt(energy / energy[:, :1])  # |v| / |v(0)|
half = [np.interp(0.5, band[::-1], spectrum.time[::-1]) for band in left]


def draw(path: str) -> None:
    error = LinearisedTraining(InfiniteWidthKernel(problem), -problem.samples.values).flow(problem.times)
    learnt = (error + problem.samples.values).reshape(-1, 48, 48)
    figure, axes = plt.subplots(1, 4, figsize=(10.0, 2.6), layout="constrained", width_ratios=[1, 1, 1, 1.6])
    for panel, step in zip(axes, (20, 40, 60), strict=False):
        panel.imshow(learnt[step].T, origin="lower", vmin=-2, vmax=2, cmap="gray")
        panel.set(title=f"learnt at t = {problem.times[step]:.0f}", xticks=[], yticks=[])
    for band, line, low, high in zip(left, ("-", "--", "-.", ":"), EDGES, EDGES[1:], strict=False):
        axes[3].semilogx(spectrum.time[1:], band[1:], line, label=f"{low} to {high} cycles")
    axes[3].set(xlabel="time t", ylabel="error / initial error", ylim=(0, 1.05))
    axes[3].legend(fontsize=8)
    figure.savefig(path, dpi=80)


print(
    f"half of the error is left at t = {half[0]:.1f} below 4 cycles, at t = {half[-1]:.0f} above 12: "
    f"{half[-1] / half[0]:.1f} times later"
)
assert half == sorted(half) and half[-1] > 5 * half[0]

if __name__ == "__main__":
    draw("01_frequency_bias.png")
