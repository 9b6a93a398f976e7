"""The Fourier Features network: its sums and gradients on a grid, its training, and its exact limits."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nn.backends import make_transforms
    from nn.fourier_sum import FourierSum
    from nn.linearised import LinearisedTraining
    from nn.network import FourierNetwork
    from nn.ntk import EmpiricalKernel, InfiniteWidthKernel
    from nn.plan import Plan, prepare
    from nn.training import Snapshot, train, trajectory

_HOMES = {
    "EmpiricalKernel": "nn.ntk",
    "FourierNetwork": "nn.network",
    "FourierSum": "nn.fourier_sum",
    "InfiniteWidthKernel": "nn.ntk",
    "LinearisedTraining": "nn.linearised",
    "Plan": "nn.plan",
    "Snapshot": "nn.training",
    "make_transforms": "nn.backends",
    "prepare": "nn.plan",
    "train": "nn.training",
    "trajectory": "nn.training",
}

__all__ = [
    "EmpiricalKernel",
    "FourierNetwork",
    "FourierSum",
    "InfiniteWidthKernel",
    "LinearisedTraining",
    "Plan",
    "Snapshot",
    "make_transforms",
    "prepare",
    "train",
    "trajectory",
]


def __getattr__(name: str) -> Any:
    """Import torch and the rest only when something is used (PEP 562): `--help` answers at once."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
