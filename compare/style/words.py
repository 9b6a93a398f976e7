"""Text tables and percentages."""

from collections.abc import Sequence


def aligned(rows: Sequence[tuple[str, ...]]) -> str:
    """Text lines of rows that have the same length, each column as wide as its longest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def percent(ratio: float) -> str:
    """A ratio in per cent with two significant digits, and with all its integer digits from 100 % on."""
    return f"{100 * ratio:.2g} %" if 100 * ratio < 99.5 else f"{100 * ratio:.0f} %"
