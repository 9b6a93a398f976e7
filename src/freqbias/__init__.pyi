from . import compare, meshes, nn, numerics, pde, problem, runtime
from .compare import design, evaluate
from .errors import ComputationError, InputError, NotFiniteError, StoppedEarly, UsageError
from .files import load, open
from .nn import Recorder, predict, predict_module
from .runs import run, sweep

__all__ = [
    "ComputationError",
    "InputError",
    "NotFiniteError",
    "Recorder",
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
    "predict_module",
    "problem",
    "run",
    "runtime",
    "sweep",
]
