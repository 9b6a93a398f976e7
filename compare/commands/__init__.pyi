from .app import build_app, compare_command
from .target import never_learnt

__all__ = [
    "build_app",
    "compare_command",
    "never_learnt",
]
