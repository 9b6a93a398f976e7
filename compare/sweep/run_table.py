"""Read what a finished run has to say for the table of a sweep: keys, losses over time, learning rates, seconds."""

import csv
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from freqbias.errors import UsageError
from freqbias.problem import flatten
from freqbias.runtime import Store, log

STAGES = ("pde", "nn", "ntk", "compare", "design")
LOSSES = {"loss": "loss", "held_out_loss": "loss_held_out"}  # name in error.nc: name in the table


@dataclass
class RunRecord:
    """The results of one run.

    name: the name of the folder. keys: the values of all keys of the run file, by dotted name. time (T,): the output
    times. columns: quantities at these times, (T,). scalars: numbers and texts. frequency (n,): |xi| of the nodes at
    which the learning rates `rates` (n,) were measured, by source. seconds: the time that each stage took.
    commands: the command lines that computed the stages. failure: why a stage failed, or an empty text.
    """

    name: str
    keys: Mapping[str, Any]
    time: np.ndarray = field(default_factory=lambda: np.empty(0))
    columns: dict[str, np.ndarray] = field(default_factory=dict)
    scalars: dict[str, Any] = field(default_factory=dict)
    frequency: np.ndarray = field(default_factory=lambda: np.empty(0))
    rates: dict[str, np.ndarray] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    failure: str = ""


def read_run(folder: Path, name: str, *, alone: bool = True) -> RunRecord:
    """Read the finished stages of a result folder.

    Raises UsageError if the folder has no run file, a stage is damaged, or a stage was computed with other keys than
    run.toml has. alone: False for one run of many, in which such a stage counts as failed.
    """
    record = RunRecord(name, read_keys(folder))
    store, damages = Store(folder), []
    for stage in STAGES:
        if not (folder / stage / "manifest.json").is_file():
            continue
        try:
            manifest = store.verified_manifest(stage)
            _check_keys(folder / stage, manifest["keys"], record.keys)
        except UsageError as damage:
            if alone:
                raise
            damages.append(f"{stage}: {damage}")
            continue
        record.seconds[stage] = manifest["seconds"]
        record.commands.append(manifest["command"])
        _READERS[stage](record, folder / stage)
    for text in damages:
        log.warning("%s: %s", name, text)
    record.failure = "; ".join([*damages, *failures(folder)])
    return record


def _check_keys(stage: Path, computed: Mapping[str, Any], keys: Mapping[str, Any]) -> None:
    """Raise UsageError if a stage was computed with other numbers than run.toml has now.

    Words are not compared: run.toml has "auto" where the keys of a stage have its meaning, and paths of files.
    """
    for key, value in flatten(computed):
        now = keys.get(key, value)
        if _is_number(value) and _is_number(now) and value != now:
            raise UsageError(
                f"{stage} was computed with {key} = {value}, but run.toml beside it has {now}: compute the stage again "
                "with --overwrite, or restore run.toml"
            )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def read_keys(folder: Path) -> dict[str, Any]:
    """Return the values of all keys in run.toml by dotted name. Raises UsageError if there is no such file."""
    path = folder / "run.toml"
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read ({error.strerror}): give result folders as `freqbias run` writes them"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is damaged ({error}): restore the file, or leave this folder out") from None
    tables.pop("sweep", None)
    inner = {
        f"{section}.{key}": value
        for section, table in tables.items() if isinstance(table, dict)
        for key, value in table.items() if isinstance(value, dict)
    }  # fmt: skip
    return {**dict(flatten(tables)), **inner}  # such as data.held_out, which may be a number or a table


def failures(folder: Path) -> Iterator[str]:
    """Yield why stages of a run failed."""
    for path in sorted(folder.glob("*.failed")):
        if (folder / path.stem / "manifest.json").is_file():  # computed since, for example by `freqbias run`
            continue
        try:
            yield f"{path.stem}: {json.loads(path.read_bytes())['message']}"
        except (OSError, ValueError, KeyError, TypeError):
            yield f"{path.stem}: the record of the failure is damaged"


def _read_losses(record: RunRecord, path: Path, source: str) -> None:
    """Read the losses of an error.nc, or of a file with the same variables.

    Reads with h5py alone: `read_netcdf`, which expects files from anywhere, takes several times as long, and a sweep
    may have thousands of files, whose hashes are checked.
    """
    import h5py

    suffix = "" if source == "nn" else f"_{source}"
    with h5py.File(path) as data:
        time = data["time"][:]
        if record.time.size and not np.array_equal(record.time, time):
            return
        record.time = time
        for name, column in LOSSES.items():
            if name in data:
                record.columns.setdefault(f"loss_{source}" if name == "loss" else column + suffix, data[name][:])


def _read_nn(record: RunRecord, folder: Path) -> None:
    _read_losses(record, folder / "error.nc", "nn")


def _read_pde(record: RunRecord, folder: Path) -> None:
    _read_losses(record, folder / "spectrum.nc", "pde")


def _read_ntk(record: RunRecord, folder: Path) -> None:
    for path in sorted(folder.glob("*.nc")):
        _read_losses(record, path, path.stem.replace("-", "_"))


def _read_compare(record: RunRecord, folder: Path) -> None:
    header, values = _read_csv(folder / "metrics.csv")
    columns = dict(zip(header, values.T, strict=True))
    time = columns.pop("time")
    if not np.array_equal(record.time, time):  # `compare` uses the times that network and equation both have
        record.time, record.columns = time, {}
    record.columns |= columns
    if (folder / "kappa.csv").is_file():
        header, values = _read_csv(folder / "kappa.csv")
        columns = dict(zip(header, values.T, strict=True))
        xi = [columns[name] for name in header if name.startswith("xi_")]
        record.frequency = np.linalg.norm(xi, axis=0)
        record.rates = {
            name.removesuffix("_mean").replace("-", "_"): values
            for name, values in columns.items() if name == "theory" or name.endswith("_mean")
        }  # fmt: skip


def _read_design(record: RunRecord, folder: Path) -> None:
    """Read the winner, with its row of the table for the first draw and the budget with the best PSNR."""
    winner = tomllib.loads((folder / "run.toml").read_text("utf-8"))
    scales = [winner["density"][key] for key in ("sigma", "scale", "radius") if key in winner["density"]]
    record.scalars["design_kind"] = winner["density"]["kind"]
    record.scalars |= {f"design_{key}": float(winner["network"][key]) for key in ("width", "sigma_a")}
    if scales:
        record.scalars["design_scale"] = float(scales[0])
        with (folder / "design.csv").open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if np.isclose(float(row["scale"]), scales[0], rtol=1e-6)]
        record.scalars["design_psnr"] = max((float(row["psnr"] or "nan") for row in rows), default=float("nan"))


_READERS = {
    "pde": _read_pde, "nn": _read_nn, "ntk": _read_ntk, "compare": _read_compare, "design": _read_design,
}  # fmt: skip


def _read_csv(path: Path) -> tuple[list[str], np.ndarray]:
    """Return the header and the rows of numbers, (rows, columns). An empty cell is NaN."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    return header, np.array([[float(cell or "nan") for cell in row] for row in rows]).reshape(-1, len(header))
