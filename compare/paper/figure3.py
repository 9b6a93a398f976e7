"""Figure 3: the learning rate kappa(xi) for normal densities rho_w of several standard deviations, and for uniform
densities of several radii. The target is an impulse, and sigma_a = 0.01.

The theory is kappa = rho_w / prod extent, an integral over rho_w. The rates of a network deviate randomly from the
theory, because the network's kernel is a mean over n independent frequencies w_k instead. For data of extent L,

    kappa_n(xi) = 1/n sum_k [D(xi - w_k) + D(xi + w_k)] / 2,    D(s) = sin(pi L s) / (pi L s).

For |xi| > 1/L, the variance of kappa_n is rho_w / (2 L n), because the integral of D^2 is 1/L and rho_w is even.
"""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from freqbias.compare.kappa import comparison_rates
from freqbias.compare.paper.paper_runs import FigureRun, PaperRuns, Result
from freqbias.compare.style import BLUE, GREEN, VERMILION, frequency_label, open_frame, percent
from freqbias.problem import Network
from freqbias.runtime import log

DENSITIES: dict[str, tuple[str, str, str, float]] = {  # run file: key, symbol, title, end time / key
    "figure3-normal": ("sigma", r"\sigma_w", r"normal $\rho_w$", 5.0),
    "figure3-uniform": ("radius", "R", r"uniform $\rho_w$", 32.0),
}
KEY_VALUES = (5.0, 10.0, 20.0)  # [cycles/length]
LINE_STYLES = [(BLUE, "-"), (VERMILION, (0, (5, 1.5))), (GREEN, (0, (1, 1.2)))]
MARKERS: dict[str, dict[str, Any]] = {
    "pde": {"marker": "o", "markersize": 4, "markerfacecolor": "none", "markeredgewidth": 0.7},
    "infinite-width": {"marker": "x", "markersize": 3, "markeredgewidth": 0.7},
}
MARKER_COUNT = 9  # number of markers of each source on a curve
LEAST_DENSITY = 0.05  # the theory is checked where rho_w / max rho_w is larger
EDGE = 6.0  # the theory is not checked within EDGE / extent of a jump of rho_w, which the data blur
DEVIATIONS = 2.0  # half the width of the band around the theory, in standard deviations


def runs(paper_runs: PaperRuns) -> list[FigureRun]:
    run_files = []
    for stem, (key, _, _, end_over_key) in DENSITIES.items():
        default = getattr(paper_runs.run_file(stem).density, key)
        for value in KEY_VALUES:
            name = stem if value == default else f"{stem}-{value:g}"
            changes: dict[str, Any] = {"density": {key: value}, "time": {"end": end_over_key * value}}
            run_files.append(paper_runs.run_file(stem, name=name, quick_network={"width": 10_000}, **changes))
    return [FigureRun(run) for run in run_files]


def draw(results: list[Result]) -> dict[str, Figure]:
    figure = Figure(figsize=(7.1, 3.5))
    panels = figure.subplots(1, 2)
    groups = (results[: len(KEY_VALUES)], results[len(KEY_VALUES) :])
    for result in results:
        errors = ", ".join(f"{name} {percent(error)}" for name, error in theory_errors(result).items())
        log.info("%s: largest distance from theory: %s", result.run.name, errors)
    for panel, shown, (key, symbol, title, _) in zip(panels, groups, DENSITIES.values(), strict=True):
        ends = []
        for result, (colour, dashes) in zip(shown, LINE_STYLES, strict=True):
            label = f"network, ${symbol}$ = {getattr(result.run.density, key):g}"
            ends.append(_curve(panel, result, colour, dashes, label))
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
        Line2D([], [], color="black", linewidth=0.5, label=r"theory, $\rho_w$ / extent ($\sigma_a \to 0$)"),
        Line2D([], [], **black, **MARKERS["pde"], label="finite elements"),
        Line2D([], [], **black, **MARKERS["infinite-width"], label="kernel at infinite width"),
        Patch(color="0.8", linewidth=0, label=f"sampling error of {results[0].run.network.width:,} neurons (95 %)"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=2)
    return {"figure3": figure}


def _curve(panel: Axes, result: Result, colour: str, dashes: Any, label: str) -> float:
    """Draw one result and return the largest frequency at which the theory is checked."""
    xi, theory, rates = learning_rates(result)
    band = DEVIATIONS * sampling_error(theory, result.run.network)
    panel.fill_between(xi, theory - band, theory + band, color=colour, alpha=0.25, linewidth=0)
    panel.plot(xi, rates["nn"], color=colour, linestyle=dashes, linewidth=0.9, label=label)
    panel.plot(xi, theory, color="black", linewidth=0.5)
    checked = np.flatnonzero(is_checked(result, xi))
    for i, (name, style) in enumerate(MARKERS.items()):
        places = np.linspace(checked[0], checked[-1], 2 * MARKER_COUNT).round().astype(int)[i::2]
        panel.plot(xi[places], rates[name][places], color="black", linestyle="none", zorder=3, **style)
    return float(xi[checked[-1]])


def learning_rates(result: Result) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Return the nodes xi >= 0 in increasing order, the theory and the measured mean rates.

    The nodes (n,) are in cycles/length. The theory (n,) and the mean rates (n,) of each source are in 1/time.
    """
    comparison = result.comparison
    order = np.argsort(comparison.frequency[:, 0])
    order = order[comparison.frequency[order, 0] >= 0]
    kappa = comparison_rates(comparison, result.problem)
    rates = {name: source.mean[order] for name, source in kappa.measured.items()}
    return kappa.frequency[order, 0], kappa.theory[order], rates


def is_checked(result: Result, xi: np.ndarray) -> np.ndarray:
    """Return whether the theory is checked at each frequency xi (n,), as (n,) bool.

    The theory is checked where rho_w > LEAST_DENSITY max rho_w, and no jump of rho_w is within EDGE / extent.
    """
    (extent,), density = result.problem.grid.extent, result.problem.density
    (jumps,) = density.break_planes(1)
    to_jump = np.abs(np.abs(xi) - np.array([*jumps, np.inf])[:, None]).min(axis=0)
    return np.asarray((density.density(xi[:, None]) > LEAST_DENSITY * density.maximum(1)) & (to_jump >= EDGE / extent))


def theory_errors(result: Result) -> dict[str, float]:
    """Return max |kappa / theory - 1| for the finite elements and for the kernel at infinite width.

    The maximum is over the frequencies at which the theory is checked. The result is NaN if a rate is undefined
    at one of these frequencies.
    """
    xi, theory, rates = learning_rates(result)
    checked = is_checked(result, xi)
    return {name: float(np.abs(rates[name][checked] / theory[checked] - 1).max()) for name in MARKERS}


def sampling_error(theory: np.ndarray, network: Network) -> np.ndarray:
    """Return sqrt(theory / (2 n)), the standard deviation of kappa over networks of n independent neurons [1/time].

    theory: any shape. A symmetric network consists of pairs of neurons with opposite signs, so n is half the width. For
    the formula, see the module's docstring.
    """
    independent = network.width / 2 if network.symmetric else network.width
    return np.sqrt(theory / (2 * independent))
