"""Your own network.

A few lines of PyTorch define a network. Gradient descent on the loss 1/2 mean u^2 trains the frequencies and the output
weights of this network. Step s is at the time t = s * step. `compare` needs only the network's errors u at the output
times, as an `ErrorHistory`.

Prints: the distance between network and equation is at most 1.4 % of the initial error
"""

import numpy as np
import torch

from freqbias import compare, pde
from freqbias.numerics import Grid
from freqbias.problem import ErrorHistory, Gaussian, Network, Problem, waves

WIDTH, STEP, SIGMA_A = 4000, 0.25, 1.0
samples = waves(Grid(shape=(64,), extent=(1.0,)), [[3.0], [8.0]], window=0.12)
times = np.linspace(0.0, 30.0, 7)
problem = Problem(Gaussian(6.0), samples, Network(width=WIDTH, sigma_a=SIGMA_A), times)

torch.manual_seed(0)
x, target = torch.tensor(problem.grid.positions()[:, 0]), torch.tensor(samples.values[0])
half = WIDTH // 2  # pair each neuron with its negative, so that f = 0 at t = 0
w = (6.0 * torch.randn(half, dtype=torch.float64)).repeat(2)
a, b = (torch.cat([drawn, -drawn]) for drawn in SIGMA_A * torch.randn(2, half, dtype=torch.float64))
parameters = [p.requires_grad_() for p in (w, a, b)]


def u() -> torch.Tensor:
    angle = 2 * np.pi * x[:, None] * w
    return (torch.cos(angle) @ a + torch.sin(angle) @ b) / WIDTH**0.5 - target


errors = []
for step in range(round(times[-1] / STEP) + 1):
    error = u()
    if any(np.isclose(step * STEP, times)):
        errors.append(error.detach().numpy())
    gradients = torch.autograd.grad(0.5 * error.square().mean(), parameters)
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.sub_(STEP * gradient)

error = np.array(errors)[:, None, :]  # (times, channels, samples)
history = ErrorHistory(times, problem.grid.positions(), error, 0.5 * np.mean(error**2, axis=2).sum(axis=1))
comparison = compare.compare(pde.solve(problem), history, problem)
distance = comparison.metrics["error_over_initial"].max()


def draw(path: str) -> None:
    compare.draw_comparison(comparison).savefig(path, dpi=110)


print(f"the distance between network and equation is at most {100 * distance:.1f} % of the initial error")
assert distance < 0.1

if __name__ == "__main__":
    draw("06_your_own_network.png")
