"""The keys of the run file that each stage depends on."""

import hashlib
from pathlib import Path
from typing import Any

from freqbias.problem import files
from freqbias.problem.run_file import RunFile

STAGES = ("mesh", "pde", "nn", "ntk", "compare")
LAW_KEYS = ("sigma_a", "diagonal", "depth", "activation")  # of [network]: these determine damping and diffusion
VALUE_KEYS = ("frequencies", "window", "standardize", "noise")  # of [data]: these change values, not positions
ADDED_KEYS = {"missing": "refuse", "center": False}  # of [data]: defaults of keys that older results do not have
MONITORING_KEYS = ("checkpoint", "tensorboard")  # of [training]: these do not change the result of the training


def stage_keys(run: RunFile, stage: str) -> dict[str, Any]:
    """Return the keys that a stage ("mesh", "pde", "nn", "ntk" or "compare") depends on, as a nested dict.

    A stage must be computed again if, and only if, this dict has changed. In place of the path of a file, the dict
    contains the SHA-256 of the file's content.
    """
    keys = run.model_dump(exclude_none=True)
    keys["training"]["tolerance"] = run.training_tolerance
    keys["pde"]["initial"] = "network" if run.starts_from_network else "target"
    _replace_paths_by_hashes(keys)
    keys["data"] = {name: value for name, value in keys["data"].items() if ADDED_KEYS.get(name) != value}
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
    return common | own


def every_stage_keys(run: RunFile) -> dict[str, dict[str, Any]]:
    """Return `stage_keys` of every stage, by the name of the stage."""
    return {stage: stage_keys(run, stage) for stage in STAGES}


def _replace_paths_by_hashes(keys: dict[str, Any]) -> None:
    densities = (keys["density"], *keys["density"].get("parts", []))
    for name, table in (("data", keys["data"]), ("mesh", keys["mesh"]), *(("density", part) for part in densities)):
        if "path" in table:
            file = files.resolve(table["path"], Path(), section=name, endings=None)
            table["path"] = hashlib.sha256(file.read_bytes()).hexdigest()


def _pick(table: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: table[name] for name in names}


def _drop(table: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in table.items() if name not in names}
