"""The stage `view` of a result: fields for ParaView, a picture and a movie."""

from pathlib import Path

from freqbias.runtime import StopRequest, Store, log, on_root


def run_view(folder: Path, *, resume: bool = False, overwrite: bool = False, stop: StopRequest | None = None) -> None:
    """Write the folder `view/` of a result folder; collective: rank 0 works, the others sleep.

    spectra.pvd and laws.pvd for ParaView, open_in_paraview.py, view.png and view.gif.
    Raises UsageError as `load_view`, and where a view is in the way; StoppedEarly.
    """
    from freqbias.pde import write_fields  # noqa: F401  (starts PETSc, which every rank must do at the same time)

    if stop is not None:
        stop.install()  # after PETSc, which has a handler of its own for SIGTERM
    on_root(_run_view, Store(Path(folder)), resume=resume, overwrite=overwrite, stop=stop, broadcast=False)


def _run_view(store: Store, *, resume: bool, overwrite: bool, stop: StopRequest | None) -> None:
    from freqbias.compare.view import (
        LinearCells,
        animate_view,
        draw_view,
        law_fields,
        paraview_script,
        read_view,
        spectrum_fields,
        view_sources,
    )
    from freqbias.pde import write_collection

    keys = {"sources": view_sources(store)}
    if store.check("view", keys=keys, resume=resume, overwrite=overwrite):
        log.info("view: finished already, in %s", store.root / "view")
        return
    view = read_view(store.root)
    if "nn" not in view.spectra:
        log.info("view: finite elements alone; `freqbias compare RUN.toml` brings the network")
    with store.open("view", keys=keys, overwrite=resume or overwrite) as stage:  # an unfinished one starts afresh
        cells = LinearCells(view)
        spectra = (
            spectrum_fields({name: cells.at(v[index]) for name, v in view.spectra.items()})
            for index in range(len(view.time))
        )
        for name, time, frames in (("spectra", view.time, spectra), ("laws", view.time[:1], [law_fields(view, cells)])):
            grid = cells.grid()
            fields = [field for field in view.units if (field in view.static) == (name == "laws")]
            units = [f"{field}: {view.units[field]}" for field in fields]
            grid.field_data["units"] = [*units, f"coordinates: {view.per_unit}"]
            with stage.writing(f"{name}.pvd") as path:
                write_collection(path.parent, time, grid, frames, name=name)
            if stop is not None:
                stop.check()
        with stage.writing("open_in_paraview.py") as path:
            path.write_text(paraview_script(view, store.root / "view"), encoding="utf-8")
        with stage.writing("view.png") as path:
            draw_view(view, path)
        if stop is not None:
            stop.check()
        with stage.writing("view.gif") as path:
            animate_view(view, path)
        stage.finish()
    log.info("view: wrote %s", stage.folder)
