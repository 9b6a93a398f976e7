"""The record of one output time, as the stage `pde` stores it."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class SpectrumSnapshot:
    """The state at one output time and what was measured there.

    index: of the output time. state: the whole state on rank 0, None elsewhere. loss: of the errors on the samples.
    outside: for the local operator, the share outside the box of the data. counts: the integration record from the
    start, as a dict. defect: for folded laws that may not be exact, the `KernelDefect`.
    """

    index: int
    state: np.ndarray | None
    loss: float
    outside: float
    counts: dict[str, Any]
    defect: float = 0.0
