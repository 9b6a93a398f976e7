from .folder import SweepFolder
from .sweep import run_sweep
from .tasks import identifiers

__all__ = ["SweepFolder", "identifiers", "run_sweep"]
