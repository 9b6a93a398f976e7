"""How precisely numbers are written: by the number type, and by the number of decimal digits."""

from collections.abc import Iterable

import numpy as np

DOUBLE = 1e-9  # relative; a time that is a sum of a million steps in double precision may have lost this much
EXACT = 1e-12  # relative; decimal numbers in double precision deviate by less
FEWEST_DIGITS = 4  # numbers with fewer digits, such as 0.1 or 2.5, are exact


def rounding(values: np.ndarray) -> np.ndarray:
    """Return the largest error with which each value may have been rounded, in the shape of values.

    The error is the larger of

        - eps |x|, where eps belongs to the number type. Values of type double that all fit single precision count as
          single precision, because programs often convert before they write. For double precision, eps is DOUBLE.
        - half a unit of the last decimal digit, if all values have as few digits as text has: at least FEWEST_DIGITS,
          but fewer than the number type. Digits are counted from the first that is not 0, and after the decimal point.
          Whole numbers count as exact.
    """
    values = np.asarray(values)
    exact = values.astype(float)
    eps = DOUBLE
    if values.dtype.kind == "f":
        single = values.dtype.itemsize == 8 and np.array_equal(exact, exact.astype(np.float32))
        kind = np.dtype(np.float32) if single else values.dtype
        eps = max(eps, float(np.finfo(kind).eps))
    return np.maximum(eps * np.abs(exact), _decimal_rounding(exact, eps))


def _decimal_rounding(values: np.ndarray, eps: float) -> np.ndarray:
    """Return half a unit of the last decimal digit, or 0 if the values have too few or too many digits."""
    size, most = np.abs(values), int(-np.log10(eps))
    exponent = np.floor(np.log10(size, out=np.zeros_like(size), where=size > 0))
    tolerance = (EXACT if eps == DOUBLE else eps) * size
    digits, unit = _first_fit(values, (10 ** (exponent + 1 - digits) for digits in range(1, most)), tolerance)
    places, place = _first_fit(values, (np.full_like(size, 10.0**-places) for places in range(most)), tolerance)
    if digits < FEWEST_DIGITS or places == 1:
        return np.zeros_like(size)
    return (unit if not places else np.maximum(unit, place)) / 2


def _first_fit(values: np.ndarray, units: Iterable[np.ndarray], tolerance: np.ndarray) -> tuple[int, np.ndarray]:
    """Return number (from 1) and value of the first unit of which all values are multiples; 0 if there is none."""
    unit = values
    for number, unit in enumerate(units, 1):
        if (np.abs(values - unit * np.rint(values / unit)) <= tolerance).all():
            return number, unit
    return 0, unit
