from . import compare, meshes, nn, numerics, pde, problem, runtime
from .errors import ComputationError, InputError, NotFiniteError, StoppedEarly, UsageError
from .files import load, open

__all__ = [
    "ComputationError",
    "InputError",
    "NotFiniteError",
    "StoppedEarly",
    "UsageError",
    "compare",
    "load",
    "meshes",
    "nn",
    "numerics",
    "open",
    "pde",
    "problem",
    "runtime",
]
