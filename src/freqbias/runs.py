"""Whole runs from Python: `run` computes one run file, `sweep` many with other values of some keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freqbias import problem
from freqbias.files import open_run
from freqbias.runtime import StopRequest, Store

if TYPE_CHECKING:
    import xarray as xr


def run(
    path: Path | str,
    keys: Mapping[str, Any] | None = None,
    *,
    out: Path | str | None = None,
    stages: Sequence[str] = ("pde", "nn", "ntk", "compare"),
    resume: bool = False,
    overwrite: bool = False,
) -> xr.DataTree:
    """Run the stages of a run file, as `freqbias run` does, and return the results as `freqbias.open` does.

    keys: values of keys of the run file by dotted name, for example {"density.sigma": 12}, in place of those in the
    file. out: the result folder, out/NAME by default. resume, overwrite: what to do with results that exist.
    A plain function without global state, so that dask, parsl, joblib and the like can call it in their processes.

    Raises InputError, UsageError (results exist already), ComputationError and StoppedEarly.
    """
    from freqbias.compare.stages import run_all

    loaded = problem.load(Path(path), keys=keys or {})
    store = Store(Path(out) if out is not None else Path("out") / loaded.name)
    with StopRequest() as stop:
        run_all(
            loaded, problem.build(loaded), store, resume=resume, overwrite=overwrite, stop=stop, stages=tuple(stages)
        )
    return open_run(store.root)


def sweep(
    path: Path | str,
    axes: Mapping[str, Sequence[Any]] | None = None,
    *,
    out: Path | str | None = None,
    stages: Sequence[str] = (),
    zipped: Sequence[Sequence[str]] = (),
    jobs: int | None = 1,
    resume: bool = False,
    overwrite: bool = False,
) -> xr.Dataset:
    """Run all combinations of several values of some keys, as `freqbias sweep` does, and return the collected results.

    axes: the values of each key by dotted name, for example {"density.sigma": [4, 8], "seed": range(5)}, in addition to
    the section [sweep] of the run file. out: the folder, out/NAME by default. stages: pde, nn, ntk and compare by
    default. zipped: lists of keys whose values go together. jobs: the number of processes; None for one a core. More
    than one process needs a script that guards its start with `if __name__ == "__main__":`.

    Raises InputError, UsageError and StoppedEarly. The variable `failure` of the dataset says why a run failed.
    """
    from freqbias.compare.sweep import collect_sweep, run_sweep

    plan = problem.load_sweep(Path(path), axes=axes or {}, zipped=zipped, stages=stages)
    root = Path(out) if out is not None else Path("out") / plan.name
    with StopRequest() as stop:
        found = run_sweep(plan, root, resume=resume, overwrite=overwrite, stop=stop, jobs=jobs)
    assert found is not None  # without mpirun, this process has the results
    return collect_sweep(found)
