"""Run files for tests, and the list of all their keys, read from the models."""

import copy
from collections.abc import Iterator
from typing import Any, get_args

from freqbias.problem import RunFile, Section
from freqbias.problem.settings import models_in

VALID: dict[str, Any] = {
    "name": "trial",
    "seed": 3,
    "unit": "m",
    "density": {"kind": "gaussian", "sigma": 4.0},
    "data": {"kind": "waves", "dimension": 1, "points": 64, "extent": 1.0, "frequencies": [[3.0]], "window": 0.2},
    "network": {"width": 64, "sigma_a": 1.0},
    "time": {"end": 5.0, "outputs": 5},
    "mesh": {},
    "pde": {},
    "training": {},
    "compare": {},
    "design": {},
}


def table(*, replace: bool = False, **sections: Any) -> dict[str, Any]:
    """VALID with keys changed, or with whole sections replaced; keys and sections that are None are left out."""
    merged = copy.deepcopy(VALID)  # callers change what they get
    for name, content in sections.items():
        keep = VALID[name] if isinstance(content, dict) and not replace and name in VALID else {}
        merged[name] = {**keep, **content} if isinstance(content, dict) else content
        if isinstance(content, dict):
            merged[name] = {key: value for key, value in merged[name].items() if value is not None}
    return {name: content for name, content in merged.items() if content is not None}


def models() -> Iterator[tuple[str, type[Section]]]:
    """Each section of the run file with each of its models; the top level has the name ""."""
    yield "", RunFile
    for name, field in RunFile.model_fields.items():
        yield from ((name, model) for model in models_in(field.annotation))


def variant(model: type[Section]) -> str:
    """The `kind` of a model; "" if it has none."""
    field = model.model_fields.get("kind")
    return get_args(field.annotation)[0] if field else ""


def every_key() -> list[str]:
    """`seed`, `density.gaussian.sigma`, `network.width`, ...: every key of every section."""
    sections = {name for name, _ in models()}
    return [
        ".".join(filter(None, (name, variant(model), key)))
        for name, model in models()
        for key in model.model_fields
        if name or key not in sections
    ]


def filled(run):
    """The run with the default of training.tolerance, which is the value of another key, filled in."""
    return run.model_copy(update={"training": run.training.model_copy(update={"tolerance": run.training_tolerance})})
