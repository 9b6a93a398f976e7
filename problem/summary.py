"""Text for the short `repr` of records."""

import numpy as np


def network_size(width: int, depth: int, *, siren: bool = False) -> str:
    """Return the size of a network in words: "1,000 neurons", or "4 layers of width 256"."""
    return f"{width:,} neurons" if depth == 2 and not siren else f"{depth} layers of width {width:,}"


def counted(number: int, noun: str) -> str:
    """Return text like "1 channel" or "1,024 samples"."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def are(number: int, noun: str) -> str:
    """Return text like "1 value is" or "3 values are"."""
    return f"{counted(number, noun)} {'is' if number == 1 else 'are'}"


def time_range(time: np.ndarray) -> str:
    """Return text like "21 times to t = 200". time: the output times, (T,)."""
    return f"{counted(len(time), 'time')} to t = {time[-1]:.6g}"
