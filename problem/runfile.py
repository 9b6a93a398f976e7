"""The run file: read, check, fill in, and name the keys that each stage depends on."""

import hashlib
import re
import tomllib
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import Field, ValidationError, model_validator

from freqbias.errors import InputError
from freqbias.problem import files
from freqbias.problem.data_settings import DataSection
from freqbias.problem.density_settings import DensitySection, MixtureSection, Part
from freqbias.problem.section import Section, explain
from freqbias.problem.settings import Compare, Mesh, Network, Pde, Time, variants
from freqbias.problem.training_settings import Training

OUTPUTS = 20  # evenly spaced output times, where neither outputs nor times is given


class RunFile(Section):
    """Everything one run needs. `load` makes one; `resolved` is what the result folder keeps."""

    name: str = Field(
        "run",
        pattern=r"^[\w.-]*\w[\w.-]*$",
        description="letters, digits, dots, dashes and underscores: it names the result folder; default the name of "
        "the run file",
    )
    seed: int = Field(0, ge=0, lt=2**63, description="a whole number of at least 0, of the network's draw")
    unit: str = Field("", max_length=20, description='the unit of x, for labels, for example "m"')
    density: DensitySection = Field(description="a section [density] with a kind")
    data: DataSection = Field(description="a section [data] with a kind")
    network: Network = Field(description="a section [network] with width and sigma_a")
    time: Time = Field(description="a section [time] with end or times")
    mesh: Mesh = Mesh()
    pde: Pde = Pde()
    training: Training = Training()
    compare: Compare = Compare()

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, tables: Any) -> Any:
        """The defaults that depend on other keys, so that what is stored is complete."""
        if (
            isinstance(tables, dict)
            and isinstance(time := tables.get("time"), dict)
            and not {"times", "outputs"} & time.keys()
        ):
            tables = {**tables, "time": {**time, "outputs": OUTPUTS}}
        if isinstance(tables, dict) and _descends(tables, "pde", "dynamics"):
            step = tables["training"].get("step", "auto") if _descends(tables, "training", "integrator") else "auto"
            tables = {**tables, "pde": {"step": step, **tables["pde"]}}
        return tables

    @model_validator(mode="after")
    def _agree(self) -> "RunFile":
        if self.training.tolerance is None and self.training.precision == "single" and self.pde.tolerance < 1e-5:
            raise ValueError(
                f"[pde] tolerance = {self.pde.tolerance} is also that of [training], and below the rounding of "
                f'precision = "single", 1e-5; '
                'use [training] precision = "double", or give [training] a tolerance of its own'
            )
        if self.pde.dynamics == "gradient-descent" and (self.training.integrator, self.training.step) != (
            "gradient-descent",
            self.pde.step,
        ):
            raise ValueError(
                f'[pde] dynamics = "gradient-descent" with step = {self.pde.step} contradicts [training] integrator = '
                f'"{self.training.integrator}" with step = {self.training.step}; leave [pde] step out, and give '
                '[training] integrator = "gradient-descent" and a step'
            )
        if self.data.held_out and self.pde.operator == "local":
            raise ValueError(
                f"[data] held_out = {self.data.held_out} leaves scattered samples, and [pde] operator = "
                '"local" holds for data that fill a box evenly; use operator = "data", or leave held_out out'
            )
        if self.data.held_out and self.training.backend == "separable":
            raise ValueError(
                f"[data] held_out = {self.data.held_out} leaves scattered samples, and [training] backend = "
                '"separable" is for grids; use backend = "auto", or leave held_out out'
            )
        if self.pde.initial == "target" and not self.network.symmetric:
            raise ValueError(
                '[pde] initial = "target" contradicts [network] symmetric = false: that network does not start '
                'at 0; use initial = "network" or "auto"'
            )
        return self

    @property
    def training_tolerance(self) -> float:
        return self.pde.tolerance if self.training.tolerance is None else self.training.tolerance


def _descends(tables: dict[str, Any], section: str, key: str) -> bool:
    """Whether this section of an unchecked run file says "gradient-descent" for this key."""
    content = tables.get(section)
    return isinstance(content, dict) and content.get(key) == "gradient-descent"


def load(path: Path) -> RunFile:
    """Read and check a run file; the paths of files become absolute. Raises InputError: one message, a line for each
    key at fault."""
    path = Path(path)
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as failure:
        raise InputError(
            f"{path}: no such run file; see the README for one to start from, or out/figure4/run.toml, which `freqbias "
            "run` without a file writes"
        ) from failure
    except (OSError, UnicodeDecodeError) as failure:
        raise InputError(f"{path}: not readable: {failure}; give a text file, in TOML") from failure
    except tomllib.TOMLDecodeError as failure:
        raise InputError(f"{path}: not TOML: {failure}; mend it there, texts stand in quotes") from failure
    try:
        run = parse({"name": re.sub(r"[^\w.-]+", "-", path.stem), **tables})
    except InputError as failure:
        raise InputError(f"{path}: {failure}") from failure
    folder = path.parent.resolve()
    found = {name: _with_absolute_path(getattr(run, name), folder, name) for name in ("density", "data", "mesh")}
    return run.model_copy(update=found)


def _with_absolute_path(section: Section, folder: Path, name: str) -> Section:
    """The section, for a mixture with all its parts, with the path of its file made absolute, where it has one."""
    if isinstance(section, MixtureSection):
        parts = [_with_absolute_path(part, folder, name) for part in section.parts]
        return section.model_copy(update={"parts": parts})
    path = getattr(section, "path", None)
    if path is None or path.startswith(files.SAMPLE_SCHEME):
        return section
    endings = None if name == "mesh" else files.SUFFIXES
    return section.model_copy(update={"path": str(files.resolve(path, folder, section=name, endings=endings))})


def parse(tables: dict[str, Any]) -> RunFile:
    """Check the tables of a run file. Raises InputError naming key, value and remedy."""
    try:
        return RunFile.model_validate(tables)
    except ValidationError as failure:
        raise InputError("\n  ".join(_lines(failure.errors()))) from failure


def resolved(run: RunFile) -> str:
    """The run file as TOML with every default filled in."""
    training = run.training.model_copy(update={"tolerance": run.training_tolerance})
    return tomli_w.dumps(run.model_copy(update={"training": training}).model_dump(exclude_none=True))


def stage_keys(run: RunFile, stage: str) -> dict[str, Any]:
    """The keys that a stage ("mesh", "pde", "nn", "ntk", "compare") depends on, as a nested dict; a file enters by its
    content.

    A stage must be computed again when, and only when, one of these has changed.
    """
    keys = run.model_dump(exclude_none=True)
    keys["training"]["tolerance"] = run.training_tolerance
    keys["pde"]["initial"] = "network" if starts_from_network(run) else "target"
    densities = (keys["density"], *keys["density"].get("parts", []))
    for name, table in (("data", keys["data"]), ("mesh", keys["mesh"]), *(("density", part) for part in densities)):
        if "path" in table:
            file = files.resolve(table["path"], Path(), section=name, endings=None)
            table["path"] = hashlib.sha256(file.read_bytes()).hexdigest()
    drawn = {"seed": keys["seed"]}  # where the seed decides which samples there are, or their values
    common = _pick(keys, "density", "data", "network", "time")
    laws = {name: value for name, value in keys["network"].items() if name in _LAWS}
    training = {name: value for name, value in keys["training"].items() if name not in _WATCHING}
    match stage:
        case "mesh":  # where the samples are matters, not their values
            last = {"end": run.time.times[-1] if run.time.times else run.time.end}
            data = {name: value for name, value in keys["data"].items() if name not in _VALUES}
            solver = _pick(keys["pde"], "operator", "degree", "tolerance")
            own = {"data": data, "network": laws, "time": last, "mesh": keys["mesh"], "pde": solver}
            own |= drawn if run.data.held_out else {}
        case "pde":
            draw = _pick(keys, "network", "seed") if starts_from_network(run) else {"network": laws}
            own = {**draw, **_pick(keys, "mesh", "pde")} | (drawn if run.data.held_out or run.data.noise else {})
        case "nn":
            own = {"seed": keys["seed"], "training": training}
        case "ntk":  # predicts the training, in double precision, on any device
            own = {"seed": keys["seed"], "training": _pick(training, "integrator", "step", "tolerance")}
        case "compare":  # the unit stands in its figures
            own = _pick(keys, "seed", "mesh", "pde", "unit", "compare") | {"training": training}
        case _:
            raise ValueError(f"stage = {stage!r}; use mesh, pde, nn, ntk or compare")
    return common | own


def every_stage_keys(run: RunFile) -> dict[str, dict[str, Any]]:
    """`stage_keys` of all stages, by their names."""
    return {stage: stage_keys(run, stage) for stage in ("mesh", "pde", "nn", "ntk", "compare")}


_LAWS = ("sigma_a", "diagonal", "depth", "activation")  # keys of [network] that its laws depend on
_VALUES = ("frequencies", "window", "standardize", "noise")  # keys of [data] that change the values of the samples only
_WATCHING = ("checkpoint", "tensorboard")  # keys of [training] that change nothing of its result


def _pick(table: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: table[name] for name in names}


def starts_from_network(run: RunFile) -> bool:
    """Whether v(0) is the drawn network's own start rather than -F[f*]."""
    return not run.network.symmetric and run.pde.initial != "target"


_VARIANTS: dict[str, dict[str, type[Section]]] = {
    "density": variants(DensitySection),
    "density.parts": variants(Part),
    "data": variants(DataSection),
}
_SECTIONS: dict[str, type[Section]] = {
    "network": Network,
    "time": Time,
    "mesh": Mesh,
    "pde": Pde,
    "training": Training,
    "compare": Compare,
}


def _lines(errors: list[Any]) -> list[str]:
    """One line for each key at fault, of which its section tells itself where it can (`freqbias.problem.settings.Settings`)."""
    lines: dict[str, str] = {}
    for error in errors:
        section, model, key = _place(error["loc"])
        name = f"[{section}] {key}" if section and key else key or f"[{section}]"
        if not key:
            key, model = section, RunFile
        lines.setdefault(name, _of_kind(error, name) or explain(error, name, key, model))
    return list(lines.values())


def _of_kind(error: Any, name: str) -> str:
    """Where the kind of a section is not one of those that there are."""
    if not error["type"].startswith("union_tag"):
        return ""
    value = error["input"]
    met = f"kind = {value['kind']!r}" if "kind" in value else "kind is missing"
    return f"{name} {met}; use one of {', '.join(_VARIANTS[name.strip('[]').split()[0]])}"


def _place(location: tuple[str | int, ...]) -> tuple[str, type[Section], str]:
    """The section, its model, and the key that an error's location names; section or key may be empty."""
    first, *rest = [str(part) for part in location] or [""]
    if first in _VARIANTS:
        if not rest or rest[0] not in _VARIANTS[first]:
            return first, Section, ""
        model, key, inner = _VARIANTS[first][rest[0]], "".join(rest[1:2]), rest[2:]
        if model is MixtureSection and key == "parts" and inner:
            section, model, key = _place(("density.parts", *inner[1:]))
            return f"{section} {int(inner[0]) + 1}", model, key
        return first, model, key
    if first in _SECTIONS:
        return first, _SECTIONS[first], rest[0] if rest else ""
    return "", RunFile, first
