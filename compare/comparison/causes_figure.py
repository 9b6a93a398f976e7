"""Where the distance between network and finite elements comes from (`freqbias.compare.comparison.causes`), over time."""

from pathlib import Path

import matplotlib.style
from matplotlib.figure import Figure

from freqbias.compare.comparison.causes import title
from freqbias.compare.comparison.metrics import Comparison
from freqbias.compare.comparison.spectra_figure import provenance
from freqbias.compare.style import NN_COLOUR, STYLE

CAUSES = {  # by what its name begins with: colour (Okabe and Ito 2008), dashes and marker
    "feature_learning": ("#0072b2", "-", "o"),
    "step_size": ("#e69f00", (0, (5, 1.5)), "s"),
    "finite_width": ("#009e73", (0, (3, 1, 1, 1)), "^"),
    "mesh": ("#cc79a7", (0, (1, 1.2)), "D"),
}
MANY_TIMES = 30.0  # ratio of the last output time to the first from which on their axis is logarithmic


def draw_causes(comparison: Comparison, *paths: Path) -> Figure:
    """Draw the causes of the distance, each over the start, save that at each of paths (.png at 300 dpi, .pdf), and
    return the figure.

    Raises ValueError for a comparison without predictions, which knows no causes.
    """
    if not comparison.split:
        raise ValueError("the distance is split by predictions of the stage ntk, and there are none")
    later = comparison.time > 0
    time, metrics = comparison.time[later], {name: values[later] for name, values in comparison.metrics.items()}
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(3.5, 3.0))
        panel = figure.subplots()
        panel.plot(time, metrics["error_over_initial"], color=NN_COLOUR, linewidth=2, label="the whole distance")
        for cause in comparison.split:
            colour, dashes, marker = CAUSES[cause.partition("_and_")[0]]
            panel.plot(
                time, metrics[cause], color=colour, linestyle=dashes, linewidth=0.9, marker=marker, markersize=3,
                label=title(cause),
            )  # fmt: skip
        panel.set(yscale="log", xlabel="gradient-flow time $t$", ylabel="distance over the start")
        if time[-1] > MANY_TIMES * time[0]:
            panel.set_xscale("log")
        panel.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside upper center", ncols=2)
        for path in paths:
            figure.savefig(path, metadata=provenance(comparison, path.suffix))
    return figure
