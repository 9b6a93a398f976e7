"""From a run file to the Problem it states."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from freqbias.errors import InputError
from freqbias.numerics import Grid, Scattered
from freqbias.problem import files
from freqbias.problem.data_settings import FileSection, WavesSection
from freqbias.problem.records import Problem
from freqbias.problem.runfile import OUTPUTS, RunFile
from freqbias.problem.samples import Samples, area_average, waves
from freqbias.problem.settings import per_axis


def build(run: RunFile) -> Problem:
    """Read the data and assemble the Problem. Raises InputError naming the key and the remedy."""
    samples, held_out = _samples(run.data), None
    with _errors_of(f"held_out = {run.data.held_out}"):
        if run.data.held_out:
            samples, held_out = samples.split(run.data.held_out, run.seed)
    with _errors_of(_source(run.data)):
        if run.data.standardize:
            held_out = held_out and held_out.standardized(by=samples)
            samples = samples.standardized()
    with _errors_of(f"noise = {run.data.noise}"):
        if run.data.noise:
            samples = samples.with_noise(run.data.noise, run.seed)
    return Problem(
        run.density.build(),
        samples,
        run.network,
        output_times(run),
        run.seed,
        run.name,
        run.unit,
        held_out=held_out,
    )


@contextmanager
def _errors_of(key: str) -> Iterator[None]:
    try:
        yield
    except InputError as failure:
        raise InputError(f"[data] {key}: {failure}") from failure


def output_times(run: RunFile) -> np.ndarray:
    """t = 0 and the output times, (T,)."""
    if run.time.times is not None:
        return np.array([0.0, *run.time.times])
    assert run.time.end is not None  # checked with the run file
    return np.linspace(0.0, run.time.end, (run.time.outputs or OUTPUTS) + 1)


def _samples(data: WavesSection | FileSection) -> Samples:
    try:
        return _waves(data) if isinstance(data, WavesSection) else _file(data)
    except MemoryError as failure:
        raise InputError(f"[data] points = {data.points}: {failure}; use fewer points") from failure
    except InputError as failure:
        if str(failure).startswith("[data]"):
            raise
        raise InputError(f"[data] {_source(data)}: {failure}") from failure


def _source(data: WavesSection | FileSection) -> str:
    return f"frequencies = {data.frequencies}" if isinstance(data, WavesSection) else f"path = {data.path!r}"


def _waves(data: WavesSection) -> Samples:
    grid = Grid(per_axis(data.points, data.dimension), per_axis(data.extent, data.dimension))
    return waves(grid, data.frequencies, window=data.window)


def _file(data: FileSection) -> Samples:
    path = files.resolve(data.path, Path())
    return _scattered(path, data) if data.layout == "scattered" else _on_a_grid(path, data)


def _scattered(path: Path, data: FileSection) -> Samples:
    assert data.dimension is not None  # checked with the run file
    table = files.read(path, key=data.key, dimension=1)
    columns = table.shape[1]
    if columns <= data.dimension:
        raise InputError(
            f"[data] dimension = {data.dimension}: {path.name} has {columns} columns; expected {data.dimension} for "
            "the position, and one or more for values"
        )
    _check_finite(table, data)
    return Samples(Scattered(table[:, : data.dimension]), table[:, data.dimension :].T)


def _on_a_grid(path: Path, data: FileSection) -> Samples:
    values = files.read(path, key=data.key, dtype=data.dtype, dimension=data.dimension)
    dimension = values.ndim - 1
    for name, value in (("points", data.points), ("extent", data.extent)):
        if isinstance(value, list) and len(value) != dimension:
            raise InputError(
                f"[data] {name} = {value}: {path.name} has {dimension} axes; give one number, or one per axis"
            )
    _check_finite(values, data)
    if min(values.shape[:-1]) < 2:
        raise InputError(
            f"[data] path = {data.path!r}: its shape is {values.shape[:-1]}; at least 2 points are needed along "
            f"every axis"
        )
    if data.points is not None:
        values = area_average(values, per_axis(data.points, dimension))
    grid = Grid(values.shape[:-1], per_axis(data.extent, dimension))
    return Samples(grid, np.moveaxis(values, -1, 0).reshape(values.shape[-1], grid.size))


def _check_finite(values: np.ndarray, data: FileSection) -> None:
    """values (..., columns or channels), as the file has them."""
    if not np.isfinite(values).all():
        first = np.argwhere(~np.isfinite(values))[0][:-1]
        raise InputError(
            f"[data] path = {data.path!r}: {np.count_nonzero(~np.isfinite(values))} values are NaN or infinite, "
            f"the first at {first.tolist()}; fill or crop them"
        )
