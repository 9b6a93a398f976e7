"""The fields of several runs of a sweep for ParaView, and a script that opens them side by side."""

from collections.abc import Sequence
from pathlib import Path

from freqbias.compare.stages import write_spectra
from freqbias.compare.sweep.losses import ordering_loss
from freqbias.compare.sweep.results import read_folders
from freqbias.errors import UsageError
from freqbias.runtime import StopRequest, Store, log

MOST_RUNS = 6  # side by side, if the user names none


def view_sweep(root: Path, names: Sequence[str] = (), *, resume: bool, overwrite: bool, stop: StopRequest) -> None:
    """Write view/ID.pvd for runs of a sweep, and view/open_in_paraview.py. On rank 0 only.

    names: the IDs of the runs; by default those with the lowest loss, at most `MOST_RUNS`.
    Raises UsageError if a run has no finished stage pde, and if `view/` exists but may not be replaced.
    """
    from freqbias.compare.view import paraview_sweep_script, read_view, view_sources

    chosen = list(names) or _best(root)
    folders = {name: root / "runs" / name for name in chosen}
    if unknown := [name for name, folder in folders.items() if not folder.is_dir()]:
        raise UsageError(
            f"--run {unknown[0]}: there is no such run in {root / 'runs'}; give the name of a folder there"
        )
    keys = {"sources": {name: view_sources(Store(folder)) for name, folder in folders.items()}}
    store = Store(root)
    if store.check("view", keys=keys, resume=resume, overwrite=overwrite):
        log.info("view: finished already, in %s", root / "view")
        return
    with store.open("view", keys=keys, overwrite=resume or overwrite) as stage:
        views = {}
        for name, folder in folders.items():
            stop.check()
            views[name] = read_view(folder)
            write_spectra(stage, views[name], name)
        if len({view.dimension for view in views.values()}) > 1:
            raise UsageError("the runs have different dimensions; choose runs of one dimension with --run")
        with stage.writing("open_in_paraview.py") as path:
            path.write_text(paraview_sweep_script(views, root / "view"), "utf-8")
        stage.finish()
    log.info("view: wrote %s", stage.folder)


def _best(root: Path) -> list[str]:
    """Return the names of the runs with the lowest loss at the end that have a finished stage pde."""
    import xarray as xr

    from freqbias.compare.sweep.collect import collect
    from freqbias.compare.sweep.losses import last_value

    records = [record for record in read_folders([root]) if "pde" in record.seconds]
    if not records:
        raise UsageError(f"{root}: no run has a finished stage pde; continue the sweep with --resume")
    data = collect(records)
    loss = ordering_loss(data)
    if loss is None:
        return [Path(record.name).name for record in records[:MOST_RUNS]]
    table = xr.Dataset({"loss": last_value(data[loss]), "run": data["run"]}).to_dataframe()
    best = table[table["run"] != ""].sort_values("loss")["run"].head(MOST_RUNS)
    return [Path(name).name for name in best]
