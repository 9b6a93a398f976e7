"""The training loss that the keys loss, order and weights of [training] describe."""

from pathlib import Path

import numpy as np

from freqbias.errors import InputError
from freqbias.numerics import Grid, Sites
from freqbias.problem import files
from freqbias.problem.position_files import POSITION_FILES, read_rows
from freqbias.problem.sample_density import checked_period, trapezoidal_weights
from freqbias.problem.section import error_prefix
from freqbias.problem.settings import per_axis
from freqbias.problem.sobolev_loss import SobolevLoss
from freqbias.problem.summary import are, counted
from freqbias.problem.tables import TableFormat
from freqbias.problem.training_loss import MEAN_SQUARE, TrainingLoss, WeightedSquare
from freqbias.problem.training_settings import Training

WEIGHT_FILES = (*POSITION_FILES, *files.IMAGES)


def read_weights(path: str, sites: Sites, rows: np.ndarray | None = None) -> np.ndarray:
    """Return the weights of the samples in a file, (N,).

    On a grid the file has one number at each point, as a file of data has. For scattered samples it is a table of one
    column, with a row for each row of the data. rows: which of these rows have a sample, (rows,), by default all.
    Raises InputError if the file has another number of weights, or if one is not positive and finite.
    """
    file = files.resolve(path, Path(), section="training", key="weights", endings=WEIGHT_FILES)
    with error_prefix(f"[training] weights = {path!r}: "):
        if isinstance(sites, Grid):
            weights, used = _on_grid(file, sites), np.ones(sites.size, dtype=bool)
        else:
            used = np.ones(sites.size, dtype=bool) if rows is None else rows
            weights = _of_rows(file, len(used))
        if (wrong := used & ~(np.isfinite(weights) & (weights > 0))).any():
            raise InputError(
                f"{are(int(wrong.sum()), 'weight')} not positive and finite, the first {weights[wrong][0]:g}, number "
                f"{int(wrong.argmax()) + 1} in the file; give positive, finite numbers"
            )
        return weights[used]


def _on_grid(file: Path, grid: Grid) -> np.ndarray:
    values = files.read_contents(file, dimension=grid.dimension, section="training").values
    if values.shape != (*grid.shape, 1):
        met, wanted = (" x ".join(map(str, shape)) for shape in (values.shape[:-1], grid.shape))
        channels = f" with {counted(values.shape[-1], 'channel')}" if values.shape[-1] > 1 else ""
        raise InputError(
            f"{file.name} has {met} points{channels}, but the samples have {wanted}; give one number for each sample, "
            "on the grid that [data] points leaves"
        )
    return values.ravel()


def _of_rows(file: Path, count: int) -> np.ndarray:
    weights = read_rows(file, TableFormat(), section="training").values
    if weights.shape[1] != 1:
        raise InputError(f"{file.name} has {counted(weights.shape[1], 'column')}; give one column of weights")
    if len(weights) != count:
        raise InputError(
            f"{file.name} has {counted(len(weights), 'weight')}, but the data file has {counted(count, 'row')}; give "
            "one weight for each row"
        )
    return weights[:, 0]


def build_loss(training: Training, sites: Sites, weights: np.ndarray | None = None) -> TrainingLoss:
    """Return the loss for these training samples.

    weights: those of the file that the key weights names, (N,). Raises InputError if the samples have no density, or if
    order or weights are out of range.
    """
    period = None if training.period is None else per_axis(training.period, sites.dimension)
    if period is not None:
        with error_prefix("[training] "):
            checked_period(sites, period)
    with error_prefix(f"[training] weights = {training.weights!r}: "):
        if training.weights == "density" and (period or not isinstance(sites, Grid)):  # on a grid all weights are 1
            weights = trapezoidal_weights(sites, period=period)
        loss = MEAN_SQUARE if weights is None else WeightedSquare(weights)
    if training.order is None:
        return loss
    with error_prefix("[training] "):
        cutoff = np.inf if training.cutoff is None else training.cutoff
        return SobolevLoss(sites, training.order, weights, cutoff=cutoff, period=period)
