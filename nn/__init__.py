"""The Fourier Features network: its sums and gradients on a grid, its training, and its exact limits."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from freqbias.nn.backends import make_transforms
    from freqbias.nn.fourier_sum import FourierSum
    from freqbias.nn.linearised import LinearisedTraining
    from freqbias.nn.network import FourierNetwork
    from freqbias.nn.ntk import EmpiricalKernel, InfiniteWidthKernel
    from freqbias.nn.plan import Plan, prepare
    from freqbias.nn.training import Snapshot, train, trajectory

_HOMES = {
    "EmpiricalKernel": "freqbias.nn.ntk",
    "FourierNetwork": "freqbias.nn.network",
    "FourierSum": "freqbias.nn.fourier_sum",
    "InfiniteWidthKernel": "freqbias.nn.ntk",
    "LinearisedTraining": "freqbias.nn.linearised",
    "Plan": "freqbias.nn.plan",
    "Snapshot": "freqbias.nn.training",
    "make_transforms": "freqbias.nn.backends",
    "prepare": "freqbias.nn.plan",
    "train": "freqbias.nn.training",
    "trajectory": "freqbias.nn.training",
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
