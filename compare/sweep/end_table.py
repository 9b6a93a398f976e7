"""The table that a sweep prints at its end, the best run first."""

from typing import TYPE_CHECKING

import numpy as np

from freqbias.compare.style import aligned, percent
from freqbias.compare.sweep.losses import TITLES, last_value, ordering_loss
from freqbias.problem import counted

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

MOST_ROWS = 20
RISEN = 1.05  # of the lowest loss; a smaller rise does not matter


def summary(data: "xr.Dataset") -> "pd.DataFrame":
    """Return a row for each run, or for each group of runs that differ only in the seed. The best comes first.

    The columns: the keys; last, the loss of the last output time, and lowest, the lowest loss of all output times, at
    the time `at`; psnr and error, if there are any; seconds; runs, the number of finished runs; and for seeds,
    spread, the standard deviation of `last` over the seeds.
    """
    import pandas as pd

    keys = [str(name) for name in data["failure"].dims]
    extra = [str(name) for name in data.coords if str(name) not in keys and data[name].dims in [(key,) for key in keys]]
    columns = {}
    if loss := ordering_loss(data):
        along = str(data[loss].dims[-1])
        columns["last"] = last_value(data[loss])
        columns["lowest"] = data[loss].min(along)
        time = data["time"]
        where = data[loss].fillna(np.inf).argmin(dim=along)
        columns["at"] = (time.isel({along: where}) if time.ndim > 1 else time[where]).where(columns["lowest"].notnull())
        if f"{loss}_pde" in data:
            columns["equation"] = last_value(data[f"{loss}_pde"])
        psnr = "psnr_held_out_nn" if loss == "loss_held_out" else "psnr_nn"
        if psnr in data:
            columns["psnr"] = last_value(data[psnr])
    if "error_over_initial" in data:
        columns["error"] = data["error_over_initial"].max(str(data["error_over_initial"].dims[-1]))
    columns["seconds"] = data["seconds"].sum("stage") if "seconds" in data else data["failure"].astype(bool) * np.nan
    columns["failed"] = data["failure"] != ""
    columns["there"] = data["run"].astype(str) != ""
    table = pd.DataFrame({name: values.values.ravel() for name, values in _broadcast(columns, data["failure"]).items()})
    grid = np.meshgrid(
        *(data[key].values if key in data.coords else np.arange(data.sizes[key]) for key in keys), indexing="ij"
    )
    for key, values in zip(keys, grid, strict=True):
        table[key] = values.ravel()
    for name in extra:
        table[name] = table[data[name].dims[0]].map(
            dict(zip(data[data[name].dims[0]].values, data[name].values, strict=True))
        )
    table = table[table["there"]].drop(columns="there")
    shown = [key for key in [*keys, *extra] if key != "run" or (len(keys) == 1 and not extra)]
    return _over_seeds(table.drop(columns=[key for key in [*keys, *extra] if key not in shown]), shown)


def _over_seeds(table: "pd.DataFrame", keys: list[str]) -> "pd.DataFrame":
    """Return the means over the seeds."""
    others = [key for key in keys if key != "seed"]
    table["runs"] = 1 - table["failed"].astype(int)
    sums = ["seconds", "runs", "failed"]
    if "seed" in keys and others and table["seed"].nunique() > 1:
        grouped = table.groupby(others, sort=False)
        means = grouped[[name for name in table if name not in (*sums, *keys)]].mean()
        result = means.join(grouped[sums].sum())
        if "last" in table:
            result["spread"] = grouped["last"].std()
        table = result.reset_index()
    order = "last" if "last" in table else "seconds"
    return table.sort_values(order, na_position="last", kind="stable").reset_index(drop=True)


def _broadcast(columns: "dict[str, xr.DataArray]", like: "xr.DataArray") -> "dict[str, xr.DataArray]":
    return {name: values.transpose(*like.dims) for name, values in columns.items()}


def end_table(data: "xr.Dataset") -> str:
    """Return the table as text: at most `MOST_ROWS` rows, and what the user should know of the others."""
    table, loss = summary(data), ordering_loss(data)
    units = {"error": percent, "seconds": lambda value: f"{value:.1f} s"}
    titles = {
        "last": f"{TITLES.get(loss or '', 'loss')} at the end", "lowest": "lowest", "at": "at t", "psnr": "PSNR [dB]",
        "equation": "by the equation",
        "error": "largest error / v(0)", "seconds": "time", "spread": "± over seeds",
    }  # fmt: skip
    numbers = [
        name for name in ("last", "spread", "lowest", "at", "equation", "psnr", "error", "seconds") if name in table
    ]
    keys = [name for name in table if name not in (*numbers, "runs", "failed")]
    rows = [(*keys, *(titles[name] for name in numbers), "")]
    for _, row in table.head(MOST_ROWS).iterrows():
        cells = [
            units.get(name, lambda value: f"{value:.4g}")(row[name]) if np.isfinite(row[name]) else ""
            for name in numbers
        ]
        rows.append((*(_cell(row[key]) for key in keys), *cells, _state(row)))
    text = aligned(rows)
    if len(table) > MOST_ROWS:
        text += f"\n... and {len(table) - MOST_ROWS} more rows in sweep.csv"
    if "last" in table and np.isfinite(table["last"].iloc[0]):
        text += _advice(table)
    failed = int(table["failed"].sum())
    return text + (f"\n{counted(failed, 'run')} failed; sweep.csv says why" if failed else "")


def _advice(table: "pd.DataFrame") -> str:
    """Return what the best run should have done otherwise, if its loss has risen again."""
    best = table.iloc[0]
    if best["last"] <= RISEN * best["lowest"]:
        return ""
    if not (table["at"] > 0).any():
        return (
            "\nno run is better at the end than at the start; use more neurons, which come closer to the column of the "
            "equation, or another density"
        )
    return f"\nthe loss of the first row is lowest at t = {best['at']:.4g} and rises again; stop there"


def _cell(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _state(row: "pd.Series") -> str:
    failed, finished = int(row["failed"]), int(row["runs"])
    if failed and finished:
        return f"{failed} of {failed + finished} failed"
    return "failed" if failed else ""
