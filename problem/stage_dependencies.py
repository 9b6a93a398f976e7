"""The keys of the run file that each stage depends on."""

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from freqbias.problem import files
from freqbias.problem.run_file import RunFile

STAGES = ("mesh", "pde", "nn", "ntk", "compare")
LAW_KEYS = ("sigma_a", "diagonal", "depth", "activation")  # of [network]: these determine damping and diffusion
VALUE_KEYS = ("frequencies", "window", "standardize", "noise")  # of [data]: these change values, not positions
MONITORING_KEYS = ("checkpoint", "tensorboard")  # of [training]: these do not change the result of the training


class StageKeys(dict[str, Any]):
    """The keys that a stage depends on, as a nested dict.

    `if_absent` says which values count for keys that are absent in the manifest of an earlier version.
    """

    def __init__(self, keys: Mapping[str, Any], run: RunFile, stage: str, defaults: Mapping[str, Any]) -> None:
        super().__init__(keys)
        self._run, self._stage, self._defaults = run, stage, defaults

    def with_options(self, name: str, options: Mapping[str, Any], *, defaults: Mapping[str, Any]) -> "StageKeys":
        """Return these keys and the options of a command, as the table `name`."""
        return StageKeys({**self, name: options}, self._run, self._stage, {**self._defaults, name: defaults})

    def if_absent(self, names: Collection[str]) -> dict[str, Any]:
        """Return the keys of a run file that lacks these keys, so that their defaults hold.

        names: dotted names, for example "pde.degree" or "density.parts.0.sigma". An index of a list is a number.
        Return an empty dict if no run file can lack these keys.
        """
        tables = self._run.model_dump(exclude_none=True)
        for name in names:
            _remove(tables, name.split("."))
        try:
            run = RunFile.model_validate(tables)
        except ValidationError:
            return {}
        return {**_select_keys(run, _tables_of(run), self._stage), **self._defaults}


def _remove(tables: Any, names: list[str]) -> None:
    """Remove the value with these names from nested tables and lists, if it is there."""
    *outer, last = (int(name) if name.isdecimal() else name for name in names)
    try:
        for name in outer:
            tables = tables[name]
        del tables[last]
    except (KeyError, IndexError, TypeError):
        return


def stage_keys(run: RunFile, stage: str) -> StageKeys:
    """Return the keys that a stage ("mesh", "pde", "nn", "ntk" or "compare") depends on.

    A stage must be computed again if, and only if, these keys have changed. In place of the path of a file, the keys
    contain the SHA-256 of the file's content.
    """
    tables = _tables_of(run)
    _replace_paths_by_hashes(tables, run.pde.initial_file)
    return StageKeys(_select_keys(run, tables, stage), run, stage, {})


def _tables_of(run: RunFile) -> dict[str, Any]:
    """Return all tables of the run file, with the values that the words "auto" and "default" mean."""
    tables = run.model_dump(exclude_none=True)
    tables["training"]["tolerance"] = run.training_tolerance
    if run.pde.initial_file is None:
        tables["pde"]["initial"] = "network" if run.starts_from_network else "target"
    return tables


def _select_keys(run: RunFile, keys: dict[str, Any], stage: str) -> dict[str, Any]:
    """Return the keys that the stage depends on. keys: all tables."""
    seed = _pick(keys, "seed")
    common = _pick(keys, "density", "data", "network", "time")
    laws = {name: value for name, value in keys["network"].items() if name in LAW_KEYS}
    training = _drop(keys["training"], MONITORING_KEYS)
    match stage:
        case "mesh":
            own = {
                "data": _drop(keys["data"], VALUE_KEYS),
                "network": laws,
                "time": {"end": run.time.times[-1] if run.time.times else run.time.end},
                "mesh": keys["mesh"],
                "pde": _pick(keys["pde"], "operator", "degree", "tolerance"),
            }
            own |= seed if run.data.held_out else {}  # the seed chooses the samples
        case "pde":
            network = _pick(keys, "network", "seed") if run.starts_from_network else {"network": laws}
            own = network | _pick(keys, "mesh", "pde")
            own |= seed if run.data.held_out or run.data.noise else {}
        case "nn":
            own = seed | {"training": training}
        case "ntk":  # precision and device do not matter: a kernel is always computed in double precision
            own = seed | {"training": _pick(training, "integrator", "step", "tolerance")}
        case "compare":  # the figures show the unit
            own = _pick(keys, "seed", "mesh", "pde", "unit", "compare") | {"training": training}
        case _:
            raise ValueError(f"stage = {stage!r}; use mesh, pde, nn, ntk or compare")
    if run.pde.initial_file is not None and stage in ("nn", "ntk"):  # they start where the equation does
        own["pde"] = _pick(keys["pde"], "initial")
    return common | own


def every_stage_keys(run: RunFile) -> dict[str, StageKeys]:
    """Return `stage_keys` of every stage, by the name of the stage."""
    return {stage: stage_keys(run, stage) for stage in STAGES}


def _replace_paths_by_hashes(keys: dict[str, Any], initial_file: str | None) -> None:
    densities = (keys["density"], *keys["density"].get("parts", []))
    for name, table in (("data", keys["data"]), ("mesh", keys["mesh"]), *(("density", part) for part in densities)):
        if "path" in table:
            file = files.resolve(table["path"], Path(), section=name, endings=None)
            table["path"] = hashlib.sha256(file.read_bytes()).hexdigest()
    if initial_file is not None:
        file = files.resolve(initial_file, Path(), section="pde", key="initial", endings=None)
        keys["pde"]["initial"] = hashlib.sha256(file.read_bytes()).hexdigest()


def _pick(table: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: table[name] for name in names}


def _drop(table: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in table.items() if name not in names}
