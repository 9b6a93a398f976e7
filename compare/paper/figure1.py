"""Figure 1: diagrams of a network with two layers and of a network with hidden layers."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from freqbias.compare.paper.paper_runs import FigureRun, PaperRuns, Result
from freqbias.compare.style import GREEN, ORANGE, SKY_BLUE

NODE: dict[str, Any] = {"markersize": 9, "markeredgecolor": "black", "markeredgewidth": 0.8, "linestyle": "none"}
NEURONS: dict[str, dict[str, Any]] = {  # marker of each kind
    r"$\cos\, 2\pi w_k \cdot x$": {"marker": "o", "markerfacecolor": SKY_BLUE},
    r"$\sin\, 2\pi w_k \cdot x$": {"marker": "D", "markerfacecolor": ORANGE},
    r"activation $\varphi$": {"marker": "h", "markerfacecolor": GREEN},
}
COSINE, SINE, HIDDEN = NEURONS.values()
INPUT_OUTPUT = {"marker": "s", "markerfacecolor": "white"}
Point = tuple[float, float]


def runs(paper_runs: PaperRuns) -> list[FigureRun]:
    return []


def draw(results: list[Result]) -> dict[str, Figure]:
    spans = [(-1.0, 6.5), (-1.0, 10.0)]
    figure = Figure(figsize=(7.1, 3.0))
    panels = figure.subplots(1, 2, width_ratios=[end - start for start, end in spans])
    weights = [r"$w_k \sim \rho_w$", r"$a_k, b_k \sim N(0, \sigma_a^2)$"]
    _network(panels[0], features=2.6, hidden=[], output=5.2, weights=dict(zip((1.05, 4.15), weights, strict=True)))
    weights = [weights[0], r"$V_l \sim N(0, 1)$", r"$c \sim N(0, \sigma_a^2)$"]
    labels = dict(zip((1.0, 4.4, 7.9), weights, strict=True))
    _network(panels[1], features=2.3, hidden=[4.5, 6.6], output=8.7, weights=labels)
    titles = ["two layers", "four layers; three have one hidden layer less"]
    for panel, span, title in zip(panels, spans, titles, strict=True):
        panel.set(aspect="equal", xlim=span, ylim=(-3.6, 2.6), title=title, xticks=[], yticks=[])
        panel.axis("off")
    handles = [panels[1].plot([], [], **NODE, **kind)[0] for kind in NEURONS.values()]
    figure.legend(handles, list(NEURONS), loc="outside upper center", ncols=3)
    return {"figure1": figure}


def _network(panel: Axes, *, features: float, hidden: list[float], output: float, weights: dict[float, str]) -> None:
    """Draw one network. features, hidden, output: x of the layers. weights: label of each set of weights, by x."""
    layers = [_nodes(panel, 0.0, [1.2, -1.2], INPUT_OUTPUT)]
    layers.append(_nodes(panel, features, [2.1, -1.2], COSINE) + _nodes(panel, features, [1.2, -2.1], SINE))
    layers += [_nodes(panel, x, [1.8, 0.6, -1.8], HIDDEN) for x in hidden]
    layers.append(_nodes(panel, output, [0.0], INPUT_OUTPUT))
    for starts, ends in pairwise(layers):
        for start in starts:
            for end in ends:
                panel.plot(*zip(start, end, strict=True), color="0.6", linewidth=0.6, zorder=1)
    for x, y in [(0.0, 0.0), (features, 0.0), *((x, -0.6) for x in hidden)]:
        panel.plot([x] * 3, [y - 0.25, y, y + 0.25], "k.", markersize=2.5)
    for y, name in ((1.2, "$x_1$"), (-1.2, "$x_d$")):
        panel.text(-0.35, y, name, ha="right", va="center")
    panel.text(output + 0.35, 0, "$f(x)$", ha="left", va="center")
    for x, label in weights.items():
        panel.text(x, -2.75, label, ha="center", va="top")


def _nodes(panel: Axes, x: float, heights: Sequence[float], kind: dict[str, Any]) -> list[Point]:
    """Draw the nodes of one layer at x and return their positions."""
    panel.plot(np.full(len(heights), x), heights, zorder=2, **NODE, **kind)
    return [(x, height) for height in heights]
