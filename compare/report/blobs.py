"""Arrays inside an HTML page, compressed.

An array is written with 16 bits a value, linearly or logarithmically between its smallest and its largest value. The
error is at most 1e-5 of this range, or of its logarithm. High and low bytes are stored apart, which compresses better.
"""

import base64
import gzip
from dataclasses import dataclass, field
from typing import Any

import numpy as np

LEVELS = 65534
UNKNOWN = 65535  # stands for NaN
DECADES = 8  # of a logarithmic array below its largest value; smaller values are drawn as this limit


def packed(content: bytes) -> str:
    """Return bytes as text, compressed. The same bytes always give the same text."""
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode("ascii")


@dataclass
class Blobs:
    """The arrays of a page, by identifier."""

    texts: dict[str, str] = field(default_factory=dict)

    def add(self, values: np.ndarray, *, log: bool = False) -> dict[str, Any]:
        """Store an array, and return what the page needs to read it: identifier, shape and range."""
        values = np.asarray(values, dtype=float)
        known = np.isfinite(values)
        largest = float(np.abs(values[known]).max(initial=0.0))
        if log:
            floor = (largest or 1.0) * 10.0**-DECADES
            values = np.log10(np.maximum(np.where(known, values, floor), floor))
        low, high = (
            float(function(values[known], initial=limit)) for function, limit in ((np.min, np.inf), (np.max, -np.inf))
        )
        if not known.any():
            low = high = 0.0
        scale = (high - low) / LEVELS or 1.0
        levels = np.where(known, np.rint((np.where(known, values, low) - low) / scale), UNKNOWN).astype("<u2")
        split = np.ascontiguousarray(levels).view(np.uint8).reshape(-1, 2).T
        name = f"array-{len(self.texts)}"
        self.texts[name] = packed(split.tobytes())
        return {"id": name, "shape": list(values.shape), "low": low, "scale": scale, "log": log}
