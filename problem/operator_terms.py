"""Differential operators as `[training] operator` states them: "-laplace + 30", "dx - 0.1 dxx", or a table of them.

A term is a coefficient, a derivative or both: laplace is the sum of the second derivatives on all axes, dx, dy and dz
are the derivatives on the axes, and dxy is that by x and y. In the table the names of the derivatives are keys, and the
key "1" stands for the function itself, for example { dxx = -1.0, 1 = 30.0 }.
"""

import re
from collections import defaultdict
from math import isfinite
from typing import Annotated

from pydantic import BeforeValidator

from freqbias.errors import InputError
from freqbias.numerics import LARGEST, SMALLEST, DifferentialOperator

OPERATOR = (
    'a linear differential operator L with constant coefficients, for example "-laplace + 30" or "dx - 0.1 dxx", or a '
    "table of coefficients, for example { dxx = -1.0, dyy = -1.0, 1 = 30.0 }: the network then learns L f = f*, the "
    "values of [data]"
)
NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
DERIVATIVE = r"laplace|d[xyz]{1,4}"
TERM = re.compile(rf"([+-]?)(?:({NUMBER})(?:\*(?=[dl]))?)?({DERIVATIVE})?")
AXES = "xyz"


def parse_operator(text: str) -> dict[str, float]:
    """Return the coefficients of a text such as "-laplace + 30" by derivative; "1" is the function itself.

    Raises ValueError if a part of the text is no term.
    """
    rest, terms = "".join(text.split()), defaultdict[str, float](float)
    # A sign separates two terms. Without this check "3 4" would be 34.
    if re.search(r"[\w.]\s+\d", text):
        raise ValueError(f"= {text!r}: two terms need + or - between them; expected {OPERATOR}")
    first = True
    while rest or first:
        found = TERM.match(rest)
        sign, number, derivative = found.groups() if found else (None, None, None)
        if not (number or derivative) or not (first or sign):
            place = f" at {rest!r}" if rest else ""
            raise ValueError(f"= {text!r} is no operator{place}; expected {OPERATOR}")
        assert found is not None
        terms[derivative or "1"] += (-1 if sign == "-" else 1) * float(number or 1)
        rest, first = rest[found.end() :], False
    return dict(terms)


def _checked(value: object) -> dict[str, float]:
    given = value
    if isinstance(value, str):
        value = parse_operator(value)
    if not isinstance(value, dict) or not value:
        raise ValueError(f"= {value!r}; expected {OPERATOR}")
    for name, coefficient in value.items():
        if not re.fullmatch(rf"1|{DERIVATIVE}", str(name)):
            raise ValueError(f"= {value}: {name!r} is no derivative; expected {OPERATOR}")
        if isinstance(coefficient, bool) or not isinstance(coefficient, int | float) or not isfinite(coefficient):
            raise ValueError(f"= {value}: the coefficient of {name} is {coefficient!r}; expected {OPERATOR}")
        if coefficient and not SMALLEST <= abs(coefficient) <= LARGEST:
            raise ValueError(
                f"= {given!r}: the coefficient of {name} is {coefficient:g}; its magnitude must lie between "
                f"{SMALLEST:g} and {LARGEST:g}, so use other units"
            )
    if not any(value.values()):
        raise ValueError(f"= {given!r} is 0; expected {OPERATOR}")
    return {str(name): float(coefficient) for name, coefficient in value.items()}


OperatorTerms = Annotated[dict[str, float], BeforeValidator(_checked)]


def make_operator(terms: dict[str, float], dimension: int) -> DifferentialOperator:
    """Return the operator of these terms in d dimensions.

    Raises InputError if a derivative is on an axis that the data do not have, or as `DifferentialOperator` does.
    """
    total = defaultdict[tuple[int, ...], float](float)
    for name, coefficient in terms.items():
        if name == "laplace":
            for axis in range(dimension):
                total[tuple(2 * (axis == other) for other in range(dimension))] += coefficient
            continue
        letters = "" if name == "1" else name[1:]
        if far := set(letters) - set(AXES[:dimension]):
            raise InputError(
                f"the operator contains {name}, but the data have {dimension} dimension(s), so there is no axis "
                f"{min(far)}; use {' and '.join(AXES[:dimension])}"
            )
        total[tuple(letters.count(axis) for axis in AXES[:dimension])] += coefficient
    return DifferentialOperator(dict(total))
