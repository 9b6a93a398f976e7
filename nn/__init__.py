"""The Fourier Features network: its sums and gradients on a grid, its kernel at infinite width, its training."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nn.network import FourierNetwork
    from nn.ntk import InfiniteWidthKernel
    from nn.plan import Plan, prepare
    from nn.training import Snapshot, train, trajectory

_HOMES = {
    "FourierNetwork": "nn.network",
    "InfiniteWidthKernel": "nn.ntk",
    "Plan": "nn.plan",
    "Snapshot": "nn.training",
    "prepare": "nn.plan",
    "train": "nn.training",
    "trajectory": "nn.training",
}

__all__ = ["FourierNetwork", "InfiniteWidthKernel", "Plan", "Snapshot", "prepare", "train", "trajectory"]


def __getattr__(name: str) -> Any:
    """Import torch and the rest only when something is used (PEP 562): `--help` answers at once."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
