"""Networks as their authors describe them.

Four networks for images, in plain PyTorch: Tancik's random Fourier features (arXiv 2006.10739) and NeRF's positional
encoding (arXiv 2003.08934), each with relu layers on top; SIREN (arXiv 2006.09661); and a relu network of the plain
coordinates. Gradient descent trains each of them. `nn.predict_module` predicts the training from the kernel of the
network at its start. For the first three, `problem.mlp_laws` and `problem.siren_laws` give the kernel at infinite
width, so the equation predicts the training without a network. The plain relu network has no such law. With 256 neurons
a layer, all of them soon learn features, and then they learn faster than their kernels predict.

Prints: after 13 steps, training and prediction differ by this part of the error at the start
Tancik: 1.8 % by its kernel, 5.6 % by its law
NeRF: 0.3 % by its kernel, 2.3 % by its law
SIREN: 8.6 % by its kernel, 10.6 % by its law
relu: 0.4 % by its kernel
"""

import math
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import torch

from freqbias import nn, pde
from freqbias.numerics import Grid
from freqbias.problem import Gaussian, Laws, Network, Octaves, Pde, Problem, mlp_laws, siren_density, siren_laws, waves

WIDTH, LAYERS, FEATURES, STEPS = 256, 2, 128, 100
EARLY = 13  # a recorded step at which the networks have hardly changed
grid = Grid(shape=(12, 12), extent=(2.0, 2.0))  # SIREN wants coordinates in [-1, 1]
samples = waves(grid, [[0.5, 0.5], [1.0, -0.5], [2.0, 1.0]], window=0.5)


class FourierFeatures(torch.nn.Module):
    """y = [cos 2 pi W x, sin 2 pi W x] with fixed W."""

    def __init__(self, w: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("w", torch.tensor(w))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        angle = 2 * math.pi * x @ self.w.T
        return torch.cat([angle.cos(), angle.sin()], dim=1)


class Sine(torch.nn.Module):
    """A layer of SIREN, sin(omega_0 (W x + b)), W uniform on +-1/F, or +-sqrt(6/F)/omega_0 after the first layer."""

    def __init__(self, inputs: int, outputs: int, omega_0: float = 30.0, *, first: bool = False) -> None:
        super().__init__()
        self.linear, self.omega_0 = torch.nn.Linear(inputs, outputs), omega_0
        bound = 1 / inputs if first else math.sqrt(6 / inputs) / omega_0
        torch.nn.init.uniform_(self.linear.weight, -bound, bound)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sin(self.omega_0 * self.linear(x))


def relu_layers(inputs: int) -> list[torch.nn.Module]:
    sizes = [inputs, *[WIDTH] * LAYERS]
    hidden = [layer for pair in pairwise(sizes) for layer in (torch.nn.Linear(*pair), torch.nn.ReLU())]
    return [*hidden, torch.nn.Linear(WIDTH, 1)]


def siren() -> torch.nn.Module:
    last = torch.nn.Linear(WIDTH, 1)
    torch.nn.init.uniform_(last.weight, -math.sqrt(6 / WIDTH) / 30, math.sqrt(6 / WIDTH) / 30)
    return torch.nn.Sequential(Sine(2, WIDTH, first=True), *[Sine(WIDTH, WIDTH) for _ in range(LAYERS)], last)


torch.manual_seed(0)
tancik, nerf = Gaussian(1.0), Octaves(0.5, 4)
drawn = tancik.from_unit_cube(np.random.default_rng(0).random((FEATURES, 2)))
relu = {"width": WIDTH, "hidden_layers": LAYERS}
networks: dict[str, tuple[torch.nn.Module, Laws | None]] = {
    "Tancik": (
        torch.nn.Sequential(FourierFeatures(drawn), *relu_layers(2 * FEATURES)),
        mlp_laws(tancik, 2, features=FEATURES, **relu),
    ),
    "NeRF": (
        torch.nn.Sequential(FourierFeatures(nerf.frequencies(2)), *relu_layers(16)),
        mlp_laws(nerf, 2, features=8, **relu),
    ),
    "SIREN": (siren(), siren_laws(siren_density(30.0, 2), Network(width=WIDTH, depth=2 + LAYERS, omega_0=30.0), 2)),
    "relu": (torch.nn.Sequential(*relu_layers(2)), None),
}
x, y = torch.tensor(grid.positions()), torch.tensor(samples.values.T)
records = np.unique([*np.geomspace(1, STEPS, 8).astype(int), EARLY])


def trained_errors(module: torch.nn.Module, step: float) -> np.ndarray:
    """Return u after the recorded numbers of steps of gradient descent on 1/2 mean u^2, (records, 1, N)."""
    optimizer, errors = torch.optim.SGD(module.parameters(), lr=step), []
    for k in range(1, STEPS + 1):
        optimizer.zero_grad()
        (0.5 * (module(x) - y).square().sum(dim=1).mean()).backward()
        optimizer.step()
        if k in records:
            errors.append((module(x) - y).detach().numpy().T)
    return np.array(errors)


def by_the_law(laws: Laws, time: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return u at the times by the equation, from the errors `start`, (T, 1, N)."""
    network = Network(width=WIDTH, sigma_a=1.0)  # a Problem has a network, but the equation needs the laws only
    density = laws.damping.density  # type: ignore[attr-defined]
    problem = Problem(density, samples, network, time, laws=laws, initial_error=start)
    return pde.solve(problem, Pde(tolerance=1e-2)).sample_error


errors: dict[str, dict[str, np.ndarray]] = {}  # u at the start and at the records, by network and source
for name, (module, laws) in networks.items():
    module.double()
    step = 0.5 / nn.module_kernel(module, x).largest_eigenvalue()
    kernel = nn.predict_module(module, x, y, steps=[0, *records], step=step)
    errors[name] = {"kernel": kernel.error}
    if laws is not None:
        errors[name]["law"] = by_the_law(laws, kernel.time, kernel.error[0])
    errors[name]["trained"] = np.concatenate([kernel.error[:1], trained_errors(module, step)])


def distance(name: str, source: str) -> float:
    """Return |u - u_trained| / |u(0)| after EARLY steps."""
    trained = errors[name]["trained"]
    early = 1 + int(np.flatnonzero(records == EARLY)[0])
    return float(np.linalg.norm(errors[name][source][early] - trained[early]) / np.linalg.norm(trained[0]))


def draw(path: str) -> None:
    figure, panels = plt.subplots(1, 4, figsize=(9.5, 2.6), sharey=True, layout="constrained")
    styles = {"trained": ("black", "-", "o"), "kernel": ("#0072b2", "--", ""), "law": ("#d55e00", ":", "")}
    for panel, (name, sources) in zip(panels, errors.items(), strict=True):
        for source, (colour, line, marker) in styles.items():
            if source in sources:
                left = np.linalg.norm(sources[source], axis=(1, 2)) / np.linalg.norm(sources["trained"][0])
                panel.plot([0, *records], 100 * left, color=colour, linestyle=line, marker=marker, markersize=3)
        panel.set(title=name, xlabel="steps", ylim=(0, 105))
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("error left, %")
    for source, label in (("trained", "trained"), ("kernel", "kernel at the start"), ("law", "law, infinite width")):
        colour, line, marker = styles[source]
        panels[0].plot([], [], color=colour, linestyle=line, marker=marker, markersize=3, label=label)
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    figure.savefig(path, dpi=110)


print(f"after {EARLY} steps, training and prediction differ by this part of the error at the start")
for name, sources in errors.items():
    words = [
        f"{100 * distance(name, source):.1f} % by its {source}" for source in ("kernel", "law") if source in sources
    ]
    print(f"{name}: {', '.join(words)}")
    assert all(distance(name, source) < 0.12 for source in ("kernel", "law") if source in sources)

if __name__ == "__main__":
    draw("11_reference_modules.png")
