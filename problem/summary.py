"""Text for the short `repr` of records."""

import numpy as np


def counted(number: int, noun: str) -> str:
    """Return text like "1 channel" or "1,024 samples"."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def are(number: int, noun: str) -> str:
    """Return text like "1 value is" or "3 values are"."""
    return f"{counted(number, noun)} {'is' if number == 1 else 'are'}"


def time_range(time: np.ndarray) -> str:
    """Return text like "21 times to t = 200". time: the output times, (T,)."""
    return f"{counted(len(time), 'time')} to t = {time[-1]:.6g}"
