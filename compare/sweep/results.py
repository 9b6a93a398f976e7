"""The files of a sweep: sweep.nc, sweep.csv and the picture sweep.png, sweep.pdf."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from freqbias.compare.sweep.collect import collect, save_dataset, save_table
from freqbias.compare.sweep.folder import RESULT_FILES, SweepFolder
from freqbias.compare.sweep.losses import ordering_loss
from freqbias.compare.sweep.run_table import RunRecord, read_run
from freqbias.errors import UsageError
from freqbias.runtime import Progress, atomic_write, log, writable

if TYPE_CHECKING:
    import xarray as xr

NETCDF, TABLE, *PICTURES = RESULT_FILES


def collect_sweep(sweep: SweepFolder) -> "xr.Dataset":
    """Collect all runs in the folder of a sweep, and write sweep.nc and sweep.csv. Return the dataset.

    Runs of earlier commands in the same folder are collected too. Of runs with equal keys, those of this command count.
    """
    earlier = sorted(path.parent.name for path in sweep.runs.glob("*/run.toml"))
    names = list(dict.fromkeys([*sweep.ids, *earlier]))
    records = _read([(sweep.runs / name, name) for name in names])
    for record in records:
        if record.name in sweep.ids and not record.failure:
            record.failure = sweep.failure_of(record.name)
    return write(collect(records, sweep.plan.axes), sweep.root)


def collect_folders(folders: Sequence[Path], out: Path) -> "xr.Dataset":
    """Collect any result folders, and sweeps with all their runs. Write sweep.nc and sweep.csv to `out`.

    Raises UsageError if a folder holds no results or a file is damaged.
    """
    return write(collect(read_folders(folders)), out)


def read_folders(folders: Sequence[Path], *, own: bool = False) -> list[RunRecord]:
    """Read result folders, and sweeps with all their runs. The name of a run is its path. Raises as above.

    own: whether to read also the results of a run that lie in the folder of a sweep itself.
    """
    found = dict[Path, str]()
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"{folder}: no such folder; give result folders, such as out/NAME")
        runs = sorted(path.parent for path in folder.glob("runs/*/run.toml"))
        if not runs and not (folder / "run.toml").is_file():
            raise UsageError(f"{folder} holds no run.toml; give result folders as `freqbias run` writes them")
        beside = [folder] if own and runs and any(folder.glob("*/manifest.json")) else []
        for run in [*runs, *beside] or [folder]:
            found.setdefault(run.resolve(), str(run))
    return _read([(Path(name), name) for name in found.values()])


def write(data: "xr.Dataset", root: Path) -> "xr.Dataset":
    """Write the files of a sweep, each complete or not at all."""
    from freqbias.compare.sweep.figure import draw_sweep

    with writable(root):
        root.mkdir(parents=True, exist_ok=True)
    with writable(root / NETCDF), atomic_write(root / NETCDF) as path:
        save_dataset(data, path)
    with atomic_write(root / TABLE) as path:
        save_table(data, path)
    if ordering_loss(data) is None:
        for name in PICTURES:
            (root / name).unlink(missing_ok=True)  # of earlier runs
        log.info("wrote %s and %s", root / NETCDF, TABLE)
        return data
    with ExitStack() as stack:
        draw_sweep(data, *(stack.enter_context(atomic_write(root / name)) for name in PICTURES), title=root.name)
    log.info("wrote %s, %s and %s", root / NETCDF, TABLE, PICTURES[0])
    return data


def _read(folders: Iterable[tuple[Path, str]]) -> list[RunRecord]:
    folders = list(folders)
    with Progress("collecting", total=len(folders), unit="runs") as progress:
        records = []
        for folder, name in folders:
            records.append(read_run(folder, name, alone=False))
            progress.advance()
    return records
