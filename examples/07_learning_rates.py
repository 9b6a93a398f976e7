"""Frequency learning rates.

kappa = -d/dt log |v| measures how fast each frequency is learnt, where v is the spectrum of the error. With small
output weights, kappa is equal to rho_w divided by the length of the data. So with a density of half the width, the
network learns the lowest frequencies twice as fast. The target is a short pulse, which contains all frequencies, so
that a rate can be measured at each frequency.

Prints: kappa agrees with rho_w / length to 2e-04, where rho_w is more than 5 % of its maximum
"""

import matplotlib.pyplot as plt
import numpy as np

from freqbias import pde
from freqbias.compare import mean_rate, theory_rate
from freqbias.numerics import Grid
from freqbias.problem import Gaussian, Network, Pde, Problem, waves

samples = waves(Grid(shape=(512,), extent=(1.0,)), [[20.0]], window=0.006)
times = np.array([0.0, 1.0, 2.0])
xi, kappa, theory = {}, {}, {}

for sigma in (5.0, 10.0):
    problem = Problem(Gaussian(sigma), samples, Network(width=2, sigma_a=0.01), times)
    spectrum = pde.solve(problem, Pde(tolerance=1e-5))
    v = spectrum.error
    xi[sigma] = spectrum.frequency[:, 0]
    kappa[sigma] = mean_rate(spectrum.time, v, floor=0.01 * np.abs(v[0]).max())
    theory[sigma] = theory_rate(problem, spectrum.frequency)  # rho_w / extent

learnt = {sigma: (theory[sigma] > 0.05 * theory[sigma].max()) & np.isfinite(kappa[sigma]) for sigma in kappa}
apart = max(np.abs(kappa[s][learnt[s]] / theory[s][learnt[s]] - 1).max() for s in kappa)


def draw(path: str) -> None:
    figure, axes = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
    for sigma, colour in zip(kappa, ("#d55e00", "#0072b2"), strict=True):
        axes.plot(xi[sigma], theory[sigma], color=colour, linewidth=0.8, label=rf"$\rho_w$, $\sigma$ = {sigma:g}")
        axes.plot(
            xi[sigma][::6],
            kappa[sigma][::6],
            "o",
            color=colour,
            ms=3,
            markerfacecolor="none",
            label=r"$\kappa$ measured",
        )
    axes.set(xlim=(-30, 30), xlabel="frequency (cycles/unit length)", ylabel=r"$\kappa$ (1/time)")
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=80)


print(f"kappa agrees with rho_w / length to {apart:.0e}, where rho_w is more than 5 % of its maximum")
assert apart < 0.02

if __name__ == "__main__":
    draw("07_learning_rates.png")
