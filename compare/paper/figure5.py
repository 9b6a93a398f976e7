"""Figure 5: how fast networks of 3 and 4 layers learn each frequency, and what the equation predicts; thin, its damping
alone, with neither diffusion nor the edge of the data."""

from matplotlib.figure import Figure

from freqbias.compare.kappa import BANDS, Kappa, comparison_rates, draw_rates, legend_handles, rate_range
from freqbias.compare.paper.making import Job, PaperRun, Result

NARROW = {"width": 256, "hidden_width": 256}
FLOOR = 0.05  # of the largest |v(0)|: below it the network's sampling error at other frequencies is all one sees


def jobs(paper_run: PaperRun) -> list[Job]:
    return [Job(paper_run.take(f"figure5-{depth}-layers", quick=NARROW)) for depth in (3, 4)]


def draw(results: list[Result]) -> dict[str, Figure]:
    figure = Figure(figsize=(7.1, 3.4))
    panels = figure.subplots(1, 2, sharey=True)
    rates = [measured(result) for result in results]
    for panel, result, kappa in zip(panels, results, rates, strict=True):
        draw_rates(panel, kappa)
        panel.set_title(f"{result.run.network.depth} layers")
    panels[0].set_ylim(rate_range(*rates))
    panels[1].set_ylabel("")
    shown = legend_handles(rates[0])
    shown[2].set_label(f"network, all layers {results[0].run.network.width:,} wide")
    figure.legend(handles=shown, loc="outside upper center", ncols=3)
    return {"figure5": figure}


def measured(result: Result) -> Kappa:
    return comparison_rates(result.comparison, result.problem, floor=FLOOR, bands=BANDS)
