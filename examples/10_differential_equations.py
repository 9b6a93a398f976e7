"""Differential equations.

A Fourier Features network learns the solutions of two boundary value problems from the equations alone: in 1-D the
Poisson equation, -f'' = g, and in 2-D the Helmholtz equation, Laplacian f + k^2 f = g. `FourierSum` gives values and
Laplacian at the samples by one transform each, and torch differentiates both with respect to frequencies and output
weights. The loss is the mean square of the equation inside plus a weighted mean square of the error at the boundary.

Prints: both solutions are right to 0.01 of their norm
"""

from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
import torch

from freqbias.nn import FourierSum, make_transforms
from freqbias.numerics import Grid, Scattered

WIDTH, ITERATIONS, BOUND = 100, 120, 0.01
Solution = Callable[[np.ndarray], np.ndarray]


def solve(
    grid: Grid, sigma: float, wavenumber: float, right: np.ndarray, edge: np.ndarray, on_edge: np.ndarray
) -> np.ndarray:
    """Return f on the grid, (N,), where Laplacian f + wavenumber^2 f = right, and f = on_edge at the edge, (P, d)."""
    torch.manual_seed(0)
    inside, outside = (
        FourierSum(make_transforms("dense", sites, "double", torch.device("cpu")), sites)
        for sites in (grid, Scattered(edge))
    )
    w = (sigma * torch.randn(grid.dimension, WIDTH, dtype=torch.float64)).requires_grad_()
    c = torch.zeros(1, WIDTH, 2, dtype=torch.float64, requires_grad=True)
    g, f_edge = torch.from_numpy(right), torch.from_numpy(on_edge)
    weight = float(g.square().mean() / f_edge.square().mean().clamp(min=1.0))
    optimiser = torch.optim.LBFGS([w, c], max_iter=ITERATIONS, history_size=50, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        amplitudes = torch.view_as_complex(c) / WIDTH**0.5
        residual = inside.laplacian(w, amplitudes) + wavenumber**2 * inside.values(w, amplitudes) - g
        loss = residual.square().mean() + weight * (outside.values(w, amplitudes) - f_edge).square().mean()
        loss.backward()
        return loss

    optimiser.step(closure)
    return inside.values(w, torch.view_as_complex(c) / WIDTH**0.5).detach().numpy()[0]


def distance(found: np.ndarray, exact: np.ndarray) -> float:
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


line = Grid((64,), (1.0,))
x = line.positions()[:, 0]
exact_1d = np.cos(np.pi * x) + 0.2 * np.sin(6 * np.pi * x)  # 0 at -1/2 and 1/2
edge_1d = np.array([[-0.5], [0.5]])
laplacian_1d = -(np.pi**2) * np.cos(np.pi * x) - 0.2 * (6 * np.pi) ** 2 * np.sin(6 * np.pi * x)
poisson = solve(line, 2.0, 0.0, laplacian_1d, edge_1d, np.zeros(2))

K = 8.0
plane = Grid((20, 20), (1.0, 1.0))
p = plane.positions()
exact_2d = np.sin(2 * np.pi * p[:, 0]) * np.cos(np.pi * p[:, 1])
side = np.linspace(-0.5, 0.5, 24)
corner = np.full_like(side, 0.5)
sides = [(side, corner), (side, -corner), (corner, side), (-corner, side)]
edge_2d = np.concatenate([np.stack(each, axis=1) for each in sides])
on_edge = np.sin(2 * np.pi * edge_2d[:, 0]) * np.cos(np.pi * edge_2d[:, 1])
helmholtz = solve(plane, 1.0, K, (K**2 - 5 * np.pi**2) * exact_2d, edge_2d, on_edge)


def draw(path: str) -> None:
    figure, axes = plt.subplots(1, 3, figsize=(10.0, 3.0), layout="constrained", width_ratios=[1.3, 1, 1])
    axes[0].plot(x, exact_1d, color="#b0b0b0", lw=3, label="exact")
    axes[0].plot(x, poisson, "--", color="black", lw=1, label="network")
    axes[0].set(title="Poisson equation", xlabel="x", ylabel="f")
    axes[0].legend(fontsize=8)
    panels = {"Helmholtz equation": helmholtz, "its error": helmholtz - exact_2d}
    for panel, (title, values) in zip(axes[1:], panels.items(), strict=True):
        shown = panel.imshow(values.reshape(plane.shape).T, origin="lower", extent=(-0.5, 0.5, -0.5, 0.5), cmap="PuOr")
        panel.set(title=title, xlabel=r"$x_1$", ylabel=r"$x_2$")
        figure.colorbar(shown, ax=panel)
    figure.savefig(path, dpi=80)


assert max(distance(poisson, exact_1d), distance(helmholtz, exact_2d)) < BOUND
print(f"both solutions are right to {BOUND:g} of their norm")

if __name__ == "__main__":
    draw("10_differential_equations.png")
