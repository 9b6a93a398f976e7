from .collect import collect
from .end_table import end_table, summary
from .folder import SweepFolder
from .results import collect_folders, collect_sweep
from .sweep import run_sweep
from .tasks import identifiers

__all__ = [
    "SweepFolder",
    "collect",
    "collect_folders",
    "collect_sweep",
    "end_table",
    "identifiers",
    "run_sweep",
    "summary",
]
