"""Figure 6: an elevation map learnt from a density biased to low frequencies, one that is flat as far as the samples
tell frequencies apart, and one that is matched to the target: flat over its band, the disc of BAND of its energy. Error
by frequency band, and the steps that halve it in the upper half.

Steps are those of gradient descent, of the same step times lambda_max, at the start, for every density. At infinite
width, with sigma_a small,

    |v(xi)| falls by the factor 1 - step lambda_max rho_w(xi) / max rho_w in a step,

so that no density is quicker than a flat one, however far that goes. Of the n neurons drawn, however, about
n rho_w(xi) / extent^2 fall to each frequency that the samples tell apart, and where they are few, they scatter: some
frequencies get far more than their share, which makes lambda_max larger, and others none. Neurons beyond the target's
band are missed within it.

Bands hold a quarter of the target's energy each, as nearly as |xi| divides it; the upper half are the upper two.
"""

from collections.abc import Sequence
from itertools import batched
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from scipy.ndimage import gaussian_filter

from freqbias.compare.paper.figure2 import transform_magnitude
from freqbias.compare.paper.making import Job, PaperRun, Result
from freqbias.compare.style import frequency_unit, open_frame
from freqbias.nn import plan_training
from freqbias.numerics import Grid
from freqbias.problem import Problem, RunFile, build
from freqbias.runtime import atomic_write, on_root, writable

STABILITY = 0.05  # step times lambda_max, which may grow 30-fold; gradient descent is stable below 2
WIDTHS = {"-narrow": (2_000, 500), "": (10_000, 2_500), "-wide": (100_000, 10_000)}  # neurons, and with --quick
SIGMAS = (2.0, 4.0, 8.0, 16.0, 32.0)  # of normal densities [cycles/length]
LOW = 2.0  # that of them which is shown as biased
BAND = 0.95  # of the target's energy
SMOOTHING = 2.0  # standard deviation [cycles/length]: |F[f*]| scatters from one frequency to the next
NAMES = [*(rf"$\sigma_w$ = {sigma:g}" for sigma in SIGMAS), "flat", r"$\propto |F[f^*]|$", "matched"]
QUARTERS = (0.25, 0.5, 0.75)
BANDS: list[dict[str, Any]] = [  # from low to high; colours of Okabe and Ito 2008
    {"color": "#000000", "linestyle": "-", "marker": "o"},
    {"color": "#0072b2", "linestyle": (0, (5, 1.5)), "marker": "s"},
    {"color": "#009e73", "linestyle": (0, (3, 1, 1, 1)), "marker": "^"},
    {"color": "#d55e00", "linestyle": (0, (1, 1.2)), "marker": "D"},
]
MARKS: list[dict[str, Any]] = [
    {"color": "#d55e00", "marker": "o"},
    {"color": "#0072b2", "marker": "s"},
    {"color": "#009e73", "marker": "^"},
]


def jobs(paper_run: PaperRun) -> list[Job]:
    steps, points = (60, 32) if paper_run.quick else (80, 64)
    problem = on_root(build, paper_run.take("figure6", data={"points": points}))
    densities: dict[str, dict[str, Any]] = {
        **{f"sigma-{sigma:g}": {"kind": "gaussian", "sigma": sigma} for sigma in SIGMAS},
        "flat": {"kind": "uniform", "radius": float(problem.grid.nyquist.max())},
        "magnitude": on_root(_write_magnitude, problem, paper_run),
        "matched": {"kind": "ball", "radius": round(float(energy_edges(problem, (BAND,))[0]), 2)},
    }
    runs = []
    for end, widths in WIDTHS.items():
        network = {"width": widths[paper_run.quick]}
        for name, density in densities.items():
            changes: dict[str, Any] = {"density": density, "data": {"points": points}, "network": network}
            step = on_root(stable_step, paper_run.take("figure6", **changes))
            changes |= {"time": {"end": steps * step, "outputs": steps}, "training": {"step": step}}
            runs.append(paper_run.take("figure6", name=f"figure6-{name}{end}", **changes))
    return [Job(run, stages=("nn",)) for run in runs]


def stable_step(run: RunFile) -> float:
    """STABILITY over lambda_max, to four digits, which rounding elsewhere does not change."""
    return float(f"{STABILITY / plan_training(build(run), run.training).lambda_max:.4g}")


def _write_magnitude(problem: Problem, paper_run: PaperRun) -> dict[str, Any]:
    """The section [density] of the one proportional to |F[f*]|, whose table is written to `out`."""
    path = (paper_run.out / paper_run.name("figure6-density")).with_suffix(".npy").absolute()
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as aside:
        np.save(aside, magnitude_density(problem))
    return {"kind": "table", "path": str(path), "half_width": problem.grid.nyquist.tolist()}


def magnitude_density(problem: Problem) -> np.ndarray:
    """|F[f*]|, smoothed and even, on the nodes of a grid of spacing 1 / extent over the Nyquist box, (n + 1, n + 1)."""
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
    rows: Any = figure.subfigures(2, 1, height_ratios=[1.25, 1])  # an array, which the stubs do not know
    upper, lower = rows
    panels = upper.subplots(1, 3, sharex=True, sharey=True)
    titles = {
        rf"normal, $\sigma_w$ = {LOW:g}": SIGMAS.index(LOW),
        "flat": NAMES.index("flat"),
        "matched": NAMES.index("matched"),
    }
    for panel, (title, index) in zip(panels, titles.items(), strict=True):
        _over_steps(panel, groups[""][index])
        panel.set(title=title, xlabel=rf"steps of length {STABILITY:g}$/ \lambda_\mathrm{{max}}$")
    panels[0].set_ylabel("error in a band over its start")
    upper.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    _steps_to_half(lower.subplots(), *groups.values())
    return {"figure6": figure}


def _over_steps(panel: Axes, result: Result) -> None:
    """The error in each band, by step; the horizontal line is at a half."""
    edges = energy_edges(result.problem, QUARTERS)
    errors = band_errors(result.history().error, result.problem.grid, edges)
    steps = np.arange(len(errors))
    for error, words, line in zip((errors / errors[0]).T, _band_words(edges, result.run.unit), BANDS, strict=True):
        panel.plot(steps, error, label=words, markersize=3, markevery=len(steps) // 6, linewidth=0.9, **line)
    panel.axhline(0.5, color="0.5", linewidth=0.5)
    panel.set(yscale="log", xlim=(0, steps[-1]), ylim=(0.03, 1.3))
    open_frame(panel)


def _band_words(edges: np.ndarray, unit: str) -> list[str]:
    """Of the bands; their unit stands in the first."""
    first, *between, last = (
        [rf"$|\xi| \leq$ {edges[0]:.2g} {frequency_unit(unit)}"]
        + [f"to {edge:.2g}" for edge in edges[1:]]
        + [f"beyond {edges[-1]:.2g}"]
    )
    return [first, *between, last]


def _steps_to_half(panel: Axes, *groups: list[Result]) -> None:
    """The steps after which the upper two bands together have half their error, by density."""
    for side, results, mark in zip((-0.12, 0.0, 0.12), groups, MARKS, strict=True):
        last = int(results[0].run.time.outputs or 0)
        places = np.arange(len(results)) + side
        steps = np.array([steps_to_half(result) or np.nan for result in results])
        words = f"{results[0].run.network.width:,} neurons"
        panel.plot(places, steps, linestyle="none", markersize=5, label=words, **mark)
        beyond = np.where(np.isnan(steps), 1.5 * last, np.nan)
        panel.plot(places, beyond, linestyle="none", markersize=5, markerfacecolor="none", **mark)
    panel.axhline(last, color="0.5", linewidth=0.5, linestyle=(0, (5, 1.5)))
    panel.plot([], [], "ko", markersize=5, markerfacecolor="none", label=f"not within {last} steps")
    panel.set_xticks(np.arange(len(NAMES)), NAMES)
    panel.set(yscale="log", ylabel="steps to half the error\nin the upper half", ylim=(15, 2.5 * last))
    panel.set_yticks([20, 50, 100], ["20", "50", "100"])
    panel.yaxis.set_minor_formatter(NullFormatter())
    open_frame(panel)
    panel.figure.legend(loc="outside upper center", ncols=4)


def steps_to_half(result: Result) -> int | None:
    """The first step after which the error in the upper half of the band, by the target's energy, is at most half of
    what it was; None where it is not so at the end of the run."""
    grid = result.problem.grid
    upper = band_errors(result.history().error, grid, energy_edges(result.problem, (0.5,)))[:, 1]
    there = np.flatnonzero(upper <= upper[0] / 2)
    return int(there[0]) if there.size else None


def energy_edges(problem: Problem, shares: Sequence[float]) -> np.ndarray:
    """The least |xi| up to which the discrete transform of the target has these shares of its energy, (B,)
    [cycles/length]."""
    radius, power = _power(problem.samples.values, problem.grid)
    order = np.argsort(radius, kind="stable")
    share = np.cumsum(power[order]) / power.sum()
    return radius[order][np.searchsorted(share, shares)]


def band_errors(error: np.ndarray, grid: Grid, edges: np.ndarray) -> np.ndarray:
    """The root of the error's energy in each band: (T, C, N) -> (T, B + 1). A frequency on an edge is of the band
    below; the sum over bands of squares is mean_j u_j^2, channels added up."""
    radius, power = _power(error, grid)
    band = np.searchsorted(edges, radius, side="left")
    return np.stack([np.sqrt(power[:, band == b].sum(axis=1)) for b in range(len(edges) + 1)], axis=1)


def _power(values: np.ndarray, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """|xi| of the discrete transform's frequencies, (N,), and sum_c |u_c|^2 there, values (..., C, N) -> (..., N)."""
    axes = [np.fft.fftfreq(n, h) for n, h in zip(grid.shape, grid.spacing, strict=True)]
    radius = np.linalg.norm(np.meshgrid(*axes, indexing="ij"), axis=0).ravel()
    spectra = np.fft.fftn(
        values.reshape(*values.shape[:-1], *grid.shape), axes=range(-grid.dimension, 0), norm="forward"
    )
    return radius, np.sum(np.abs(spectra.reshape(values.shape)) ** 2, axis=-2)
