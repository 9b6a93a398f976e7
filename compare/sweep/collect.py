"""Collect the results of many runs in one dataset, with a dimension for each key of the run file that varies."""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from freqbias.compare.sweep.run_table import RunRecord
from freqbias.errors import UsageError
from freqbias.problem import describe_variable, in_words
from freqbias.runtime import log, version_of

if TYPE_CHECKING:
    import xarray as xr

BANDS = 8  # of |xi|, for the learning rates
MOST_EMPTY = 20  # cells for each run; beyond, the dataset has one dimension, run
FORMAT_VERSION = 1
IGNORED = {"name"}  # it says where the results lie, and not what they are

Cell = tuple[int, ...]
"""The place of a run in the dataset, by the index on each dimension."""


@dataclass(frozen=True)
class _Layout:
    """Where each run lies in the dataset. dims, shape: of its keys. runs: the run in each cell."""

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    runs: dict[Cell, RunRecord]
    coordinates: dict[str, Any]


def collect(records: Sequence[RunRecord], axes: Sequence[str] = ()) -> "xr.Dataset":
    """Return the results of the runs as a dataset.

    axes: swept keys, whose dimensions come first, also if they have one value.

    The dataset has a dimension for each key that varies among the runs, named as the key. Keys whose values go together
    share the dimension of the first of them. Values that are lists, tables or texts are texts on the axis. If the keys
    would give many empty cells, the dataset has the dimension `run` instead, and the keys are coordinates. Where there
    is no run, a number is NaN and a text is empty.

        time                       output times. If the runs have different times, the dimension is `output` instead
        the columns of metrics.csv (keys..., time), such as loss_nn, loss_pde, loss_held_out, error_over_initial
        kappa_nn, kappa_pde, ...   (keys..., band): the mean over the nodes of a band of the learning rates in kappa.csv
        seconds                    (keys..., stage): the time that the stages took
        run, failure               (keys...): the folder of the run, and why a stage failed

    Raises UsageError if there are no runs.
    """
    import xarray as xr

    if not records:
        raise UsageError("there are no runs to collect; give result folders as `freqbias run` writes them")
    layout, unit = _layout(records, axes), str(records[0].keys.get("unit", ""))
    variables = {
        name: (*content, _attributes(name, unit))
        for part in (_over_time, _over_bands, _of_runs) for name, content in part(layout).items()
    }  # fmt: skip
    attributes = {"format_version": FORMAT_VERSION, "freqbias": version_of("freqbias"), "unit": unit}
    data = xr.Dataset(variables, attrs=attributes)
    data = data.assign_coords({
        name: (*content, _attributes(name, unit))
        for name, content in (layout.coordinates | _axes_of(layout)).items()
    })  # fmt: skip
    for name in _names(record.rates for record in records):
        long_name = f"mean over the nodes of a band of the mean learning rate, {name.replace('_', ' ')}"
        data[f"kappa_{name}"].attrs["long_name"] = long_name
    return data


def _layout(records: Sequence[RunRecord], axes: Sequence[str]) -> _Layout:
    """Choose the dimensions. Of runs with equal keys, the first counts."""
    keys = varying_keys(records, axes)
    values = {key: [record.keys.get(key) for record in records] for key in keys}
    distinct = {key: _distinct(values[key]) for key in keys}
    groups = _groups(keys, values, distinct)
    shape = tuple(len(distinct[group[0]]) for group in groups)
    if not groups or np.prod(shape, dtype=float) > MOST_EMPTY * len(records):
        coordinates: dict[str, Any] = {key: ("run", _coordinate(values[key])) for key in keys}
        coordinates["run"] = ("run", np.array([record.name for record in records]))
        return _Layout(("run",), (len(records),), {(i,): record for i, record in enumerate(records)}, coordinates)
    dims = tuple(group[0] for group in groups)
    places = {key: {_text(value): index for index, value in enumerate(distinct[key])} for key in dims}
    runs = dict[Cell, RunRecord]()
    for record in records:
        cell = tuple(places[key][_text(record.keys.get(key))] for key in dims)
        if runs.setdefault(cell, record) is not record:
            log.info("%s has the same keys as %s, and is left out", record.name, runs[cell].name)
    coordinates = {
        key: (group[0], _coordinate(_along(values[key], values[group[0]], distinct[group[0]])))
        for group in groups for key in group
    }  # fmt: skip
    return _Layout(dims, shape, runs, coordinates)


def _along(values: Sequence[Any], first: Sequence[Any], order: Sequence[Any]) -> list[Any]:
    """Return the value of a key for each value of the first key of its group. values, first: one for each run."""
    value_of = {_text(one): value for one, value in zip(first, values, strict=True)}
    return [value_of[_text(one)] for one in order]


def _axes_of(layout: _Layout) -> dict[str, Any]:
    """Return the coordinates other than the keys: time, bands and stages."""
    coordinates = dict[str, Any]()
    times, edges = _times(layout), _band_edges(layout)
    if times and _same(times):
        coordinates["time"] = ("time", times[0])
    if edges.size:
        coordinates |= {"band_low": ("band", edges[:-1]), "band_high": ("band", edges[1:])}
    if stages := _names(record.seconds for record in layout.runs.values()):
        coordinates["stage"] = ("stage", np.array(stages))
    return coordinates


def _over_time(layout: _Layout) -> dict[str, Any]:
    """Return the variables with the dimension of the output times."""
    times = _times(layout)
    count = max((len(time) for time in times), default=0)
    along = "time" if _same(times) else "output"
    variables = {}
    if times and along == "output":
        found = {cell: _padded(each.time, count) for cell, each in layout.runs.items()}
        variables["time"] = _variable(layout, found, along, count)
    for name in _names(record.columns for record in layout.runs.values()):
        found = {cell: _padded(each.columns[name], count) for cell, each in layout.runs.items() if name in each.columns}
        variables[name] = _variable(layout, found, along, count)
    return variables


def _over_bands(layout: _Layout) -> dict[str, Any]:
    """Return the learning rates in bands of |xi|."""
    edges, variables = _band_edges(layout), {}
    for name in _names(record.rates for record in layout.runs.values()):
        found = {
            cell: _band_means(each.frequency, each.rates[name], edges)
            for cell, each in layout.runs.items() if name in each.rates
        }  # fmt: skip
        variables[f"kappa_{name}"] = _variable(layout, found, "band", BANDS)
    return variables


def _of_runs(layout: _Layout) -> dict[str, Any]:
    """Return the variables with one value for each run, and the seconds of the stages."""
    runs, variables = layout.runs, {}
    for name in _names(record.scalars for record in runs.values()):
        found = {cell: each.scalars[name] for cell, each in runs.items() if name in each.scalars}
        variables[name] = _variable(layout, found)
    if stages := _names(record.seconds for record in runs.values()):
        seconds = {cell: [each.seconds.get(stage, np.nan) for stage in stages] for cell, each in runs.items()}
        variables["seconds"] = _variable(layout, seconds, "stage", len(stages))
    if layout.dims != ("run",):
        variables["run"] = _variable(layout, {cell: each.name for cell, each in runs.items()})
    variables["failure"] = _variable(layout, {cell: each.failure for cell, each in runs.items()})
    return variables


def _variable(layout: _Layout, values: Mapping[Cell, Any], along: str = "", length: int = 0) -> tuple[Any, ...]:
    """Return the dimensions and the array of a variable, with NaN or an empty text where there is no value."""
    text = any(isinstance(value, str) for value in values.values())
    shape = (*layout.shape, length) if along else layout.shape
    array = np.full(shape, "" if text else np.nan, dtype=object if text else float)
    for cell, value in values.items():
        array[cell] = value
    return (*layout.dims, along) if along else layout.dims, array


def _times(layout: _Layout) -> list[np.ndarray]:
    return [record.time for record in layout.runs.values() if record.time.size]


def _same(times: Sequence[np.ndarray]) -> bool:
    return all(np.array_equal(time, times[0]) for time in times)


def save_dataset(data: "xr.Dataset", path: Path) -> None:
    """Write the dataset. The file is first made in memory, because HDF5 crashes the process if it cannot write."""
    file = io.BytesIO()
    data.to_netcdf(file, engine="h5netcdf")
    path.write_bytes(file.getbuffer())


def save_table(data: "xr.Dataset", path: Path) -> None:
    """Write a tidy table: one row for each run and output time, with the keys, and NaN as an empty cell."""
    inner = {"band", "stage"}
    rows = data.drop_dims(inner & set(data.dims)).to_dataframe().reset_index()
    rows = rows[rows["run"] != ""]
    keys = [str(name) for name, values in data.coords.items() if not {"time", *inner} & set(values.dims)]
    first = [name for name in dict.fromkeys([*keys, "run", "time"]) if name in rows]
    rest = [name for name in rows if name not in (*first, "output", "failure")]
    rows[[*first, *rest, "failure"]].to_csv(path, index=False)


def varying_keys(records: Sequence[RunRecord], axes: Sequence[str]) -> list[str]:
    """Return the swept keys, and the other keys whose values differ among the runs, in the order of the run file."""
    names = dict.fromkeys([*axes, *(key for record in records for key in record.keys)])
    varying = [
        key
        for key in names
        if key in axes or (key not in IGNORED and len({_text(record.keys.get(key)) for record in records}) > 1)
    ]
    # A table such as data.held_out and its keys vary together: keep the swept one, or else the table.
    inside = {key for key in varying if any(key.startswith(f"{other}.") for other in varying if other != key)}
    around = {key for key in varying if any(other.startswith(f"{key}.") for other in axes)}
    return [key for key in varying if key in axes or key not in inside | around]


def _groups(
    keys: Sequence[str], values: Mapping[str, list[Any]], axis_values: Mapping[str, list[Any]]
) -> list[list[str]]:
    """Return lists of keys whose values go together: each value of one belongs to one value of the other."""
    groups: list[list[str]] = []
    for key in keys:
        for group in groups:
            pairs = {(_text(one), _text(other)) for one, other in zip(values[group[0]], values[key], strict=True)}
            if len(pairs) == len(axis_values[key]) == len(axis_values[group[0]]) > 1:
                group.append(key)
                break
        else:
            groups.append([key])
    return groups


def _distinct(values: Iterable[Any]) -> list[Any]:
    """Return the different values: numbers in increasing order, others in the order of the runs."""
    found = list({_text(value): value for value in values}.values())
    return sorted(found) if all(_is_number(value) for value in found) else found


def _coordinate(values: Sequence[Any]) -> np.ndarray:
    if all(_is_number(value) for value in values):
        return np.array(values)
    return np.array(["" if value is None else _text(value) for value in values])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: Any) -> str:
    return in_words({"": value})[1:]


def _names(tables: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the names in all tables, in the order of the first tables."""
    return list(dict.fromkeys(name for table in tables for name in table))


def _padded(values: np.ndarray, count: int) -> np.ndarray:
    return np.concatenate([values, np.full(count - len(values), np.nan)])


def _band_edges(layout: _Layout) -> np.ndarray:
    """Return the edges of the bands of |xi|, which all runs share, or an empty array if no run has rates."""
    largest = [record.frequency.max() for record in layout.runs.values() if record.frequency.size]
    return np.linspace(0, max(largest) * (1 + 1e-9), BANDS + 1) if largest else np.empty(0)


def _band_means(frequency: np.ndarray, rates: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the mean of the rates (n,) in each band, where they are defined."""
    band = np.searchsorted(edges, frequency, side="right") - 1
    inside = [rates[(band == index) & np.isfinite(rates)] for index in range(BANDS)]
    return np.array([values.mean() if values.size else np.nan for values in inside])


def _attributes(name: str, unit: str) -> dict[str, str]:
    try:
        return describe_variable(name, unit)
    except ValueError:  # a key of the run file
        return {"long_name": name}
