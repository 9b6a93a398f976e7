"""Figure 3: how fast each frequency is learnt under normal densities of several standard deviations, and under uniform
ones of several widths; sigma_a = 0.01, the target an impulse.

Theory is kappa = rho_w / prod extent. A network scatters about it: its kernel holds the mean over n independent w_k in
place of the integral over rho_w, and data over the extent L see that through D(s) = sin(pi L s) / (pi L s),

    kappa_n(xi) = 1/n sum_k [D(xi - w_k) + D(xi + w_k)] / 2,

which for |xi| > 1/L has the variance rho_w / (2 L n), since the integral of D^2 is 1/L and rho_w is even.
"""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from freqbias.compare.kappa import comparison_rates
from freqbias.compare.paper.making import Job, PaperRun, Result
from freqbias.compare.style import frequency_label, open_frame, percent
from freqbias.problem import Network
from freqbias.runtime import log

KINDS: dict[str, tuple[str, str, str, float]] = {  # by run file: key, its symbol, title, end over key
    "figure3-normal": ("sigma", r"\sigma_w", r"normal $\rho_w$", 5.0),
    "figure3-uniform": ("radius", "R", r"uniform $\rho_w$", 32.0),
}
VALUES = (5.0, 10.0, 20.0)  # of that key [cycles/length]
LINES = [("#0072b2", "-"), ("#d55e00", (0, (5, 1.5))), ("#009e73", (0, (1, 1.2)))]  # Okabe and Ito 2008
MARKS: dict[str, dict[str, Any]] = {
    "pde": {"marker": "o", "markersize": 4, "markerfacecolor": "none", "markeredgewidth": 0.7},
    "infinite-width": {"marker": "x", "markersize": 3, "markeredgewidth": 0.7},
}
COUNT = 9  # markers of a kind on a curve
SIGNAL = 0.05  # of the largest rho_w: as far as theory is held to
EDGE = 6.0  # over the extent: closer to a jump of rho_w the data hardly tell its sides apart
DEVIATIONS = 2.0  # standard ones, half the height of the band


def jobs(paper_run: PaperRun) -> list[Job]:
    runs = []
    for stem, (key, _, _, end) in KINDS.items():
        plain = getattr(paper_run.take(stem).density, key)
        for value in VALUES:
            name = stem if value == plain else f"{stem}-{value:g}"
            changes: dict[str, Any] = {"density": {key: value}, "time": {"end": end * value}}
            runs.append(paper_run.take(stem, name=name, quick={"width": 10_000}, **changes))
    return [Job(run) for run in runs]


def draw(results: list[Result]) -> dict[str, Figure]:
    figure = Figure(figsize=(7.1, 3.5))
    panels = figure.subplots(1, 2)
    of_each = (results[: len(VALUES)], results[len(VALUES) :])
    for result in results:
        apart = ", ".join(f"{name} {percent(share)}" for name, share in from_theory(result).items())
        log.info("%s: largest distance from theory: %s", result.run.name, apart)
    for panel, shown, (key, symbol, title, _) in zip(panels, of_each, KINDS.values(), strict=True):
        ends = []
        for result, (colour, dashes) in zip(shown, LINES, strict=True):
            words = f"network, ${symbol}$ = {getattr(result.run.density, key):g}"
            ends.append(_curve(panel, result, colour, dashes, words))
        (extent,) = shown[0].problem.grid.extent
        panel.set(
            xlim=(0, 1.2 * max(ends)),
            ylim=(0, None),
            title=f"{title}, data over an extent of {extent:g}",
            xlabel=frequency_label(shown[0].problem.unit),
        )
        panel.legend(loc="upper right")
        open_frame(panel)
    panels[0].set_ylabel(r"mean learning rate $\kappa$ (1/time)")
    black: dict[str, Any] = {"color": "black", "linestyle": "none"}
    handles = [
        Line2D([], [], color="black", linewidth=0.5, label=r"theory, $\rho_w$ / extent"),
        Line2D([], [], **black, **MARKS["pde"], label="finite elements"),
        Line2D([], [], **black, **MARKS["infinite-width"], label="kernel at infinite width"),
        Patch(color="0.8", linewidth=0, label=f"sampling error of {results[0].run.network.width:,} neurons (95 %)"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=2)
    return {"figure3": figure}


def _curve(panel: Axes, result: Result, colour: str, dashes: Any, words: str) -> float:
    """Returns the largest frequency that theory is held to."""
    xi, theory, rates = measured(result)
    band = DEVIATIONS * sampling_error(theory, result.run.network)
    panel.fill_between(xi, theory - band, theory + band, color=colour, alpha=0.25, linewidth=0)
    panel.plot(xi, rates["nn"], color=colour, linestyle=dashes, linewidth=0.9, label=words)
    panel.plot(xi, theory, color="black", linewidth=0.5)
    held = np.flatnonzero(within_reach(result, xi))
    for i, (name, how) in enumerate(MARKS.items()):
        places = np.linspace(held[0], held[-1], 2 * COUNT).round().astype(int)[i::2]
        panel.plot(xi[places], rates[name][places], color="black", linestyle="none", zorder=3, **how)
    return float(xi[held[-1]])


def measured(result: Result) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """xi >= 0 at the nodes, (n,), in order; theory there, and the means that `freqbias.compare.kappa.measurement` measures."""
    comparison = result.comparison
    order = np.argsort(comparison.frequency[:, 0])
    order = order[comparison.frequency[order, 0] >= 0]
    kappa = comparison_rates(comparison, result.problem)
    rates = {name: rates.mean[order] for name, rates in kappa.measured.items()}
    return kappa.frequency[order, 0], kappa.theory[order], rates


def within_reach(result: Result, xi: np.ndarray) -> np.ndarray:
    """Where theory is held to, (n,) bool: where rho_w is at least SIGNAL of its largest, EDGE / extent and more from a
    jump."""
    (extent,), density = result.problem.grid.extent, result.problem.density
    (jumps,) = density.break_planes(1)
    apart = np.abs(np.abs(xi) - np.array([*jumps, np.inf])[:, None]).min(axis=0)
    return np.asarray((density.density(xi[:, None]) > SIGNAL * density.maximum(1)) & (apart >= EDGE / extent))


def from_theory(result: Result) -> dict[str, float]:
    """The largest distance from theory within reach, over theory, of the finite elements and of the kernel's flow;
    NaN where a rate is undefined there."""
    xi, theory, rates = measured(result)
    held = within_reach(result, xi)
    return {name: float(np.abs(rates[name][held] / theory[held] - 1).max()) for name in MARKS}


def sampling_error(theory: np.ndarray, network: Network) -> np.ndarray:
    """The standard deviation of kappa of networks with independent neurons, sqrt(theory / (2 n)), (n,) [1/time]; see
    above. Where each has its negative, n is half the width."""
    independent = network.width / 2 if network.symmetric else network.width
    return np.sqrt(theory / (2 * independent))
