"""Titles, axis ranges and smallest visible errors of the panels of figure 4."""

from collections.abc import Iterable

import numpy as np
from matplotlib.figure import Figure

from freqbias.compare.comparison.record import Comparison
from freqbias.compare.spectra import inside_nyquist, signal_reach
from freqbias.compare.style import frequency_label, magnitude_label, percent

MIN_ERROR = 1e-4  # smaller relative errors contain rounding errors, unless the equation was solved more accurately
LARGE = 0.5  # fraction of the largest difference; the axes contain all frequencies with a larger difference
MARGIN = 1.05  # of the axes beyond these frequencies


def magnitude(v: np.ndarray) -> np.ndarray:
    """Return |v|, (T, C, n) -> (T, n)."""
    return np.asarray(np.linalg.norm(v, axis=1))


def smallest_error(comparison: Comparison) -> float:
    """Return the relative error below which the figure shows no digits and no structure of a difference."""
    return float(min(MIN_ERROR, comparison.attributes.get("tolerance", MIN_ERROR)))


def panel_title(comparison: Comparison, index: int) -> str:
    """Return the title of the panels at a time: the time, and the relative error of the network."""
    error, smallest = comparison.metrics["relative_l2_error"][index], smallest_error(comparison)
    if np.isnan(error):
        words = "no error left"
    elif error < smallest:
        words = f"relative error < {percent(smallest)}"
    elif error < 10:
        words = f"relative error {percent(error)}"
    else:
        words = rf"error {percent(error)} $\Vert v_\mathrm{{nn}} \Vert$"
    return f"$t$ = {comparison.time[index]:.4g}\n{words}"


def axes_reach(
    comparison: Comparison, xi: np.ndarray, spectra: np.ndarray, differences: Iterable[np.ndarray]
) -> np.ndarray:
    """Return the largest |xi_i| on the axes, which contain the signal and all large differences, (d,) [cycles/length].

    xi (n, d). spectra: the larger |v| of network and finite elements at the S times shown, (S, n). differences: arrays
    |v - v_pde| (S, n). At each time, the axes contain the frequencies at which a difference exceeds LARGE times its
    largest value, unless this value is below `smallest_error` times the largest |v|.
    """
    reach = signal_reach(xi, spectra, comparison.limit, leakage=comparison.attributes.get("leakage", 0.0))
    inside = inside_nyquist(xi, comparison.limit)
    end = np.abs(xi[inside]).max(axis=0)
    for difference in differences:
        for v, apart in zip(spectra[:, inside], difference[:, inside], strict=True):
            if apart.max() > smallest_error(comparison) * v.max():
                large = np.abs(xi[inside][apart > LARGE * apart.max()]).max(axis=0)
                reach = np.maximum(reach, np.minimum(MARGIN * large, end))
    return np.asarray(reach)


def axis_label(comparison: Comparison, symbol: str) -> str:
    """Return the label of |v|, or of the magnitude of another symbol."""
    return magnitude_label(comparison.pde.shape[1], symbol)


def label_frequency(figure: Figure, comparison: Comparison, *more: str) -> None:
    """Write the label of all frequency axes below the figure, and more lines below this label."""
    label = frequency_label(comparison.attributes.get("unit"), limit=comparison.limit)
    if comparison.attributes.get("match") == "loss":
        more = (*more, "network and equation at equal loss; t is the time of the equation")
    figure.supxlabel("\n".join([label, *more]), fontsize=8, linespacing=1.5)
