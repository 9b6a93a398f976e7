"""The stage `view`, which writes fields for ParaView, a picture and a movie of a result."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from freqbias.compare.stages.stage_output import is_finished, new_stage
from freqbias.pde import start_petsc
from freqbias.runtime import Stage, StopRequest, Store, announced, log, on_root

if TYPE_CHECKING:
    from freqbias.compare.view import LinearCells, View


def run_view(folder: Path, *, resume: bool = False, overwrite: bool = False, stop: StopRequest | None = None) -> None:
    """Write the folder `view/` of a result folder. Collective. Rank 0 works.

    The files are spectra.pvd and laws.pvd for ParaView, open_in_paraview.py, view.png and view.gif.

    Raises UsageError as `load_view` does, and if `view/` exists but may not be replaced. Raises StoppedEarly.
    """
    start_petsc()  # on every rank at the same time
    if stop is not None:
        stop.install()  # after PETSc, which has a handler of its own for SIGTERM
    on_root(_run_view, Store(Path(folder)), resume=resume, overwrite=overwrite, stop=stop, broadcast=False)


def _run_view(store: Store, *, resume: bool, overwrite: bool, stop: StopRequest | None) -> None:
    from freqbias.compare.view import animate_view, draw_view, paraview_script, read_view, view_sources

    keys = {"sources": view_sources(store)}
    if is_finished(store, "view", keys, resume=resume, overwrite=overwrite):
        return
    view = read_view(store.root)
    if "nn" not in view.spectra:
        log.info(
            "view: the network is not shown, because there is no comparison; run `freqbias compare RUN.toml` first"
        )
    with (
        new_stage(store, "view", keys, overwrite=resume or overwrite) as stage,
        announced("view: drawing the pictures"),
    ):
        _write_fields(stage, view, stop)
        with stage.writing("open_in_paraview.py") as path:
            path.write_text(paraview_script(view, store.root / "view"), encoding="utf-8")
        with stage.writing("view.png") as path:
            draw_view(view, path)
        if stop is not None:
            stop.check()
        with stage.writing("view.gif") as path:
            animate_view(view, path)


def _write_fields(stage: Stage, view: "View", stop: StopRequest | None) -> None:
    """Write spectra.pvd, with a frame for each output time, and laws.pvd, with one frame."""
    from freqbias.compare.view import LinearCells, law_fields

    write_spectra(stage, view, "spectra")
    if stop is not None:
        stop.check()
    cells = LinearCells(view)
    _write_collection(stage, view, "laws", [law_fields(view, cells)], cells)


def write_spectra(stage: Stage, view: "View", name: str) -> None:
    """Write NAME.pvd with the spectra of a view, a frame for each output time."""
    from freqbias.compare.view import LinearCells, spectrum_fields

    cells = LinearCells(view)
    frames = (
        spectrum_fields({name: cells.evaluate(v[index]) for name, v in view.spectra.items()})
        for index in range(len(view.time))
    )
    _write_collection(stage, view, name, frames, cells)


def _write_collection(
    stage: Stage, view: "View", name: str, frames: Iterable[Mapping[str, np.ndarray]], cells: "LinearCells"
) -> None:
    from freqbias.pde import VtuGrid, write_collection

    laws = name == "laws"
    units = [f"{field}: {view.units[field]}" for field in view.units if (field in view.static) == laws]
    texts = {"units": [*units, f"coordinates: {view.per_unit}"]}
    grid = VtuGrid(cells.frequency, cells.cells, cells.vtk_type, texts=texts)
    with stage.writing(f"{name}.pvd") as path:
        write_collection(path.parent, view.time[:1] if laws else view.time, grid, frames, name=name)
