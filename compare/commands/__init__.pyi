from .app import build_app
from .result_commands import compare_command
from .target import target_outside_mesh

__all__ = [
    "build_app",
    "compare_command",
    "target_outside_mesh",
]
