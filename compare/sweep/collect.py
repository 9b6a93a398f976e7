"""Collect the results of many runs in one dataset, with a dimension for each key of the run file that varies."""

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from freqbias.compare.sweep.run_table import RunRecord
from freqbias.errors import UsageError
from freqbias.problem import describe_variable, in_words
from freqbias.runtime import version_of

if TYPE_CHECKING:
    import xarray as xr

BANDS = 8  # of |xi|, for the learning rates
MOST_EMPTY = 20  # cells for each run; beyond, the dataset has one dimension, run
FORMAT_VERSION = 1
IGNORED = {"name"}  # it says where the results lie, and not what they are


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
    keys = varying_keys(records, axes)
    values = {key: [record.keys.get(key) for record in records] for key in keys}
    axis_values = {key: _distinct(values[key]) for key in keys}
    groups = _groups(keys, values, axis_values)
    shape = tuple(len(axis_values[group[0]]) for group in groups)
    unit = str(records[0].keys.get("unit", ""))
    coordinates: dict[str, Any] = {}
    if np.prod(shape, dtype=float) > MOST_EMPTY * len(records):
        dims, shape = ("run",), (len(records),)
        cells = [(index,) for index in range(len(records))]
        coordinates |= {key: ("run", _coordinate(values[key])) for key in keys}
    else:
        dims = tuple(group[0] for group in groups)
        places = {key: {_text(value): index for index, value in enumerate(axis_values[key])} for key in keys}
        cells = [tuple(places[name][_text(record.keys.get(name))] for name in dims) for record in records]
        coordinates |= {key: (group[0], _coordinate(axis_values[key])) for group in groups for key in group}
    chosen = dict(zip(reversed(cells), reversed(records), strict=True))  # of equal runs, the first counts
    variables: dict[str, Any] = {}

    def add(name: str, extra: tuple[str, ...], length: tuple[int, ...], of: Mapping[tuple[int, ...], Any]) -> None:
        text = any(isinstance(value, str) for value in of.values())
        array = np.full(shape + length, "" if text else np.nan, dtype=object if text else float)
        for cell, value in of.items():
            array[cell] = value
        variables[name] = (dims + extra, array, _attributes(name, unit))

    times = [record.time for record in chosen.values() if record.time.size]
    along = "time" if all(np.array_equal(time, times[0]) for time in times) else "output"
    length = (max((len(time) for time in times), default=0),)
    if times and along == "time":
        coordinates["time"] = ("time", times[0])
    elif times:
        add("time", (along,), length, {cell: _padded(each.time, length) for cell, each in chosen.items()})
    for name in _names(record.columns for record in chosen.values()):
        columns = {cell: _padded(each.columns[name], length) for cell, each in chosen.items() if name in each.columns}
        add(name, (along,), length, columns)
    edges = _band_edges(chosen.values())
    if edges.size:
        coordinates |= {"band_low": ("band", edges[:-1]), "band_high": ("band", edges[1:])}
    for name in _names(record.rates for record in chosen.values()):
        rates = {
            cell: _band_means(each.frequency, each.rates[name], edges)
            for cell, each in chosen.items() if name in each.rates
        }  # fmt: skip
        add(f"kappa_{name}", ("band",), (BANDS,), rates)
        long_name = f"mean over the nodes of a band of the mean learning rate, {name.replace('_', ' ')}"
        variables[f"kappa_{name}"][2]["long_name"] = long_name
    for name in _names(record.scalars for record in chosen.values()):
        add(name, (), (), {cell: each.scalars[name] for cell, each in chosen.items() if name in each.scalars})
    stages = _names(record.seconds for record in chosen.values())
    if stages:
        coordinates["stage"] = ("stage", np.array(stages))
        seconds = {cell: [each.seconds.get(stage, np.nan) for stage in stages] for cell, each in chosen.items()}
        add("seconds", ("stage",), (len(stages),), seconds)
    if dims != ("run",):
        add("run", (), (), {cell: each.name for cell, each in chosen.items()})
    else:
        coordinates["run"] = ("run", np.array([record.name for record in records]))
    add("failure", (), (), {cell: each.failure for cell, each in chosen.items()})
    attributes = {"format_version": FORMAT_VERSION, "freqbias": version_of("freqbias"), "unit": unit}
    data = xr.Dataset(variables, coordinates, attributes)
    for name in data.coords:
        data[name].attrs = _attributes(str(name), unit)
    return data


def save_dataset(data: "xr.Dataset", path: Path) -> None:
    """Write the dataset. The file is first made in memory, because HDF5 crashes the process if it cannot write."""
    file = io.BytesIO()
    data.to_netcdf(file, engine="h5netcdf")
    path.write_bytes(file.getbuffer())


def save_table(data: "xr.Dataset", path: Path) -> None:
    """Write a tidy table: one row for each run and output time, with the keys, and NaN as an empty cell."""
    along = "time" if "time" in data.dims else "output"
    keep = [name for name in data.data_vars if not {"band", "stage"} & set(data[name].dims)]
    table = data[keep].drop_vars(["band_low", "band_high", "stage"], errors="ignore").to_dataframe()
    drop = {"run", "failure"} & set(table.columns)
    rows = table.reset_index()
    rows = rows[rows["run"] != ""]
    first = [str(name) for name in data.dims if name not in (along, "band", "stage")]
    first += [str(name) for name in data.coords if name not in first and name in rows.columns and name != along]
    order = [*dict.fromkeys([*first, *(drop & {"run"}), *([along] if along in rows else [])])]
    rest = [name for name in rows.columns if name not in order and name != "failure"]
    rows[[*order, *rest, "failure"]].to_csv(path, index=False)


def varying_keys(records: Sequence[RunRecord], axes: Sequence[str]) -> list[str]:
    """Return the swept keys, and the other keys whose values differ among the runs, in the order of the run file."""
    names = dict.fromkeys([*axes, *(key for record in records for key in record.keys)])
    return [
        key
        for key in names
        if key in axes or (key not in IGNORED and len({_text(record.keys.get(key)) for record in records}) > 1)
    ]


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


def _padded(values: np.ndarray, length: tuple[int, ...]) -> np.ndarray:
    return np.concatenate([values, np.full(length[0] - len(values), np.nan)])


def _band_edges(records: Iterable[RunRecord]) -> np.ndarray:
    """Return the edges of the bands of |xi|, which all runs share, or an empty array if no run has rates."""
    largest = [record.frequency.max() for record in records if record.frequency.size]
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
