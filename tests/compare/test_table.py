"""Percentages."""

import pytest

from freqbias.compare.style import percent


@pytest.mark.parametrize(
    ("share", "words"), [(0.0057, "0.57 %"), (1e-4, "0.01 %"), (0.994, "99 %"), (0.996, "100 %"), (1.634, "163 %")]
)
def test_percent_digits(share, words):
    assert percent(share) == words
