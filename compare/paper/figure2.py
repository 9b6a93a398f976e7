"""Figure 2: two targets f* and the magnitudes |F[f*]| of their Fourier transforms.

The targets are a sum of waves and an elevation map.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from freqbias.compare.paper.paper_runs import FigureRun, PaperRuns, Result
from freqbias.compare.paper.target_transform import transform_magnitude
from freqbias.compare.spectra import VISIBLE
from freqbias.compare.style import frequency_label, frequency_unit, open_frame
from freqbias.problem import Problem

POINTS = 4001  # number of frequencies on the curve
LOWEST_COLOUR = 1e-3  # lower end of the colour scale of the map, as a fraction of the largest magnitude


def runs(paper_runs: PaperRuns) -> list[FigureRun]:
    return [FigureRun(paper_runs.run_file(stem), stages=()) for stem in ("figure4", "elevation")]


def draw(results: list[Result]) -> dict[str, Figure]:
    waves, elevation = (result.problem for result in results)
    figure = Figure(figsize=(7.1, 5.0))
    (upper_left, upper_right), (lower_left, lower_right) = figure.subplots(2, 2)
    _curves(upper_left, upper_right, waves)
    _maps(figure, lower_left, lower_right, elevation)
    return {"figure2": figure}


def _curves(left: Axes, right: Axes, problem: Problem) -> None:
    (limit,) = problem.grid.nyquist
    xi = np.linspace(-limit, limit, POINTS)
    magnitude = transform_magnitude(problem, xi[:, None])
    largest = 1.3 * np.abs(xi[magnitude > VISIBLE * magnitude.max()]).max()
    left.plot(problem.grid.positions()[:, 0], problem.samples.values[0], color="black", linewidth=0.9)
    right.plot(xi, magnitude, color="black", linewidth=0.9)
    left.set(xlabel=rf"position $x$ ({length_unit(problem)})", ylabel=r"target $f^*$", xlim=np.array([-0.5, 0.5]))
    right.set(
        xlabel=frequency_label(problem.unit),
        ylabel=r"$|F[f^*]|$",
        xlim=(-largest, largest),
        ylim=(0, None),
    )
    for panel in (left, right):
        open_frame(panel)


def _maps(figure: Figure, left: Axes, right: Axes, problem: Problem) -> None:
    grid = problem.grid
    half = np.array(grid.extent) / 2
    image = left.imshow(
        problem.samples.values[0].reshape(grid.shape).T, origin="lower", cmap="cividis",
        extent=(-half[0], half[0], -half[1], half[1]), interpolation="nearest",
    )  # fmt: skip
    left.set(xlabel=rf"$x_1$ ({length_unit(problem)})", ylabel=rf"$x_2$ ({length_unit(problem)})")
    figure.colorbar(image, ax=left, label="elevation $f^*$ (standardized)")

    half_width = grid.nyquist / 2
    axes = [np.linspace(-r, r, n + 1) for r, n in zip(half_width, grid.shape, strict=True)]
    xi = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=-1)
    magnitude = transform_magnitude(problem, xi).reshape(len(axes[0]), len(axes[1]))
    norm = LogNorm(LOWEST_COLOUR * magnitude.max(), magnitude.max())
    shown = right.pcolormesh(*axes, np.maximum(magnitude.T, norm.vmin or 0), norm=norm, rasterized=True)
    right.set(
        xlabel=rf"$\xi_1$ ({frequency_unit(problem.unit)})",
        ylabel=rf"$\xi_2$ ({frequency_unit(problem.unit)})",
        aspect="equal",
    )
    figure.colorbar(shown, ax=right, label=r"$|F[f^*]|$", extend="min")


def length_unit(problem: Problem) -> str:
    """Return the unit of x, for labels."""
    return problem.unit or "unit length"
