"""Text tables and percentages."""

from collections.abc import Sequence


def aligned(rows: Sequence[tuple[str, ...]]) -> str:
    """Return a text table. All rows have the same number of cells. A column is as wide as the longest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def percent(ratio: float) -> str:
    """Return a ratio in per cent with two significant digits, or rounded to whole per cent from 100 % on."""
    return f"{100 * ratio:.2g} %" if 100 * ratio < 99.5 else f"{100 * ratio:.0f} %"
