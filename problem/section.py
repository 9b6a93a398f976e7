"""The base of all sections of the run file: strict, frozen, and what is wrong with one said as the program says it: the
key, the value met, and the remedy."""

import difflib
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from freqbias.errors import InputError


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)


class Settings(Section):
    """A section that functions take too. Raises InputError, naming all keys at fault, in Python as in a run file."""

    def __init__(self, /, **keys: Any) -> None:
        try:
            super().__init__(**keys)
        except ValidationError as failure:
            section, lines = f"[{type(self).__name__.lower()}]", dict[str, str]()
            for error in failure.errors():
                key = str(error["loc"][0]) if error["loc"] else ""
                lines.setdefault(key, explain(error, f"{section} {key}".strip(), key, type(self)))
            raise InputError("\n  ".join(lines.values())) from None


def explain(error: Any, name: str, key: str, model: type[BaseModel]) -> str:
    """The line for one of `ValidationError.errors()`, of a key of this model, under its full name."""
    value, fields = error["input"], model.model_fields
    if error["type"] == "value_error":
        reason = error["ctx"]["error"]
        return str(reason) if isinstance(reason, InputError) else f"{name} {reason}".removeprefix("[] ")
    if error["type"] == "extra_forbidden":
        close = difflib.get_close_matches(key, fields, n=1)
        return f"{name} = {value!r}: there is no such key; " + (
            f"did you mean {close[0]}?" if close else f"the keys here are {', '.join(fields)}"
        )
    field = fields.get(key)
    expected = (field and field.description) or f"a section {name}"
    if error["type"] == "missing":
        return f"{name} is missing; expected {expected}"
    return f"{name} = {value!r}; expected {expected}"
