"""The frequency learning rate kappa(xi, t) = -d/dt log |v(xi, t)| [1/time]: how fast the error at a frequency is
learnt. Channels count together: |v|^2 = sum_c |v_c|^2."""

from pathlib import Path

import numpy as np

from compare.metrics import Comparison

FLOOR = 0.01  # of the largest |v(0)|: below it a frequency has too little to learn for a rate to mean anything


def mean_rate(time: np.ndarray, error: np.ndarray, *, floor: float) -> np.ndarray:
    """The mean of kappa from the first time to the last, log(|v(xi, t_1)| / |v(xi, t_T)|) / (t_T - t_1), (n,) [1/time].

    time (T,); error (T, C, n) complex. NaN where |v(xi, t_1)| < floor, and where nothing is left to tell a rate by.
    Raises ValueError for fewer than two times.
    """
    if len(time) < 2:
        raise ValueError("a rate needs two times at least")
    start, end = np.linalg.norm(error[[0, -1]], axis=1)
    defined = (start >= floor) & (start > 0) & (end > 0)
    ratio = np.divide(start, end, out=np.full_like(start, np.nan), where=defined)
    return np.asarray(np.log(ratio) / (time[-1] - time[0]))


def mean_rates(comparison: Comparison) -> dict[str, np.ndarray]:
    """`mean_rate` on the nodes, (n,) each, of the finite elements, the network and every prediction; the floor is
    FLOOR of the largest |v_pde(0)| within the Nyquist box, beyond which nothing is defined."""
    inside = (np.abs(comparison.frequency) <= comparison.limit * (1 + 1e-12)).all(axis=1)
    start = np.linalg.norm(comparison.pde[0], axis=0)
    floor = FLOOR * start[inside].max()
    spectra = {"pde": comparison.pde, "nn": comparison.nn, **comparison.predictions}
    rates = {name: mean_rate(comparison.time, values, floor=floor) for name, values in spectra.items()}
    return {name: np.where(inside & (start >= floor), rate, np.nan) for name, rate in rates.items()}


def save_rates(comparison: Comparison, path: Path) -> None:
    """Write `kappa.csv`: a header, and a row for each node at which a rate is defined: xi_1, xi_2, ... [cycles/length],
    then the mean rates [1/time] of the finite elements, the network and every prediction."""
    rates = mean_rates(comparison)
    shown = np.isfinite(rates["pde"])
    names = [*(f"xi_{axis + 1}" for axis in range(comparison.frequency.shape[1])), *(f"kappa_{name}" for name in rates)]
    table = np.column_stack([comparison.frequency, *rates.values()])[shown]
    np.savetxt(path, table, fmt="%.10g", delimiter=",", header=",".join(names), comments="")
