from .collect import collect, varying_keys
from .end_table import end_table, summary
from .folder import SweepFolder
from .log_warnings import log_warnings
from .losses import TITLES, last_value, ordering_loss
from .results import collect_folders, collect_sweep, read_folders
from .run_table import RunRecord, read_run
from .sweep import process_count, run_sweep
from .sweep_view import view_sweep
from .tasks import Task, identifiers

__all__ = [
    "TITLES",
    "RunRecord",
    "SweepFolder",
    "Task",
    "collect",
    "collect_folders",
    "collect_sweep",
    "end_table",
    "identifiers",
    "last_value",
    "log_warnings",
    "ordering_loss",
    "process_count",
    "read_folders",
    "read_run",
    "run_sweep",
    "summary",
    "varying_keys",
    "view_sweep",
]
