"""The samples of a loss with a differential operator: the rows L f = g of the data, and f = h on the boundary."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np

from freqbias.errors import InputError
from freqbias.numerics import DifferentialOperator, OperatorRows, Positions, Sites
from freqbias.problem import files
from freqbias.problem.position_files import POSITION_FILES, read_rows
from freqbias.problem.samples import Samples
from freqbias.problem.section import error_prefix
from freqbias.problem.summary import counted
from freqbias.problem.tables import TableFormat


def operator_samples(samples: Samples, operator: DifferentialOperator, boundary: Samples | None = None) -> Samples:
    """Return the samples of the rows L f = g, and of f = h at the boundary.

    samples: g. operator: L. boundary: h, whose values may all be 0.
    Raises InputError if dimensions or channels differ.
    """
    if boundary is None:
        return replace(samples, sites=OperatorRows(operator, samples.sites))
    if boundary.channels != samples.channels:
        raise InputError(
            f"the boundary has {counted(boundary.channels, 'channel')}, but the data have {samples.channels}; give "
            "one value for each channel"
        )
    rows = OperatorRows(operator, samples.sites, Positions(boundary.sites.positions()))
    return Samples(rows, np.concatenate([samples.values, boundary.values], axis=1), normalisation=samples.normalisation)


def box_boundary(sites: Sites, points: int, value: float, channels: int) -> Samples:
    """Return a constant value at evenly spaced positions on the faces of the box of the data.

    In one dimension these are the two ends of the box. points: the positions along each edge of a face.
    """
    extent = sites.lattice.extent if sites.lattice is not None else tuple(sites.span)
    centre = np.zeros(sites.dimension)
    if sites.lattice is None:
        x = sites.positions()
        centre = (x.min(axis=0) + x.max(axis=0)) / 2
    cells, positions = (np.arange(points) + 0.5) / points - 0.5, []
    for axis, side in product(range(sites.dimension), (-0.5, 0.5)):
        along = [np.array([side]) if each == axis else cells for each in range(sites.dimension)]
        face = np.stack([each.ravel() for each in np.meshgrid(*along, indexing="ij")], axis=-1)
        positions.append(face * extent + centre)
    x = np.concatenate(positions)
    return Samples(Positions(x), np.full((channels, len(x)), value), held_out=True)


def read_boundary(path: str, samples: Samples) -> Samples:
    """Return the boundary values in a table with d columns of positions, and a column for each channel.

    samples: those of the equation, whose shift is subtracted from the positions.
    Raises InputError if the table has another number of columns, or if a position is farther from the samples than
    their box is wide.
    """
    dimension, shift = samples.sites.dimension, np.array(samples.normalisation.position_shift)
    file = files.resolve(path, Path(), section="training", key="boundary", endings=POSITION_FILES)
    with error_prefix(f"[training] boundary = {path!r}: "):
        table = read_rows(file, TableFormat(), fewest=dimension + 1, section="training").complete("correct the cell")
        rows = table.values
        if rows.shape[1] != dimension + samples.channels:
            raise InputError(
                f"{file.name} has {counted(rows.shape[1], 'column')}; give {dimension} for the position and "
                f"{samples.channels} for the values"
            )
        x = rows[:, :dimension] - shift
        low, high = samples.sites.positions().min(axis=0), samples.sites.positions().max(axis=0)
        beyond = np.maximum(low - x, x - high) / np.maximum(high - low, np.finfo(float).tiny)
        if beyond.max() > 1:
            far = int(beyond.max(axis=1).argmax())
            raise InputError(
                f"{file.name}: position {rows[far, :dimension].tolist()} of row {table.rows[far]} is far from the "
                "samples; give positions on the boundary of the data, in the same coordinates"
            )
        _, first = np.unique(x, axis=0, return_index=True)
        if len(first) < len(x):
            again = int(np.setdiff1d(np.arange(len(x)), first)[0])
            raise InputError(
                f"{file.name}: row {table.rows[again]} has the position {rows[again, :dimension].tolist()} of an "
                "earlier row; give each position once"
            )
    return Samples(Positions(x), rows[:, dimension:].T, held_out=True)
