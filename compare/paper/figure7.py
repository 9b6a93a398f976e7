"""Figure 7: the frequency bias under other losses and optimisers, and under another initialisation.

Networks learn four waves. Each panel changes one thing: the loss (the mean square, H^-1, H^1), the optimiser (momentum,
weight decay towards the start) or the density (flat up to beyond the highest wave). The learning rate is RATE /
lambda_max of the kernel times the matrix of the loss, so no step is longer than stability allows. Markers show the
errors of the network in a band around each wave, and lines the steps of the kernel at infinite width.

All six follow one equation, du/dt = -K P u - decay (u - u(0)), and momentum is a function of K P.
"""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from freqbias.compare.paper.energy_bands import band_errors
from freqbias.compare.paper.paper_runs import FigureRun, PaperRuns, Result
from freqbias.compare.style import BLACK, BLUE, GREEN, VERMILION, open_frame
from freqbias.nn import plan_training
from freqbias.problem import RunFile, build
from freqbias.runtime import on_root

RATE = 0.5  # the learning rate times lambda_max
STEPS, QUICK_WIDTH = 1000, 2000
MU = 0.9
DECAY = 0.01  # of lambda_max
FLAT = 24.0  # half-width of the flat density [cycles/length]
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {  # name: title, changes
    "": ("gradient descent, $L^2$", {}),
    "-low": ("loss $H^{-1}$", {"training": {"loss": "sobolev", "order": -1.0}}),
    "-high": ("loss $H^1$", {"training": {"loss": "sobolev", "order": 1.0}}),
    "-momentum": (f"momentum {MU:g}", {"training": {"integrator": "momentum", "momentum": MU}}),
    "-decay": ("decay towards the start", {"training": {"decay": 1e-9}}),
    "-flat": ("flat density", {"density": {"kind": "uniform", "radius": FLAT}}),
}
STYLES: list[dict[str, Any]] = [  # from low to high frequency
    {"color": BLACK, "marker": "o"},
    {"color": BLUE, "marker": "s"},
    {"color": GREEN, "marker": "^"},
    {"color": VERMILION, "marker": "D"},
]


def runs(paper_runs: PaperRuns) -> list[FigureRun]:
    return [FigureRun(_run(paper_runs, name, changes), stages=("nn", "ntk")) for name, (_, changes) in VARIANTS.items()]


def _run(paper_runs: PaperRuns, suffix: str, changes: dict[str, Any]) -> RunFile:
    """Return the run of a variant, with its learning rate and its output times."""
    quick, name = {"width": QUICK_WIDTH}, f"figure7{suffix}"
    run = paper_runs.run_file("figure7", name=name, quick_network=quick, **changes)
    largest = on_root(lambda: plan_training(build(run), run.training).lambda_max)
    training = {**changes.get("training", {}), "step": float(f"{RATE / largest:.4g}")}
    if run.training.integrator == "momentum":
        training["step"] /= 1 - MU
    if run.training.decay:
        training["decay"] = float(f"{DECAY * largest:.3g}")
    steps = np.unique(np.geomspace(1, STEPS, 40).round())
    times = {"times": [float(f"{count * training['step']:.12g}") for count in steps], "end": None, "outputs": None}
    changes = {**changes, "training": training, "time": times}
    return paper_runs.run_file("figure7", name=name, quick_network=quick, **changes)


def draw(results: list[Result]) -> dict[str, Figure]:
    figure = Figure(figsize=(7.1, 4.4))
    panels = figure.subplots(2, 3, sharex=True, sharey=True)
    for panel, result, (title, _) in zip(panels.flat, results, VARIANTS.values(), strict=True):
        _draw_errors(panel, result)
        panel.set_title(title)
    for panel in panels[:, 0]:
        panel.set_ylabel("error in a band / initial error")
    for panel in panels[1]:
        panel.set_xlabel("steps")
    panels[0, 0].plot([], [], "o", color="0.3", markersize=3, label="network")
    panels[0, 0].plot([], [], "-", color="0.3", linewidth=0.9, label="infinite width")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=6)
    return {"figure7": figure}


def _draw_errors(panel: Axes, result: Result) -> None:
    steps = np.round(result.problem.times[1:] / float(result.run.training.step))
    trained, predicted = (bands(result, *names) for names in ((), ("ntk", "infinite-width-steps.nc")))
    for k, (wave, style) in enumerate(zip(_waves(result), STYLES, strict=True)):
        panel.plot(steps, predicted[1:, k], "-", color=style["color"], linewidth=0.9, label=f"_{wave}")
        label = f"{wave:g} cycles"
        panel.plot(steps[::3], trained[1::3, k], linestyle="none", markersize=3, label=label, **style)
    panel.set(xscale="log", yscale="log", ylim=(0.008, 1.5))
    open_frame(panel)


def bands(result: Result, *names: str) -> np.ndarray:
    """Return the error in a band around each wave, relative to its start, (T, 4). names: of the stage and the file."""
    waves = _waves(result)
    errors = band_errors(result.history(*names).error, result.problem.grid, (waves[1:] + waves[:-1]) / 2)
    return np.asarray(errors / errors[0])


def _waves(result: Result) -> np.ndarray:
    """Return the frequencies of the waves [cycles/length]."""
    return np.ravel(result.run.data.model_dump()["frequencies"])
