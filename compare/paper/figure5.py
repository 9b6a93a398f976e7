"""Figure 5: how fast networks of 3 and 4 layers learn each frequency, and what the equation predicts; thin, its damping
alone, with neither diffusion nor the edge of the data."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from compare.kappa import theory_rate
from compare.kappa_figure import draw_rates
from compare.paper.making import Job, Result, Shelf

NARROW = {"width": 256, "hidden_width": 256}
FLOOR = 0.05  # of the largest |v(0)|: below it the network's sampling error at other frequencies is all one sees


def jobs(shelf: Shelf) -> list[Job]:
    return [Job(shelf.take(f"figure5-{depth}-layers", quick=NARROW)) for depth in (3, 4)]


def draw(results: list[Result]) -> dict[str, Figure]:
    figure = Figure(figsize=(7.1, 3.4))
    panels = figure.subplots(1, 2, sharey=True)
    for panel, result in zip(panels, results, strict=True):
        _panel(panel, result)
    width = results[0].run.network.width
    handles, labels = panels[0].get_legend_handles_labels()
    labels[1] = f"network, all layers {width:,} wide"
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    rates = np.concatenate([line.get_ydata() for panel in panels for line in panel.lines])
    panels[0].set_ylim(min(0.0, np.nanmin(rates)), 1.04 * np.nanmax(rates))
    panels[1].set_ylabel("")
    return {"figure5": figure}


def _panel(panel: Axes, result: Result) -> None:
    xi = draw_rates(panel, result.comparison, floor=FLOOR)
    theory = theory_rate(result.problem, xi[:, None])
    panel.plot(xi, theory, color="black", linewidth=0.8, linestyle=":", zorder=3, label="damping / volume")
    panel.set(title=f"{result.run.network.depth} layers")
