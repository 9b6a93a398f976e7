"""Percentages."""

import pytest

from freqbias.compare.style import percent


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.0057, "0.57 %"), (1e-4, "0.01 %"), (0.994, "99 %"), (0.996, "100 %"), (1.634, "163 %"), (9.99, "999 %"),
        (9.996, "10 times"), (56.3, "56 times"), (1822599.11, "1.8e6 times"), (3e120, "3e120 times"),
        (float("inf"), "inf times"), (float("nan"), "nan %"),
    ],
)  # fmt: skip
def test_percent_digits(share, words):
    assert percent(share) == words
