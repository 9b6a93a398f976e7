"""Functions that build the Problem that a run file describes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from freqbias.errors import InputError
from freqbias.numerics import Grid, Positions, Scattered, Sites
from freqbias.problem import files
from freqbias.problem.contents import Contents
from freqbias.problem.data_settings import MOST_SAMPLES, FileSection, WavesSection
from freqbias.problem.density import Density
from freqbias.problem.error_history import ErrorHistory
from freqbias.problem.held_out import choose_held_out
from freqbias.problem.label_noise import noise_in
from freqbias.problem.loss_settings import read_weights
from freqbias.problem.matching import errors_in_order
from freqbias.problem.position_files import POSITION_FILES, read_positions, read_rows
from freqbias.problem.records import Problem
from freqbias.problem.run_file import OUTPUTS, RunFile
from freqbias.problem.samples import Samples, area_average, waves
from freqbias.problem.section import error_prefix, input_error
from freqbias.problem.settings import per_axis
from freqbias.problem.siren_weights import siren_density
from freqbias.problem.summary import are, counted
from freqbias.problem.training_builder import training_loss, with_operator
from freqbias.problem.weight_decay import WeightDecay

ELSEWHERE = {  # key: what does the same in Python
    "center": "Samples.centered()",
    "standardize": "Samples.standardized()",
    "held_out": "Samples.split(fraction, seed)",
    "noise": "Samples.with_noise(deviation, seed)",
    "noise_level": "Problem(..., noise=LabelNoise(level))",
    "predict_at": "Problem(..., predict_at=Positions(positions))",
    "predict_points": "Problem(..., predict_at=Grid(shape, extent))",
}


@dataclass(frozen=True)
class _Data:
    """Samples, the unit of x if the file states one, and what the commands should log.

    rows: for scattered samples, which rows of the file these are.
    """

    samples: Samples
    unit: str = ""
    notes: Sequence[str] = ()
    warnings: Sequence[str] = ()
    rows: np.ndarray | None = None


def build(run: RunFile) -> Problem:
    """Read the data and build the Problem. Raises InputError, which names the key and the remedy."""
    data, held_out = run.data, None
    read = _read_data(data)
    samples, notes = read.samples, [*read.notes]
    path = run.training.weights_file
    weights = None if path is None else read_weights(path, samples.sites, read.rows)
    if data.held_out:
        with error_prefix(f"[data] held_out = {data.held_out}: "):
            chosen = choose_held_out(data.held_out, samples.sites, run.seed, read_mask=_read_mask)
            samples, held_out = samples.split_at(chosen)
            weights = None if weights is None else weights[~chosen]
    if isinstance(data, FileSection) and data.center:
        held_out = held_out and held_out.centered(reference=samples)
        samples = samples.centered()
        shift = ", ".join(f"{shift:.6g}" for shift in samples.normalisation.position_shift)
        notes.append(f"shifted the positions so that the centre of their box, ({shift}), is at x = 0")
    if data.standardize:
        with error_prefix(f"[data] {_source(data)}: "):
            held_out = held_out and held_out.standardized(reference=samples)
            samples = samples.standardized()
    noise = noise_in(samples, data.noise_level if isinstance(data, FileSection) else 0.0)
    if data.noise:
        with error_prefix(f"[data] noise = {data.noise}: "):
            clean, samples = samples, samples.with_noise(data.noise, run.seed)
            noise = replace(noise, added=samples.values - clean.values, added_level=data.noise)
    predict_at, density = _prediction_sites(data, samples), _density(run, samples.sites.dimension)
    samples, held_out = with_operator(run.training, samples, held_out)
    problem = Problem(
        density,
        samples,
        run.network,
        output_times(run),
        run.seed,
        run.name,
        run.unit or read.unit,
        rates=run.training.rates,
        loss=training_loss(run, samples.sites, density, weights),
        decay=WeightDecay(run.training.decay, run.training.decay_towards),
        gauss_newton=run.training.gauss_newton,
        held_out=held_out,
        predict_at=predict_at,
        noise=noise if noise.is_there else None,
        notes=tuple(notes),
        data_warnings=tuple(read.warnings),
    )
    return problem if run.pde.initial_file is None else _with_initial_error(problem, run.pde.initial_file)


def _density(run: RunFile, dimension: int) -> Density:
    if run.density is not None:
        return run.density.build()
    assert run.network.omega_0 is not None  # checked with the run file
    return siren_density(run.network.omega_0, dimension)


def load_samples(path: Path | str, **keys: Any) -> Samples:
    """Read a data file as the section [data] with `kind = "file"` does, for example
    `load_samples("map.tif", spacing=30.0)`.

    path: the path of the file, or "matplotlib:NAME". keys: the keys of this section, except those in ELSEWHERE.
    Raises InputError, which names the key and the remedy.
    """
    for name in ELSEWHERE.keys() & keys.keys():
        raise InputError(f"[data] {name} = {keys[name]}: load_samples only reads; use {ELSEWHERE[name]}")
    try:
        data = FileSection(kind="file", path=str(path), **keys)
    except ValidationError as failure:
        raise input_error(failure, "data", FileSection) from failure
    return _read_data(data).samples


def output_times(run: RunFile) -> np.ndarray:
    """Return t = 0 and the output times of the run file, (T,)."""
    if run.time.times is not None:
        return np.array([0.0, *run.time.times])
    assert run.time.end is not None  # checked with the run file
    return np.linspace(0.0, run.time.end, (run.time.outputs or OUTPUTS) + 1)


def _read_mask(path: str) -> np.ndarray:
    return files.read_contents(files.resolve(path, Path(), section="data", key="held_out")).values


def _prediction_sites(data: WavesSection | FileSection, samples: Samples) -> Sites | None:
    """Return the positions of [data] predict_at or predict_points, as the network sees them."""
    if data.predict_at is not None:
        file = files.resolve(data.predict_at, Path(), key="predict_at", endings=POSITION_FILES)
        shift = np.array(samples.normalisation.position_shift)
        with error_prefix(f"[data] predict_at = {data.predict_at!r}: "):
            return Positions(read_positions(file, samples.sites.dimension) - shift)
    if data.predict_points is None:
        return None
    dimension, lattice = samples.sites.dimension, samples.sites.lattice
    if isinstance(data.predict_points, list) and len(data.predict_points) != dimension:
        raise InputError(
            f"[data] predict_points = {data.predict_points}; give one number, or one for each of the {dimension} axes"
        )
    shape = per_axis(data.predict_points, dimension)
    if prod(shape) > MOST_SAMPLES:
        raise InputError(f"[data] predict_points = {data.predict_points}; use at most {MOST_SAMPLES:,} points")
    if lattice is not None:
        return Grid(shape, lattice.extent)
    x = samples.sites.positions()
    return Positions(Grid(shape, tuple(np.ptp(x, axis=0))).positions() + (x.min(axis=0) + x.max(axis=0)) / 2)


def _with_initial_error(problem: Problem, path: str) -> Problem:
    """Return the problem with the errors at t = 0 in a file with the format of error.nc."""
    with error_prefix(f"[pde] initial = {path!r}: "):
        history = ErrorHistory.load(Path(path))
        if history.time[0] != 0:
            raise InputError(f"the errors begin at t = {history.time[0]:.6g}; give the errors at t = 0")
        return replace(problem, initial_error=errors_in_order(history, problem.samples)[0])


def _read_data(data: WavesSection | FileSection) -> _Data:
    try:
        return _Data(_sample_waves(data)) if isinstance(data, WavesSection) else _read_file(data)
    except MemoryError as failure:
        raise InputError(f"[data] points = {data.points}: {failure}; use fewer points") from failure
    except InputError as failure:
        if str(failure).startswith("[data]"):
            raise
        raise InputError(f"[data] {_source(data)}: {failure}") from failure


def _source(data: WavesSection | FileSection) -> str:
    return f"frequencies = {data.frequencies}" if isinstance(data, WavesSection) else f"path = {data.path!r}"


def _sample_waves(data: WavesSection) -> Samples:
    grid = Grid(per_axis(data.points, data.dimension), per_axis(data.extent, data.dimension))
    return waves(grid, data.frequencies, window=data.window)


def _read_file(data: FileSection) -> _Data:
    path = files.resolve(data.path, Path())
    return _read_scattered(path, data) if data.layout == "scattered" else _read_grid(path, data)


def _read_scattered(path: Path, data: FileSection) -> _Data:
    assert data.dimension is not None  # checked with the run file
    with error_prefix(f"[data] path = {data.path!r}: "):
        table = read_rows(path, data.table_format, fewest=data.dimension + 1, key=data.key)
    columns, total = table.values.shape[1], len(table.values)
    if columns <= data.dimension:
        raise InputError(
            f"[data] dimension = {data.dimension}: {path.name} has {counted(columns, 'column')}; give "
            f"{counted(data.dimension, 'column')} for the position, and one or more for the values"
        )
    notes, rows = [], None
    with error_prefix(f"[data] path = {data.path!r}: "):
        if data.missing == "drop":
            table, rows = table.without_missing()
            dropped = int((~rows).sum())
            notes = [f"left out {dropped:,} of {total:,} rows, in which a value is missing"] if dropped else []
        values = table.complete('correct the cell, or leave out such rows with missing = "drop"').values
    samples = Samples(Scattered(values[:, : data.dimension]), values[:, data.dimension :].T)
    return _Data(samples, notes=notes, rows=rows)


def _read_grid(path: Path, data: FileSection) -> _Data:
    contents = files.read_contents(
        path, key=data.key, dtype=data.dtype, dimension=data.dimension, table=data.table_format
    )
    values, dimension = contents.values, contents.values.ndim - 1
    for name, value in (("points", data.points), ("extent", data.extent), ("spacing", data.spacing)):
        if isinstance(value, list) and len(value) != dimension:
            raise InputError(
                f"[data] {name} = {value}: {path.name} has {dimension} axes; give one number, or one for each axis"
            )
    _check_finite(values, data, contents.missing)
    if min(values.shape[:-1]) < 2:
        raise InputError(
            f"[data] path = {data.path!r}: the array has shape {values.shape[:-1]}; give at least 2 points along every "
            "axis"
        )
    extent, unit, notes, warnings = _extent(path, data, contents)
    if data.points is not None:
        values = area_average(values, per_axis(data.points, dimension))
    grid = Grid(values.shape[:-1], extent)
    samples = Samples(grid, np.moveaxis(values, -1, 0).reshape(values.shape[-1], grid.size))
    return _Data(samples, unit, [*contents.notes, *notes], warnings)


def _extent(path: Path, data: FileSection, contents: Contents) -> tuple[tuple[float, ...], str, list[str], list[str]]:
    """Return the side lengths of the box of data, their unit, notes and warnings.

    extent_i = n_i spacing_i, where n_i is the number of points in the file. The keys `extent` and `spacing` have
    priority over the spacing that the file states.
    """
    shape = contents.values.shape[:-1]
    if data.spacing is not None:
        return _sides(shape, per_axis(data.spacing, len(shape))), "", [], []
    if "extent" not in data.model_fields_set:
        if contents.spacing is not None:
            extent = _sides(shape, contents.spacing)
            sides = f"{', '.join(f'{side:.6g}' for side in extent)} {contents.unit}".rstrip()
            return extent, contents.unit, [f"{path.name}: extent = {sides}, from the spacing in the file"], []
        if len(set(shape)) > 1:
            points = " x ".join(map(str, shape))
            warning = (
                f"[data] {path.name} has {points} points, but all sides of the box count as equally long "
                f"(extent = {data.extent}); set extent or spacing"
            )
            return per_axis(data.extent, len(shape)), "", [], [warning]
    return per_axis(data.extent, len(shape)), "", [], []


def _sides(shape: tuple[int, ...], spacing: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(n * h for n, h in zip(shape, spacing, strict=True))


def _check_finite(values: np.ndarray, data: FileSection, missing: str = "") -> None:
    """Raise InputError if values (..., columns or channels) contain NaN or infinity.

    missing: how the file marks missing values, which are NaN in `values`.
    """
    bad = ~np.isfinite(values)
    if bad.any():
        first = np.argwhere(bad)[0][:-1].tolist()
        cause = f"missing ({missing}), NaN or infinite" if missing else "NaN or infinite"
        raise InputError(
            f"[data] path = {data.path!r}: {are(int(bad.sum()), 'value')} {cause}, the first at index {first}; "
            "fill or crop these values"
        )
