from .report import write_report
from .run_report import run_page
from .sweep_report import sweep_page

__all__ = ["run_page", "sweep_page", "write_report"]
