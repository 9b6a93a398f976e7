"""Figure 5: the learning rates of networks with 3 and 4 layers at each frequency, and the rates of the equation.

The thin line is damping / prod extent, which ignores diffusion and the edge of the data.
"""

from matplotlib.figure import Figure

from freqbias.compare.kappa import (
    BANDS,
    Kappa,
    comparison_rates,
    draw_rates,
    legend_handles,
    note_rates_outside,
    rate_range,
)
from freqbias.compare.paper.paper_runs import FigureRun, PaperRuns, Result

QUICK_NETWORK = {"width": 256, "hidden_width": 256}
FLOOR = 0.05  # fraction of the largest |v(0)|; if |v(0)| is smaller, the network's sampling error hides the rate


def runs(paper_runs: PaperRuns) -> list[FigureRun]:
    return [FigureRun(paper_runs.run_file(f"figure5-{depth}-layers", quick_network=QUICK_NETWORK)) for depth in (3, 4)]


def draw(results: list[Result]) -> dict[str, Figure]:
    figure = Figure(figsize=(7.1, 3.4))
    panels = figure.subplots(1, 2, sharey=True)
    rates = [learning_rates(result) for result in results]
    for panel, result, measured in zip(panels, results, rates, strict=True):
        draw_rates(panel, measured)
        panel.set_title(f"{result.run.network.depth} layers")
    panels[0].set_ylim(rate_range(*rates))
    for panel, measured in zip(panels, rates, strict=True):
        note_rates_outside(panel, measured)
    panels[1].set_ylabel("")
    handles = legend_handles(rates[0])
    handles[2].set_label(f"network, all layers {results[0].run.network.width:,} wide")
    figure.legend(handles=handles, loc="outside upper center", ncols=3)
    return {"figure5": figure}


def learning_rates(result: Result) -> Kappa:
    """Return the learning rates of all sources."""
    return comparison_rates(result.comparison, result.problem, floor=FLOOR, bands=BANDS)
