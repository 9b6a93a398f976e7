"""The values of a trained network at positions of one's own, or on a finer grid."""

from collections.abc import Sequence
from math import prod
from pathlib import Path

import numpy as np
import xarray as xr

from freqbias.errors import InputError
from freqbias.nn import KeptNetwork, load
from freqbias.numerics import Grid, Positions

MOST_POINTS = 10**8


def evaluate(
    network: KeptNetwork | Path | str,
    positions: np.ndarray | None = None,
    *,
    points: int | Sequence[int] | None = None,
    time: float | None = None,
) -> xr.Dataset:
    """Return the values of a trained network, with your positions and in the unit of your data.

    network: a network, or a folder for `nn.load`. positions: (P, d). points: instead of positions, the number of points
    of a grid over the box of the training samples, for all axes or for each; the values are those at cell centres.
    time: of a result that keeps a network for each output time.
    The dataset has the variable `value`, with the dimensions channel and point, or on a grid channel, x_1, x_2, and so
    on, and the coordinates x_1, x_2, and so on.
    Raises InputError if the arguments contradict each other or the network, and as `nn.load` does.
    """
    network = network if isinstance(network, KeptNetwork) else load(network, time=time)
    description = network.current_description()
    d = description.dimension
    if (positions is None) == (points is None):
        raise InputError("give either positions or points, the number of points of a grid")
    if points is None:
        x = np.asarray(positions, dtype=float)
        if x.ndim != 2 or x.shape[1] != d or not x.size:
            raise InputError(f"positions has shape {x.shape}; give one row for each position, (P, {d})")
        coordinates = {f"x_{axis + 1}": ("point", x[:, axis]) for axis in range(d)}
        values, dims = network.values_at(Positions(x)), ["channel", "point"]
    else:
        shape = _shape(points, d)
        lower, upper = np.array(description.box_lower), np.array(description.box_upper)
        grid, centre = Grid(shape, tuple((upper - lower).tolist())), (lower + upper) / 2
        sites = Positions(grid.positions() + centre) if centre.any() else grid
        dims = ["channel", *(f"x_{axis + 1}" for axis in range(d))]
        coordinates = {dim: (dim, axis + c) for dim, axis, c in zip(dims[1:], grid.axes(), centre, strict=True)}
        values = network.values_at(sites).reshape(-1, *shape)
    dataset = xr.Dataset({"value": (dims, values)}, coordinates, {"unit": description.unit})
    dataset.attrs |= {name: str(description.provenance.get(name, "")) for name in ("name", "freqbias")}
    if description.time is not None:
        dataset.attrs["time"] = description.time
    for axis in range(d):
        dataset[f"x_{axis + 1}"].attrs["units"] = description.unit
    dataset["value"].attrs["valid_range"] = [min(description.value_lower), max(description.value_upper)]
    return dataset


def _shape(points: int | Sequence[int], dimension: int) -> tuple[int, ...]:
    shape = (points,) * dimension if isinstance(points, int) else tuple(points)
    if len(shape) != dimension:
        raise InputError(f"points = {points}; give one number, or one for each of the {dimension} axes")
    if min(shape) < 1 or prod(shape) > MOST_POINTS:
        raise InputError(f"points = {points}; give at least 1 on each axis, and at most {MOST_POINTS:,} points in all")
    return shape
