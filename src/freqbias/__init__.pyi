from . import compare, meshes, nn, numerics, pde, problem, runtime
from .compare import design, evaluate
from .errors import ComputationError, InputError, NotFiniteError, StoppedEarly, UsageError
from .files import load, open
from .nn import predict
from .runs import run, sweep

__all__ = [
    "ComputationError",
    "InputError",
    "NotFiniteError",
    "StoppedEarly",
    "UsageError",
    "compare",
    "design",
    "evaluate",
    "load",
    "meshes",
    "nn",
    "numerics",
    "open",
    "pde",
    "predict",
    "problem",
    "run",
    "runtime",
    "sweep",
]
