"""Figure 6: an elevation map, learnt with densities rho_w of several kinds.

The figure compares a density that is biased to low frequencies, a density that is flat up to the Nyquist limit, and a
density that is matched to the target. The matched density is flat over the disc of frequencies that contains the
fraction BAND_ENERGY of the target's energy.

In all runs, gradient descent uses the same product of step size and initial lambda_max. The figure shows the error by
frequency band, and the number of steps that halve the error in the upper half of the target's energy.

At infinite width and small sigma_a,

    one step multiplies |v(xi)| by 1 - step lambda_max rho_w(xi) / max rho_w,

so a flat density of any width learns at least as fast as every other density. A network of n neurons has only about
n rho_w(xi) / extent^2 neurons at each frequency that the samples resolve. If this number is small, it varies randomly.
Some frequencies then get far more neurons than expected, which raises lambda_max, and other frequencies get no neurons.
Neurons at frequencies outside the target's band are then missing inside the band.

Each of the four bands contains about a quarter of the target's energy. The upper half is the upper two bands.
"""

from itertools import batched
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from scipy.ndimage import gaussian_filter

from freqbias.compare.paper.energy_bands import band_errors, energy_edges
from freqbias.compare.paper.paper_runs import FigureRun, PaperRuns, Result
from freqbias.compare.paper.target_transform import transform_magnitude
from freqbias.compare.style import BLACK, BLUE, GREEN, VERMILION, frequency_unit, open_frame
from freqbias.nn import plan_training
from freqbias.problem import Problem, RunFile, build
from freqbias.runtime import atomic_write, on_root, writable

STEP_LAMBDA = 0.05  # step size times initial lambda_max, which may grow 30-fold; gradient descent is stable below 2
WIDTHS = {"-narrow": (2_000, 500), "": (10_000, 2_500), "-wide": (100_000, 10_000)}  # neurons without and with --quick
SIGMAS = (2.0, 4.0, 8.0, 16.0, 32.0)  # of normal densities [cycles/length]
BIASED_SIGMA = 2.0  # of the normal density that is shown as the density biased to low frequencies
BAND_ENERGY = 0.95  # fraction of the target's energy in the disc of the matched density
SMOOTHING = 2.0  # standard deviation [cycles/length] of the filter that smooths |F[f*]|
NAMES = [*(rf"$\sigma_w$ = {sigma:g}" for sigma in SIGMAS), "flat", r"$\propto |F[f^*]|$", "matched"]
QUARTILES = (0.25, 0.5, 0.75)
BAND_STYLES: list[dict[str, Any]] = [  # from low to high frequency
    {"color": BLACK, "linestyle": "-", "marker": "o"},
    {"color": BLUE, "linestyle": (0, (5, 1.5)), "marker": "s"},
    {"color": GREEN, "linestyle": (0, (3, 1, 1, 1)), "marker": "^"},
    {"color": VERMILION, "linestyle": (0, (1, 1.2)), "marker": "D"},
]
WIDTH_MARKERS: list[dict[str, Any]] = [
    {"color": VERMILION, "marker": "o"},
    {"color": BLUE, "marker": "s"},
    {"color": GREEN, "marker": "^"},
]


def runs(paper_runs: PaperRuns) -> list[FigureRun]:
    steps, points = (60, 32) if paper_runs.quick else (80, 64)
    problem = on_root(build, paper_runs.run_file("figure6", data={"points": points}))
    densities: dict[str, dict[str, Any]] = {
        **{f"sigma-{sigma:g}": {"kind": "gaussian", "sigma": sigma} for sigma in SIGMAS},
        "flat": {"kind": "uniform", "radius": float(problem.grid.nyquist.max())},
        "magnitude": on_root(_magnitude_density, problem, paper_runs),
        "matched": {"kind": "ball", "radius": round(float(energy_edges(problem, (BAND_ENERGY,))[0]), 2)},
    }
    run_files = []
    for suffix, widths in WIDTHS.items():
        network = {"width": widths[paper_runs.quick]}
        for name, density in densities.items():
            changes: dict[str, Any] = {"density": density, "data": {"points": points}, "network": network}
            step = on_root(step_size, paper_runs.run_file("figure6", **changes))
            changes |= {"time": {"end": steps * step, "outputs": steps}, "training": {"step": step}}
            run_files.append(paper_runs.run_file("figure6", name=f"figure6-{name}{suffix}", **changes))
    return [FigureRun(run, stages=("nn",)) for run in run_files]


def step_size(run: RunFile) -> float:
    """Return STEP_LAMBDA / lambda_max, rounded to four digits, so that all machines use the same number."""
    return float(f"{STEP_LAMBDA / plan_training(build(run), run.training).lambda_max:.4g}")


def _magnitude_density(problem: Problem, paper_runs: PaperRuns) -> dict[str, Any]:
    """Return the section [density] for a density proportional to |F[f*]|, and write the table to `out`."""
    path = (paper_runs.out / paper_runs.name("figure6-density")).with_suffix(".npy").absolute()
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as partial:
        np.save(partial, smooth_magnitude(problem))
    return {"kind": "table", "path": str(path), "half_width": problem.grid.nyquist.tolist()}


def smooth_magnitude(problem: Problem) -> np.ndarray:
    """Return |F[f*]|, smoothed and made even, on a grid of spacing 1 / extent over the Nyquist box, (n + 1, n + 1)."""
    axes = [
        np.linspace(-limit, limit, n + 1) for limit, n in zip(problem.grid.nyquist, problem.grid.shape, strict=True)
    ]
    xi = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=-1)
    magnitude = transform_magnitude(problem, xi).reshape([len(axis) for axis in axes])
    smooth = gaussian_filter(magnitude, [SMOOTHING * extent for extent in problem.grid.extent])
    return np.asarray(smooth + np.flip(smooth)) / 2


def draw(results: list[Result]) -> dict[str, Figure]:
    groups = {width: list(group) for width, group in zip(WIDTHS, batched(results, len(NAMES)), strict=True)}
    figure = Figure(figsize=(7.1, 5.4))
    subfigures: Any = figure.subfigures(2, 1, height_ratios=[1.25, 1])  # an array, unknown to matplotlib's stubs
    upper, lower = subfigures
    panels = upper.subplots(1, 3, sharex=True, sharey=True)
    titles = {
        rf"normal, $\sigma_w$ = {BIASED_SIGMA:g}": SIGMAS.index(BIASED_SIGMA),
        "flat": NAMES.index("flat"),
        "matched": NAMES.index("matched"),
    }
    for panel, (title, index) in zip(panels, titles.items(), strict=True):
        _draw_errors(panel, groups[""][index])
        panel.set(title=title, xlabel=rf"steps of length {STEP_LAMBDA:g}$/ \lambda_\mathrm{{max}}$")
    panels[0].set_ylabel("error in a band / initial error")
    upper.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    _draw_steps_to_half(lower.subplots(), *groups.values())
    return {"figure6": figure}


def _draw_errors(panel: Axes, result: Result) -> None:
    """Draw the error in each band as a function of the steps, and a line at one half."""
    edges = energy_edges(result.problem, QUARTILES)
    errors = band_errors(result.history().error, result.problem.grid, edges)
    steps = np.arange(len(errors))
    for error, label, style in zip(
        (errors / errors[0]).T, _band_labels(edges, result.run.unit), BAND_STYLES, strict=True
    ):
        panel.plot(steps, error, label=label, markersize=3, markevery=len(steps) // 6, linewidth=0.9, **style)
    panel.axhline(0.5, color="0.5", linewidth=0.5)
    panel.set(yscale="log", xlim=(0, steps[-1]), ylim=(0.03, 1.3))
    open_frame(panel)


def _band_labels(edges: np.ndarray, unit: str) -> list[str]:
    """Return the labels of the bands. The first label contains the unit."""
    return [
        rf"$|\xi| \leq$ {edges[0]:.2g} {frequency_unit(unit)}",
        *(f"to {edge:.2g}" for edge in edges[1:]),
        f"beyond {edges[-1]:.2g}",
    ]


def _draw_steps_to_half(panel: Axes, *groups: list[Result]) -> None:
    """Draw the number of steps that halve the error in the upper half, by density and width."""
    for offset, results, marker in zip((-0.12, 0.0, 0.12), groups, WIDTH_MARKERS, strict=True):
        last = int(results[0].run.time.outputs or 0)
        places = np.arange(len(results)) + offset
        steps = np.array([steps_to_half(result) or np.nan for result in results])
        label = f"{results[0].run.network.width:,} neurons"
        panel.plot(places, steps, linestyle="none", markersize=5, label=label, **marker)
        beyond = np.where(np.isnan(steps), 1.5 * last, np.nan)
        panel.plot(places, beyond, linestyle="none", markersize=5, markerfacecolor="none", **marker)
    panel.axhline(last, color="0.5", linewidth=0.5, linestyle=(0, (5, 1.5)))
    panel.plot([], [], "ko", markersize=5, markerfacecolor="none", label=f"not within {last} steps")
    panel.set_xticks(np.arange(len(NAMES)), NAMES)
    panel.set(yscale="log", ylabel="steps to half the error\nin the upper half", ylim=(15, 2.5 * last))
    panel.set_yticks([20, 50, 100], ["20", "50", "100"])
    panel.yaxis.set_minor_formatter(NullFormatter())
    open_frame(panel)
    panel.figure.legend(loc="outside upper center", ncols=4)


def steps_to_half(result: Result) -> int | None:
    """Return the first step that at least halves the initial error in the upper half of the target's energy.

    Return None if no step of the run halves this error.
    """
    grid = result.problem.grid
    upper = band_errors(result.history().error, grid, energy_edges(result.problem, (0.5,)))[:, 1]
    halved = np.flatnonzero(upper <= upper[0] / 2)
    return int(halved[0]) if halved.size else None
