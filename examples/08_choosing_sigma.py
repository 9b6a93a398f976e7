"""Choosing sigma.

The target is an elevation map, and every second point along each axis is used for training. `freqbias.design` predicts
the loss of a network of 2000 neurons after 100 steps of gradient descent, without training, for many Gaussian
densities. The training loss is least for the widest density, and the loss on the held-out points in between. The
networks at both choices are then trained, to see what the choice is worth.

Prints: held-out loss at the chosen sigma: 0.038; at the sigma of the least training loss: 0.13
"""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np

import freqbias
from freqbias import nn
from freqbias.compare import Candidate
from freqbias.problem import Design, Training, build, parse

elevation = {"kind": "file", "path": "matplotlib:jacksboro_fault_dem.npz", "key": "elevation", "points": 64}
run = parse(
    {
        "density": {"kind": "gaussian", "sigma": 1.0},  # required, but design ignores it
        "data": {**elevation, "standardize": True, "held_out": {"every": 2}},
        "network": {"width": 2000, "sigma_a": 1.0},
        "time": {"end": 1.0},  # design ignores it too
    }
)
problem = build(run)
STEPS = 100
result = freqbias.design(problem, Design(families=["gaussian"], steps=[STEPS], draws=1))
tried = sorted(result.predictions, key=lambda each: each.candidate.scale)
best, misled = result.best, min(tried, key=lambda each: each.training)


def train(candidate: Candidate, largest: float) -> float:
    """Return the held-out loss after gradient descent with the step 1/lambda_max."""
    trained = replace(candidate.problem(problem), times=np.array([0.0, STEPS / largest]))
    history = nn.train(trained, Training(integrator="gradient-descent", step=1 / largest))
    return float(history.held_out_loss[-1])


trained = {each: train(each.candidate, each.largest) for each in (best, misled)}


def draw(path: str) -> None:
    figure, axes = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
    sigma = [each.candidate.scale for each in tried]
    axes.loglog(sigma, [each.held_out for each in tried], "-", color="#0072b2", label="predicted, held-out points")
    axes.loglog(sigma, [each.training for each in tried], "--", color="#d55e00", label="predicted, training points")
    marked = [each.candidate.scale for each in trained]
    axes.loglog(marked, list(trained.values()), "o", color="black", markerfacecolor="none", label="trained, held-out")
    axes.set(xlabel="sigma (cycles/side of the map)", ylabel=f"loss after {STEPS} steps")
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=80)


print(
    f"held-out loss at the chosen sigma: {trained[best]:.3f}; at the sigma of the least training loss: "
    f"{trained[misled]:.2f}"
)
assert trained[best] < 0.4 * trained[misled] and abs(best.held_out / trained[best] - 1) < 0.05

if __name__ == "__main__":
    draw("08_choosing_sigma.png")
