"""Text tables and percentages."""

import re
from collections.abc import Sequence

import numpy as np


def aligned(rows: Sequence[tuple[str, ...]]) -> str:
    """Return a text table. All rows have the same number of cells. A column is as wide as the longest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def percent(ratio: float) -> str:
    """Return a ratio in words: in per cent with two significant digits, or in whole per cent from 100 % on.

    Ratios from 10 on are multiples, such as "56 times" and "1.8e6 times", because nobody reads 182259911 %.
    """
    if 100 * ratio < 99.5:
        return f"{100 * ratio:.2g} %"
    if ratio < 9.995 or np.isnan(ratio):
        return f"{100 * ratio:.0f} %"
    return re.sub(r"e\+0*", "e", f"{ratio:.2g}" if ratio >= 9999.5 else f"{ratio:.0f}") + " times"
