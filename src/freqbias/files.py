"""Reading files into Python: `load` reads a run file, `open` reads results."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from freqbias import problem
from freqbias.errors import UsageError
from freqbias.runtime import Store, common_changes

if TYPE_CHECKING:
    import xarray as xr

FILES = {  # node of the tree: the netCDF files of the stage
    "pde": "pde/spectrum.nc",
    "nn": "nn/error.nc",
    "ntk": "ntk/*.nc",
    "compare": "compare/spectra.nc",
    "kappa": "kappa/kappa.nc",
    "draws": "draws/draws.nc",
    "minibatches": "minibatches/minibatches.nc",
}

SOURCES = {  # source in a manifest: its stage and file
    "pde": ("pde", "spectrum.nc"), "nn": ("nn", "error.nc"), "draws": ("draws", "draws.nc"),
    "minibatches": ("minibatches", "minibatches.nc"),
}  # fmt: skip


def load(path: Path | str) -> problem.Problem:
    """Return the problem that a run file states. Raises InputError, which names the key, the value and the remedy."""
    return problem.build(problem.load(Path(path)))


def open(folder: Path | str) -> xr.DataTree | xr.Dataset:
    """Read the results in a folder, such as out/NAME, into a tree with a node for each finished stage.

    For the folder of a sweep, return the dataset of sweep.nc, with a dimension for each swept key
    (`freqbias.compare.collect`).

    pde             v (time, channel, node), complex, the spectrum of the error; loss (time)
    nn              error (time, channel, sample), loss (time); for held-out samples held_out_error, held_out_loss
    ntk/KERNEL      the variables of nn as a kernel predicts them
    compare         pde, nn and predictions (time, channel, node), complex; metrics (time)
    compare/learned target, and what nn and pde have learnt, on a grid in your units (time, channel, x1, x2, x3)
    kappa           frequency learning rates
    draws           predicted errors of several draws of the network, draw_error (draw, time, channel, sample)
    minibatches     predicted errors for sequences of minibatches, minibatch_error (sequence, time, channel, sample)

    Every variable has `units` and a `long_name`. In one dimension `frequency` and `position` are indexes:
    `tree["pde"].v.sel(frequency=3.0, method="nearest")`. In two or three dimensions, `frequency` has the dimensions
    (node, axis), and `position` has (sample, axis).

    Raises UsageError if the folder has no finished stage, if a file is damaged, or if the stages belong to different
    problems, for example because one of them was computed again with another run file.
    """
    if (sweep := Path(folder) / "sweep.nc").is_file():
        with problem.open_netcdf(sweep) as file:
            return file.load()
    return open_run(Path(folder))


def open_run(folder: Path) -> xr.DataTree:
    """Read the results of one run into a tree, see `open`."""
    import xarray as xr

    store = Store(folder)
    if store.root.is_file():
        raise UsageError(f"{store.root} is a file; give the folder of the results, such as out/NAME")
    if not store.root.is_dir():
        raise UsageError(f"{store.root}: no such folder; give the folder that `freqbias run` wrote, such as out/NAME")
    nodes: dict[str, xr.Dataset] = {}
    for stage, pattern in FILES.items():
        if not store.has(stage):
            continue
        store.verify(stage, needs=[] if "*" in pattern else [Path(pattern).name])
        listed = {store.root / stage / name for name in store.manifest(stage)["files"]}
        paths = sorted(path for path in store.root.glob(pattern) if path in listed)
        for path in paths:
            nodes[stage if "*" not in pattern else f"{stage}/{path.stem}"] = _dataset(path)
    _refuse_mixture(store)
    if not nodes and (store.root / "manifest.json").is_file():
        raise UsageError(f"{store.root} is the folder of one stage; give the folder above, {store.root.parent}")
    if not nodes and (store.root / "runs").is_dir():
        raise UsageError(
            f"{store.root} has runs of a sweep, but no sweep.nc; run `freqbias collect {store.root}`, or continue the "
            "sweep with --resume"
        )
    if not nodes:
        raise UsageError(f"{store.root} holds no finished stage; run `freqbias run RUN.toml` to compute the stages")
    if "compare" in nodes and (learned := store.root / "compare" / "learned.nc").is_file():
        nodes["compare/learned"] = _dataset(learned)
    if "compare" in nodes:
        unit = str(nodes["compare"].attrs.get("unit", ""))
        nodes["compare"] = nodes["compare"].merge(_metrics(store.root / "compare" / "metrics.csv", unit))
    return xr.DataTree.from_dict(nodes, name=store.root.name)


def _refuse_mixture(store: Store) -> None:
    """Raise UsageError if two stages were computed with other keys, or if a stage was made from another result."""
    manifests = {stage: store.manifest(stage) for stage in FILES if (store.root / stage / "manifest.json").is_file()}
    remedy = "compute it again with --overwrite, or move its folder away"
    for (one, first), (other, second) in combinations(manifests.items(), 2):
        if changes := common_changes(first["keys"], second["keys"]):
            raise UsageError(
                f"{store.root} holds stages of different problems: {one} -> {other} differ in {'; '.join(changes)}; "
                f"decide which of the two is out of date, and {remedy}"
            )
    for stage, manifest in manifests.items():
        for source, expected in manifest.get("sources", {}).items():
            made_by, name = SOURCES.get(source, ("ntk", f"{source}.nc"))
            found = manifests.get(made_by, {}).get("files", {}).get(name, {}).get("sha256", expected)
            if found != expected:
                raise UsageError(
                    f"{store.root / stage} was made from another result of {made_by} ({name}) than the one there now; "
                    f"{remedy}"
                )


def _dataset(path: Path) -> xr.Dataset:
    with problem.open_netcdf(path) as file:
        data = file.load()
    for name, variable in data.variables.items():
        if "units" not in variable.attrs:  # a file of an earlier version
            variable.attrs |= problem.describe_variable(str(name), str(data.attrs.get("unit", "")))
    for name in [str(name).removesuffix("_real") for name in data.data_vars if str(name).endswith("_real")]:
        parts = [data[f"{name}_{part}"] for part in ("real", "imag")]
        attributes = {"units": parts[0].attrs["units"], "long_name": parts[0].attrs["long_name"].rpartition(",")[0]}
        values = (parts[0] + 1j * parts[1]).assign_attrs(attributes)
        data = data.drop_vars([part.name for part in parts]).assign({"v" if name == "error" else name: values})
    for name in ("frequency", "position", "held_out_position", "point_position"):
        if name in data:
            if data.sizes["axis"] == 1:
                data[name] = data[name].isel(axis=0)
                data = data.set_coords(name).set_xindex(name)
            else:
                data = data.set_coords(name)
    return data


def _metrics(path: Path, unit: str) -> xr.Dataset:
    import xarray as xr

    table = np.atleast_1d(np.genfromtxt(path, delimiter=",", names=True))
    data = xr.Dataset({name: ("time", table[name]) for name in table.dtype.names or () if name != "time"})
    for name, column in data.items():
        column.attrs = problem.describe_variable(str(name), unit)
    return data
