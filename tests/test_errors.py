"""Messages stay short, whatever a user gives: at most 2 kB, with the key at the start and the remedy at the end."""

import logging
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freqbias import errors
from freqbias.errors import LONGEST_LINE, LONGEST_MESSAGE, InputError, MissingLibraryError, shortened
from freqbias.runtime.logs import _ConsoleFormatter

LETTERS = st.sampled_from(["a", "é", "語", "😀", "\ud800", " "])


@given(st.lists(st.tuples(LETTERS, st.integers(0, 3000)), max_size=30))
def test_every_message_is_short(parts):
    message = "\n".join(letter * count for letter, count in parts)
    short = shortened(message)
    assert len(short.encode(errors="surrogatepass")) <= LONGEST_MESSAGE
    assert all(len(line.encode(errors="surrogatepass")) <= LONGEST_LINE for line in short.split("\n"))
    assert shortened(short) == short
    if len(message.encode(errors="surrogatepass")) <= LONGEST_LINE:
        assert short == message


def test_a_long_value_loses_its_middle():
    short = str(InputError(f"[data] path = {'a' * 10_000_000!r}: no such file; give a path"))
    assert short.startswith("[data] path = 'aaa") and short.endswith("aaa': no such file; give a path")
    assert short.count("…") == 1


@pytest.mark.parametrize("letter", ["\0", "\t", "\r", "\x1b", "\x7f", "\x85", "\x9b", "\u2028", "\u202e", "\u2069"])
def test_control_characters_are_escaped(letter):
    """A name inside a data file must not reach the terminal as a command."""
    assert str(InputError(f"key a{letter}[31m\n  and b")) == f"key a{ascii(letter)[1:-1]}[31m\n  and b"


def test_lines_that_do_not_fit_are_counted():
    message = "\n  ".join(f"[pde] k{index} = 1: unknown key" for index in range(1000))
    once = InputError(message)
    twice = InputError(f"{'folder/' * 60}run.toml: {once}")  # as error_prefix does
    for error in (once, twice):
        *kept, last = str(error).split("\n")
        assert last == f"  … and {1000 - len(kept)} more lines"


def test_errors_keep_their_class_when_another_rank_gets_them():
    for error in (InputError("x" * 5000), MissingLibraryError("x" * 5000)):
        copy = pickle.loads(pickle.dumps(error))  # noqa: S301
        assert type(copy) is type(error) and str(copy) == str(error) and len(str(copy)) < LONGEST_LINE


def test_every_error_has_an_exit_code_and_is_short():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "exit_code")]
    assert len(kinds) == 6
    assert all(len(str(kind("x" * 5000))) <= LONGEST_LINE for kind in kinds)


def test_warnings_are_short():
    record = logging.LogRecord("freqbias", logging.WARNING, "", 0, "%s was left out", ("x" * 10**6,), None)
    assert len(_ConsoleFormatter().format(record).encode()) < LONGEST_LINE + 20
