"""Figure 4: the spectra of finite elements and network, with the predictions of kernels, in 1-D and 2-D.

A further picture shows the distance between finite elements and network over time, for independent neurons, for Sobol
neurons, and for more Sobol neurons.
"""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from freqbias.compare.comparison import Comparison, draw_comparison
from freqbias.compare.paper.paper_runs import FigureRun, PaperRuns, Result
from freqbias.compare.style import BLACK, BLUE, VERMILION, open_frame

QUICK_NETWORK = {"width": 10_000}
NETWORKS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # by run: keys of [network], without and with --quick
    "figure4": ({}, QUICK_NETWORK),
    "figure4-sobol": ({"sampling": "sobol"}, QUICK_NETWORK),
    "figure4-sobol-million": ({"sampling": "sobol", "width": 1_000_000}, {"width": 100_000}),
}
LINE_STYLES: list[dict[str, Any]] = [  # of the networks
    {"color": BLACK, "linestyle": "-", "marker": "o"},
    {"color": BLUE, "linestyle": (0, (5, 1.5)), "marker": "s"},
    {"color": VERMILION, "linestyle": (0, (1, 1.2)), "marker": "^"},
]
SAMPLING_WORDS = {"iid": "independent", "sobol": "Sobol"}


def runs(paper_runs: PaperRuns) -> list[FigureRun]:
    run_files = [
        paper_runs.run_file("figure4", name=name, network=network, quick_network=quick_network)
        for name, (network, quick_network) in NETWORKS.items()
    ]
    run_files.append(paper_runs.run_file("figure4-2d", quick_network=QUICK_NETWORK))
    return [FigureRun(run) for run in run_files]


def draw(results: list[Result]) -> dict[str, Figure]:
    *comparisons_1d, comparison_2d = (result.comparison for result in results)
    labels = [f"{r.run.network.width:,} {SAMPLING_WORDS[r.run.network.sampling]} neurons" for r in results[:-1]]
    return {
        "figure4": draw_comparison(comparisons_1d[0]),
        "figure4-2d": draw_comparison(comparison_2d),
        "figure4-errors": draw_errors(comparisons_1d, labels),
    }


def draw_errors(comparisons: Sequence[Comparison], labels: Sequence[str]) -> Figure:
    """Draw ||v_nn - v_pde|| / ||v_pde(0)|| over time, with one curve per network."""
    figure = Figure(figsize=(3.5, 3.0))
    panel = figure.subplots()
    for comparison, label, style in zip(comparisons, labels, LINE_STYLES, strict=True):
        later, error = comparison.time > 0, 100 * comparison.metrics["error_over_initial"]
        panel.plot(comparison.time[later], error[later], label=label, markersize=3, linewidth=0.9, **style)
    panel.set(xlabel="time $t$", ylabel="error relative to $v(0)$ (%)", yscale="log")
    panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    panel.yaxis.set_major_formatter("{x:g}")
    panel.yaxis.set_minor_locator(NullLocator())
    open_frame(panel)
    figure.legend(loc="outside upper center")
    return figure
