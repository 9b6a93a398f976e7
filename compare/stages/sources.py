"""The finished results that the stages compare and kappa read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from freqbias.errors import InputError, UsageError
from freqbias.problem import ErrorHistory, RunFile, Samples, errors_in_order, stage_keys, why_no_file
from freqbias.runtime import Store, changed_keys, log, sha256_of

STEP_TOLERANCE = 0.01  # relative
OWN = "error"  # the first letters of the names of a user's own errors


@dataclass(frozen=True)
class Sources:
    """The source files, by name.

    "pde" is the spectrum, "nn" the network's errors, and "error", "error-2", ... a user's own errors. The files of the
    stage ntk have the names of their predictions. match: whether errors and spectrum are compared at equal "time" or
    "loss".
    """

    paths: dict[str, Path]
    match: Literal["time", "loss"] = "time"

    @cached_property
    def hashes(self) -> dict[str, str]:
        """The SHA-256 of each file, and how trainings are matched with the equation unless at equal time."""
        hashes = {name: sha256_of(path) for name, path in self.paths.items()}
        if len(self.own_errors) > 1 or self.match == "loss":
            hashes["trainings"] = ", ".join(self.own_errors)  # their names are in the results
        return hashes if self.match == "time" else hashes | {"match": self.match}

    @property
    def own_errors(self) -> dict[str, Path]:
        """The user's own errors, by the name of the file without its ending."""
        return {path.stem: path for name, path in self.paths.items() if name.startswith(OWN)}


def find_sources(
    run: RunFile,
    store: Store,
    *,
    error_files: Sequence[Path] = (),
    trained: bool = True,
    match: Literal["time", "loss"] = "time",
) -> Sources:
    """Find the finished results of this run file.

    error_files: a user's own errors, from one or several trainings. The results of `nn`, and of `ntk`, which predict
    the errors of `nn`, are then ignored. trained: whether the network's errors are required. match: "time" or "loss".

    Raises UsageError if the result of a stage is missing, damaged, or from another run file. Raises InputError if
    an error file is missing, or given twice.
    """
    paths = {"pde": store.verify("pde", keys=stage_keys(run, "pde"), needs=["spectrum.nc"]) / "spectrum.nc"}
    if error_files:
        return Sources(paths | {name: _existing(file) for name, file in _named(error_files).items()}, match)
    if trained or store.has("nn"):
        paths["nn"] = store.verify("nn", keys=stage_keys(run, "nn"), needs=["error.nc"]) / "error.nc"
    if store.has("ntk"):
        folder = store.verify("ntk", keys=stage_keys(run, "ntk"))
        names = [name for name in sorted(store.manifest("ntk")["files"]) if name.endswith(".nc")]
        paths |= {name.removesuffix(".nc"): folder / name for name in names}
    if store.has("draws"):
        paths["draws"] = store.verify("draws", keys=stage_keys(run, "draws"), needs=["draws.nc"]) / "draws.nc"
    if store.has("minibatches"):
        folder = store.verify("minibatches", keys=stage_keys(run, "minibatches"), needs=["minibatches.nc"])
        paths["minibatches"] = folder / "minibatches.nc"
    return Sources(paths)


def _named(error_files: Sequence[Path]) -> dict[str, Path]:
    """Return the names of a user's own errors as sources. Raises InputError if two files have the same name."""
    stems = [file.stem for file in error_files]
    for stem in stems:
        if stems.count(stem) > 1:
            raise InputError(
                f"--error: {stems.count(stem)} files have the name {stem}, which names a training in the results; give "
                "each training once, in a file with a name of its own"
            )
    return {OWN if k == 1 else f"{OWN}-{k}": file for k, file in enumerate(error_files, 1)}


def _existing(file: Path) -> Path:
    if not file.is_file():
        raise InputError(f"--error {file}: {why_no_file(file)}; give an existing netCDF file in the format of error.nc")
    return file


def recorded_sources(manifest_of: Callable[[str], Mapping[str, Any]]) -> dict[str, str]:
    """Return the hashes that `find_sources` would find, as the manifests of the stages record them.

    manifest_of: the manifest of a stage, empty if the stage is not finished.
    """
    found = {}
    patterns = {
        "pde": "spectrum.nc", "nn": "error.nc", "ntk": "*.nc", "draws": "draws.nc", "minibatches": "minibatches.nc",
    }  # fmt: skip
    for stage, pattern in patterns.items():
        for name, file in manifest_of(stage).get("files", {}).items():
            if fnmatch(name, pattern):
                found[name.removesuffix(".nc") if stage == "ntk" else stage] = file["sha256"]
    return found


def load_histories(sources: Sources, samples: Samples) -> tuple[ErrorHistory | None, dict[str, ErrorHistory]]:
    """Load the network's errors (None if no source has them), and the predictions of the stage ntk by name.

    The prediction "empirical-steps" is left out if it was made for steps of another size.

    Raises InputError, which names the file, if a user's own errors do not belong to the samples.
    """
    paths = sources.paths
    history = ErrorHistory.load(paths["nn"]) if "nn" in paths else None
    if OWN in paths:
        history = load_own_errors(paths[OWN], samples)
    predictions = {name: ErrorHistory.load(path) for name, path in paths.items() if path.parent.name == "ntk"}
    if "empirical-steps" in predictions and history is not None:
        taken, predicted = history.step_time, predictions["empirical-steps"].step_time
        if taken is None or predicted is None:
            if not _as_planned(history):
                del predictions["empirical-steps"]
                log.warning(
                    "the training did not begin with the planned step size, so the prediction empirical-steps is left "
                    "out"
                )
        elif taken.size != predicted.size or not np.allclose(taken, predicted, rtol=STEP_TOLERANCE):
            log.info(
                "the prediction empirical-steps is for %d steps, which were planned before the training, which took %d "
                "steps; `freqbias ntk --overwrite` predicts the steps of the training", predicted.size - 1,
                taken.size - 1,
            )  # fmt: skip
    return history, predictions


def load_own_errors(path: Path, samples: Samples) -> ErrorHistory:
    """Load a user's own errors. Raises InputError, which names the file, if they do not belong to the samples."""
    history = ErrorHistory.load(path)
    try:
        errors_in_order(history, samples)
    except InputError as failure:
        raise InputError(f"--error {path}: {failure}") from failure
    return history


def _as_planned(history: ErrorHistory) -> bool:
    """Return whether the first step size of the training was the planned step size. For files without step_time."""
    first, planned = (history.attributes.get(name) for name in ("first_step", "step"))
    return first is None or abs(first / planned - 1) < STEP_TOLERANCE


def same_sources(store: Store, stage: str, sources: Sources, *, renew: bool) -> bool:
    """Return whether a finished stage was made from files with these hashes.

    If the hashes differ, raises UsageError unless `renew` is true.
    """
    changes = changed_keys({"sources": store.manifest(stage).get("sources", {})}, {"sources": sources.hashes})
    if changes and not renew:
        raise UsageError(
            f"{store.root / stage} was made from other results ({'; '.join(changes)}): "
            "choose another --out, or replace this result with --overwrite"
        )
    if changes:
        log.info("%s: the sources have changed (%s), so the stage is computed again", stage, "; ".join(changes))
    return not changes
