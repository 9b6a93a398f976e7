"""The finished results that the stages compare and kappa read."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from freqbias.errors import InputError, UsageError
from freqbias.problem import ErrorHistory, RunFile, stage_keys
from freqbias.runtime import Store, changed_keys, log, sha256_of

STEP_TOLERANCE = 0.01  # relative


@dataclass(frozen=True)
class Sources:
    """Files by name: "pde" the spectrum; "nn" the network's errors, or "error" a user's own; those of the stage ntk."""

    paths: dict[str, Path]

    @cached_property
    def hashes(self) -> dict[str, str]:
        """The SHA-256 of each file, which identifies it."""
        return {name: sha256_of(path) for name, path in self.paths.items()}


def find_sources(run: RunFile, store: Store, *, error_file: Path | None, trained: bool = True) -> Sources:
    """The sources of this run file.

    error_file: a user's own errors. They replace those of `nn`, and exclude `ntk`, which predicts those of `nn`.
    trained: whether the network's errors are required.

    Raises UsageError if a stage is missing, damaged, or from another run file; InputError if error_file is missing.
    """
    paths = {"pde": store.verify("pde", keys=stage_keys(run, "pde")) / "spectrum.nc"}
    if error_file is not None:
        if not error_file.is_file():
            raise InputError(f"--error {error_file}: no such file; give a netCDF file in the format of error.nc")
        return Sources(paths | {"error": error_file})
    if trained or (store.root / "nn").is_dir():
        paths["nn"] = store.verify("nn", keys=stage_keys(run, "nn")) / "error.nc"
    if (store.root / "ntk").is_dir():
        folder = store.verify("ntk", keys=stage_keys(run, "ntk"))
        paths |= {path.stem: path for path in sorted(folder.glob("*.nc"))}
    return Sources(paths)


def load_histories(sources: Sources) -> tuple[ErrorHistory | None, dict[str, ErrorHistory]]:
    """The network's errors, if any, and the predictions of its kernels by name.

    The predicted steps are dropped if the training began with a step other than the planned one.
    """
    paths = sources.paths
    path = paths.get("error") or paths.get("nn")
    history = None if path is None else ErrorHistory.load(path)
    predictions = {name: ErrorHistory.load(path) for name, path in paths.items() if path.parent.name == "ntk"}
    if "empirical-steps" in predictions and history is not None and not _as_planned(history):
        del predictions["empirical-steps"]
        log.warning("the training did not begin with the steps that were predicted: that prediction is left out")
    return history, predictions


def _as_planned(history: ErrorHistory) -> bool:
    """Whether the training began with the step size it was planned with."""
    first, planned = (history.attributes.get(name) for name in ("first_step", "step"))
    return first is None or abs(first / planned - 1) < STEP_TOLERANCE


def same_sources(store: Store, stage: str, sources: Sources, *, renew: bool) -> bool:
    """Whether a finished stage was made from files with these hashes. If not, raises UsageError unless `renew`."""
    changes = changed_keys({"sources": store.manifest(stage)["sources"]}, {"sources": sources.hashes})
    if changes and not renew:
        raise UsageError(
            f"{store.root / stage} was made from other results ({'; '.join(changes)}): "
            "choose another --out, or make it again with --overwrite"
        )
    if changes:
        log.info("%s: its sources have changed (%s), so it is computed again", stage, "; ".join(changes))
    return not changes
