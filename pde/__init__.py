"""The damped heat equation in frequency space by finite elements: forms, operators, integrators, fields for
ParaView."""

import importlib
from typing import TYPE_CHECKING

from freqbias.libraries import explained

if TYPE_CHECKING:
    from freqbias.pde.fields import write_fields
    from freqbias.pde.solver import Snapshot, Solver, solve

__all__ = ["Snapshot", "Solver", "solve", "write_fields"]

_HOMES = {
    "Snapshot": "freqbias.pde.solver",
    "Solver": "freqbias.pde.solver",
    "solve": "freqbias.pde.solver",
    "write_fields": "freqbias.pde.fields",
}


def __getattr__(name: str) -> object:
    """DOLFINx takes seconds to import: only what is asked for is."""
    if name in _HOMES:
        with explained():
            return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'pde' has no attribute {name!r}")
