from .collect import collect
from .end_table import end_table, summary
from .folder import SweepFolder
from .results import collect_folders, collect_sweep
from .sweep import process_count, run_sweep
from .tasks import Task, identifiers

__all__ = [
    "SweepFolder",
    "Task",
    "collect",
    "collect_folders",
    "collect_sweep",
    "end_table",
    "identifiers",
    "process_count",
    "run_sweep",
    "summary",
]
