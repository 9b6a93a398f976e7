"""The data that the stage `pde` stores for one output time."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class SpectrumSnapshot:
    """The state at one output time, and quantities computed from the state.

    index: the number of the output time. state: that of this rank, or None where it is no longer needed. loss: the loss
    of the error on the samples. outside: the share of the error outside the box of the data, from `observe`. counts:
    the fields of the integration record at this time. defect: the `KernelDefect`, 0 if the folded laws are exact or no
    law is folded.
    """

    index: int
    state: np.ndarray | None
    loss: float
    outside: float
    counts: dict[str, Any]
    defect: float = 0.0
