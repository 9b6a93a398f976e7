"""The keys of the run file that each stage depends on."""

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from freqbias.errors import InputError
from freqbias.problem import files
from freqbias.problem.run_file import RunFile

STAGES = ("mesh", "pde", "nn", "ntk", "compare")
LAW_KEYS = ("sigma_a", "diagonal", "depth", "activation", "bias", "omega_0")  # of [network]: for damping and diffusion
SIREN_LAW_KEYS = ("width", "symmetric")  # in addition, because the width scales SIREN's kernel
VALUE_KEYS = ("frequencies", "window", "standardize", "noise", "noise_level")  # of [data]: not the positions
OPERATOR_KEYS = ("operator", "boundary", "boundary_points", "boundary_weight")  # of [training]: for the rows
LOSS_KEYS = ("loss", "order", "cutoff", "weights", "period")  # of [training]: for the matrix P
FLOW_KEYS = (  # of [training]: for the gradient flow
    "rates", "loss", "order", "cutoff", "weights", "period", "decay", "damping", *OPERATOR_KEYS
)  # fmt: skip
STEP_KEYS = (  # of [training]: for the predicted steps
    "integrator", "momentum", "nesterov", "step", "rate_schedule", "warm_up", "milestones", "rate_factor", "tolerance"
)  # fmt: skip
MONITORING_KEYS = ("checkpoint", "tensorboard")  # of [training]: these do not change the result of the training


class StageKeys(dict[str, Any]):
    """The keys that a stage depends on, as a nested dict.

    `if_absent` says which values count for keys that are absent in the manifest of an earlier version.
    files: the names of the files whose content the keys stand for, by the dotted names of the keys.
    """

    def __init__(
        self, keys: Mapping[str, Any], run: RunFile, stage: str, defaults: Mapping[str, Any], files: Mapping[str, str]
    ) -> None:
        super().__init__(keys)
        self._run, self._stage, self._defaults, self.files = run, stage, defaults, files

    def with_options(self, name: str, options: Mapping[str, Any], *, defaults: Mapping[str, Any]) -> "StageKeys":
        """Return these keys and the options of a command, as the table `name`."""
        all_defaults = {**self._defaults, name: defaults}
        return StageKeys({**self, name: options}, self._run, self._stage, all_defaults, self.files)

    def if_absent(self, names: Collection[str]) -> dict[str, Any]:
        """Return the keys of a run file that lacks these keys, so that their defaults hold.

        names: dotted names, for example "pde.degree" or "density.parts.0.sigma". An index of a list is a number.
        Return an empty dict if no run file can lack these keys.
        """
        tables = self._run.model_dump(exclude_none=True)
        # Without a damping, the flow was not that of "gauss-newton".
        for name in (*names, *(["training.integrator"] if "training.damping" in names else [])):
            table = self.get(name)
            # The stage may depend on a few keys of an absent section only. The others may be required.
            for each in [f"{name}.{key}" for key in table] if isinstance(table, dict) else [name]:
                _remove(tables, each.split("."))
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
    """Return the keys that a stage ("mesh", "pde", "nn", "ntk", "draws", "minibatches", "compare" or
    "design") depends on.

    A stage must be computed again if, and only if, these keys have changed. In place of the path of a file, the keys
    contain the SHA-256 of the file's content.

    Raises InputError if one of the files has changed since the first call for these settings: the data in memory are
    those of the earlier file.
    """
    tables = _tables_of(run)
    names = _replace_paths_by_hashes(tables, run)
    return StageKeys(_select_keys(run, tables, stage), run, stage, {}, names)


def _tables_of(run: RunFile) -> dict[str, Any]:
    """Return all tables of the run file, with the values that the words "auto" and "default" mean."""
    tables = run.model_dump(exclude_none=True)
    tables["training"]["tolerance"] = run.training_tolerance
    if run.training.gauss_newton is not None:
        tables["training"]["damping"] = run.training.gauss_newton
    if run.pde.initial_file is None:
        tables["pde"]["initial"] = "network" if run.starts_from_network else "target"
    return tables


def _select_keys(run: RunFile, keys: dict[str, Any], stage: str) -> dict[str, Any]:
    """Return the keys that the stage depends on. keys: all tables."""
    seed = _pick(keys, "seed")
    common = {name: keys[name] for name in ("density", "data", "network", "time") if name in keys}
    if stage not in ("ntk", "compare"):  # the other stages do not predict the loss without noise
        common["data"] = _drop(common["data"], ("noise_level",))
    law_keys = LAW_KEYS if run.network.omega_0 is None else (*LAW_KEYS, *SIREN_LAW_KEYS)
    laws = {name: value for name, value in keys["network"].items() if name in law_keys}
    training = _drop(keys["training"], MONITORING_KEYS)
    flow = {name: training[name] for name in FLOW_KEYS if name in training}
    # The rates determine damping and diffusion, the other keys how far they matter, so the half-width of the mesh.
    law_names = ("rates", "damping", *LOSS_KEYS, *OPERATOR_KEYS)
    rates = {"training": {name: training[name] for name in law_names if name in training}}
    match stage:
        case "mesh":
            own = {
                "data": _drop(keys["data"], VALUE_KEYS),
                "network": laws,
                "time": {"end": run.time.times[-1] if run.time.times else run.time.end},
                "mesh": keys["mesh"],
                "pde": _pick(keys["pde"], "operator", "degree", "tolerance"),
            }
            own |= rates | (seed if run.data.held_out else {})  # the seed chooses the samples
        case "pde":
            network = _pick(keys, "network", "seed") if run.starts_from_network else {"network": laws}
            own = network | {"training": flow} | _pick(keys, "mesh", "pde")
            own |= seed if run.data.held_out or run.data.noise else {}
        case "nn":
            own = seed | {"training": training}
        case "ntk":  # precision and device do not matter: a kernel is always computed in double precision
            own = seed | {"training": flow | {name: training[name] for name in STEP_KEYS if name in training}}
        case "draws":
            own = seed | {"training": flow | _pick(training, "step"), "pde": _pick(keys["pde"], "dynamics")}
        case "minibatches":
            names = (*STEP_KEYS, "batch")
            own = seed | {"training": flow | {name: training[name] for name in names if name in training}}
        case "compare":  # the figures show the unit
            own = _pick(keys, "seed", "mesh", "pde", "unit", "compare") | {"training": _drop(training, ("keep",))}
        case "design":  # the density is what it chooses
            common.pop("density", None)
            own = seed | {"training": flow} | _pick(keys, "unit") | {"design": keys.get("design", {})}
        case _:
            raise ValueError(f"stage = {stage!r}; use mesh, pde, nn, ntk, draws, minibatches, compare or design")
    if run.pde.initial_file is not None and stage in ("nn", "ntk", "minibatches"):  # they start where the equation does
        own["pde"] = _pick(keys["pde"], "initial")
    return common | own


def every_stage_keys(run: RunFile) -> dict[str, StageKeys]:
    """Return `stage_keys` of every stage, by the name of the stage."""
    return {stage: stage_keys(run, stage) for stage in STAGES}


def _replace_paths_by_hashes(tables: dict[str, Any], run: RunFile) -> dict[str, str]:
    """Replace the paths in the tables, and return the names of the files by the dotted names of the keys."""
    density = tables.get("density", {})
    places = [("density", density, "path"), *((name, tables[name], "path") for name in ("data", "mesh"))]
    parts = enumerate(density.get("parts", []))
    places += [(f"density.parts.{index}", part, "path") for index, part in parts]
    places += [] if run.pde.initial_file is None else [("pde", tables["pde"], "initial")]
    places += [] if run.training.weights_file is None else [("training", tables["training"], "weights")]
    places += [("data", tables["data"], "predict_at")]
    places += [] if run.training.boundary_file is None else [("training", tables["training"], "boundary")]
    if isinstance(tables["data"]["held_out"], dict):
        places += [("data.held_out", tables["data"]["held_out"], "mask")]
    names = dict[str, str]()
    for table, keys, key in places:
        if key not in keys:
            continue
        section = table.partition(".")[0]
        file = files.resolve(keys[key], Path(), section=section, key=key, endings=None)
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        if run.contents_at_start.setdefault(str(file), content) != content:
            raise InputError(
                f"[{section}] {key} = {keys[key]!r}: the file has changed since this command started; restore the file "
                "and continue with --resume, or start again with --overwrite"
            )
        keys[key], names[f"{table}.{key}"] = content, file.name
    return names


def _pick(table: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: table[name] for name in names}


def _drop(table: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in table.items() if name not in names}
