from .app import build_app
from .result_commands import compare_command

__all__ = [
    "build_app",
    "compare_command",
]
