from .evaluation import evaluate
from .writers import ENDINGS, write_values

__all__ = ["ENDINGS", "evaluate", "write_values"]
