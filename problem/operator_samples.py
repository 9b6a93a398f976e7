"""The samples of a loss with a differential operator: the rows L f = g of the data, and f = h on the boundary."""

from itertools import product
from pathlib import Path

import numpy as np

from freqbias.errors import InputError
from freqbias.numerics import DifferentialOperator, OperatorRows, Positions, Sites
from freqbias.problem import files
from freqbias.problem.position_files import POSITION_FILES, read_rows
from freqbias.problem.samples import Samples
from freqbias.problem.summary import counted
from freqbias.problem.tables import TableFormat


def operator_samples(samples: Samples, operator: DifferentialOperator, boundary: Samples | None = None) -> Samples:
    """Return the samples of the rows L f = g, and of f = h at the boundary.

    samples: g. operator: L. boundary: h, whose values may all be 0.
    Raises InputError if dimensions or channels differ.
    """
    if boundary is None:
        return Samples(OperatorRows(operator, samples.sites), samples.values, normalisation=samples.normalisation)
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


def read_boundary(path: str, dimension: int, shift: np.ndarray) -> Samples:
    """Return the boundary values in a table with d columns of positions, and a column for each channel.

    shift: what is subtracted from the positions, (d,).
    """
    file = files.resolve(path, Path(), section="training", key="boundary", endings=POSITION_FILES)
    rows = read_rows(file, TableFormat(), fewest=dimension + 1, section="training").complete("correct the cell").values
    if rows.shape[1] <= dimension:
        raise InputError(
            f"{file.name} has {counted(rows.shape[1], 'column')}; give {dimension} for the position, and one or more "
            "for the values"
        )
    return Samples(Positions(rows[:, :dimension] - shift), rows[:, dimension:].T, held_out=True)
