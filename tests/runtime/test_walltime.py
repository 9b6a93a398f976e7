"""Wall times in the words of users and of Slurm."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freqbias.errors import UsageError
from freqbias.runtime import parse_walltime


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("15m", 900),
        ("1h30m", 5400),
        ("01:30:00", 5400),
        ("1-12:00:00", 129600),
        ("3600", 3600),
        ("0.5h", 1800),
        ("2d", 172800),
        (" 1H ", 3600),
    ],
)
def test_parse_walltime(text, seconds):
    assert parse_walltime(text) == seconds


@given(st.integers(0, 50), st.integers(0, 59), st.integers(0, 59))
def test_equivalent_wall_times(hours, minutes, seconds):
    total = 3600 * hours + 60 * minutes + seconds
    forms = f"{hours}h{minutes}m{seconds}s", f"{hours:02d}:{minutes:02d}:{seconds:02d}", str(total)
    for form in forms:
        if total > 0:
            assert parse_walltime(form) == total
        else:
            with pytest.raises(UsageError):
                parse_walltime(form)


@given(st.text(max_size=8))
def test_any_text_as_wall_time(text):
    try:
        assert 0 < parse_walltime(text) < float("inf")
    except UsageError as error:
        assert repr(text) in str(error)


@pytest.mark.parametrize(
    "text", ["", "0", "0s", "-5", "1h 30m", "30m1h", "01:60:00", "1:30", "nan", "inf", "1e3", "9" * 400]
)
def test_invalid_wall_times(text):
    with pytest.raises(UsageError, match="not a positive time"):
        parse_walltime(text)
