"""Figure 4: finite elements against the network, with the flow of its kernels, in one dimension and in two; and how
far apart they are, over time, for neurons that are more, or better drawn."""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from freqbias.compare.comparison import Comparison, draw_comparison
from freqbias.compare.paper.making import Job, PaperRun, Result
from freqbias.compare.style import open_frame

NARROW = {"width": 10_000}
WIDTHS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # by name: how the neurons are drawn, and with --quick
    "figure4": ({}, NARROW),
    "figure4-sobol": ({"sampling": "sobol"}, NARROW),
    "figure4-sobol-million": ({"sampling": "sobol", "width": 1_000_000}, {"width": 100_000}),
}
LINES: list[dict[str, Any]] = [  # of these; colours of Okabe and Ito 2008
    {"color": "#000000", "linestyle": "-", "marker": "o"},
    {"color": "#0072b2", "linestyle": (0, (5, 1.5)), "marker": "s"},
    {"color": "#d55e00", "linestyle": (0, (1, 1.2)), "marker": "^"},
]
WORDS = {"iid": "independent", "sobol": "Sobol"}


def jobs(paper_run: PaperRun) -> list[Job]:
    lines = [
        paper_run.take("figure4", name=name, network=network, quick=quick) for name, (network, quick) in WIDTHS.items()
    ]
    return [Job(run) for run in (*lines, paper_run.take("figure4-2d", quick=NARROW))]


def draw(results: list[Result]) -> dict[str, Figure]:
    *lines, plane = (result.comparison for result in results)
    words = [f"{r.run.network.width:,} {WORDS[r.run.network.sampling]} neurons" for r in results[:-1]]
    return {
        "figure4": draw_comparison(lines[0]),
        "figure4-2d": draw_comparison(plane),
        "figure4-errors": errors(lines, words),
    }


def errors(comparisons: Sequence[Comparison], words: Sequence[str]) -> Figure:
    """How far each network is from the finite elements, over time."""
    figure = Figure(figsize=(3.5, 3.0))
    panel = figure.subplots()
    for comparison, name, line in zip(comparisons, words, LINES, strict=True):
        later, error = comparison.time > 0, 100 * comparison.metrics["error_over_initial"]
        panel.plot(comparison.time[later], error[later], label=name, markersize=3, linewidth=0.9, **line)
    panel.set(xlabel="time $t$", ylabel="error over the start (%)", yscale="log")
    panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    panel.yaxis.set_major_formatter("{x:g}")
    panel.yaxis.set_minor_locator(NullLocator())
    open_frame(panel)
    figure.legend(loc="outside upper center")
    return figure
