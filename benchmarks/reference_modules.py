"""Which frequencies networks have learnt, as practitioners train them, against the prediction of their kernels.

    python -m benchmarks.reference_modules

The networks are those of `examples/11_reference_modules.py`: Tancik's, NeRF's, SIREN and a relu network. The target is
an elevation map of 24 x 24 samples. Each network is trained by gradient descent, by SGD on minibatches of 64 samples,
and by Adam. `nn.predict_module` predicts the gradient flow from the kernel at the start. Adam's time is not that of a
flow, so training and prediction are compared at equal loss: a half, a fifth and a twentieth of the start.

For bands of |xi| the table has what is left of the error, |v_b| / |v_b(0)| in per cent: trained (predicted). A network
that has not reached a loss after STEPS steps has no row for it.
"""

import runpy
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from freqbias import nn
from freqbias.problem import load_samples

ROOT = Path(__file__).parents[1]
POINTS, STEPS, BATCH = 24, 3000, 64
LOSSES = (0.5, 0.2, 0.05)  # relative to the start
EDGES = (0.0, 1.0, 2.0, 4.0, 9.0)  # of the bands, cycles per unit length; Nyquist is 6
RATES = {"SIREN": 1e-4}  # of Adam
RATE = 1e-3


def band_amplitudes(errors: np.ndarray) -> np.ndarray:
    """Return the norm of the discrete Fourier transform in each band, (T, B), of errors (T, 1, N) on the grid."""
    spectrum = np.abs(np.fft.fft2(errors.reshape(len(errors), POINTS, POINTS))) ** 2
    frequency = np.fft.fftfreq(POINTS, 2.0 / POINTS)
    radius = np.hypot(*np.meshgrid(frequency, frequency, indexing="ij"))
    bands = [(radius >= low) & (radius < high) for low, high in pairwise(EDGES)]
    return np.sqrt(np.stack([spectrum[:, band].sum(axis=1) for band in bands], axis=1))


def trained(module: torch.nn.Module, x: torch.Tensor, y: torch.Tensor, how: str, rate: float) -> np.ndarray:
    """Return the errors when the loss first reaches each of LOSSES, (L', 1, N), the first L' that it reaches."""
    optimizer = (torch.optim.Adam if how == "Adam" else torch.optim.SGD)(module.parameters(), lr=rate)
    generator, found, start = torch.Generator().manual_seed(0), [], 0.0
    for _ in range(STEPS):
        with torch.no_grad():
            error = module(x) - y
        loss = float(error.square().mean())
        start = start or loss
        while len(found) < len(LOSSES) and loss <= LOSSES[len(found)] * start:
            found.append(error.numpy().T.copy())
        if len(found) == len(LOSSES):
            break
        batch = torch.randperm(len(x), generator=generator)[:BATCH] if how == "minibatches" else slice(None)
        optimizer.zero_grad()
        (0.5 * (module(x[batch]) - y[batch]).square().mean()).backward()
        optimizer.step()
    return np.array(found).reshape(-1, 1, len(x))


def predicted(module: torch.nn.Module, x: torch.Tensor, y: torch.Tensor, largest: float) -> np.ndarray:
    """Return the errors of the flow when the loss is nearest to each of LOSSES, (L, 1, N)."""
    times = np.concatenate([[0.0], np.geomspace(0.01, 1e5, 400) / largest])
    history = nn.predict_module(module, x, y, times=times, tolerance=1e-3)
    left = np.log(history.loss / history.loss[0])
    return history.error[[int(np.abs(left - np.log(loss)).argmin()) for loss in LOSSES]]


def networks() -> dict[str, Callable[[], torch.nn.Module]]:
    names = runpy.run_path(str(ROOT / "examples" / "11_reference_modules.py"))
    features, relu, siren = (names[name] for name in ("FourierFeatures", "relu_layers", "siren"))
    encoding, drawn = names["nerf"].frequencies(2), 3 * names["drawn"]
    return {
        "Tancik": lambda: torch.nn.Sequential(features(drawn), *relu(2 * len(drawn))),
        "NeRF": lambda: torch.nn.Sequential(features(encoding), *relu(2 * len(encoding))),
        "SIREN": siren,
        "relu": lambda: torch.nn.Sequential(*relu(2)),
    }


def main() -> None:
    samples = load_samples("matplotlib:topobathy.npz", key="topo", points=POINTS, extent=2.0).standardized()
    x, y = torch.tensor(samples.sites.positions()), torch.tensor(samples.values.T)
    bands = " | ".join(f"{low:g} to {high:g}" for low, high in pairwise(EDGES))
    print(f"| network | optimiser | loss left | {bands} |\n|---|---|---|{'---|' * (len(EDGES) - 1)}")
    for name, make in networks().items():
        torch.manual_seed(0)
        first = make().double()
        largest = nn.module_kernel(first, x).largest_eigenvalue()
        start = (first(x) - y).detach().numpy().T[None]
        prediction = band_amplitudes(predicted(first, x, y, largest)) / band_amplitudes(start)
        for how in ("gradient descent", "minibatches", "Adam"):
            torch.manual_seed(0)
            rate = RATES.get(name, RATE) if how == "Adam" else (1.0 if how == "gradient descent" else 0.3) / largest
            errors = trained(make().double(), x, y, how, rate)
            left = band_amplitudes(errors) / band_amplitudes(start)
            for loss, ours, theirs in zip(LOSSES, left, prediction, strict=False):
                cells = " | ".join(f"{100 * a:.0f} ({100 * b:.0f})" for a, b in zip(ours, theirs, strict=True))
                print(f"| {name} | {how} | {100 * loss:.0f} % | {cells} |", flush=True)


if __name__ == "__main__":
    main()
