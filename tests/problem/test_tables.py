"""Text tables as people have them: what is detected, what is refused, and in which words."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freqbias.errors import InputError
from freqbias.problem.tables import MOST_COLUMNS, TableFormat, read_columns

NAN = np.nan


@pytest.fixture
def read(tmp_path):
    """Read a table with this content, with `columns`, `delimiter`, `decimal` and `fewest` as options."""

    def read(content, *, fewest=1, **options):
        path = tmp_path / "a.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_columns(path, TableFormat(**options), fewest=fewest)

    return read


# content: the numbers
PLAIN = {
    "commas": ("1,2\n3,4.5\n", [[1, 2], [3, 4.5]]),
    "commas and blanks": ("1, 2, 3\n4 ,5,6 \n", [[1, 2, 3], [4, 5, 6]]),
    "blanks": ("  1   2\n3 \t 4\n", [[1, 2], [3, 4]]),
    "tabs": ("1\t2\n3\t4\n", [[1, 2], [3, 4]]),
    "bars": ("1|2\n3|4\n", [[1, 2], [3, 4]]),
    "semicolons": ("1;2\n3;4\n", [[1, 2], [3, 4]]),
    "semicolons and decimal commas": ("0,5;1,25\n2,5;3\n", [[0.5, 1.25], [2.5, 3]]),
    "blanks and decimal commas": ("0,5 1,25\n2,5 3\n", [[0.5, 1.25], [2.5, 3]]),
    "tabs and decimal commas": ("0,5\t1,25\n2,5\t3\n", [[0.5, 1.25], [2.5, 3]]),
    "quotes": ('"1","2"\n"3","4"\n', [[1, 2], [3, 4]]),
    "quotes around decimal commas": ('"1,5","2,25"\n"3","4,5"\n', [[1.5, 2.25], [3, 4.5]]),
    "one column": ("0.5\n1.5\n", [[0.5], [1.5]]),
    "one column of decimal commas with a name": ("value\n0,5\n1\n", [[0.5], [1]]),
    "names": ("x,y\n1,2\n3,4\n", [[1, 2], [3, 4]]),
    "names and units": ("wind speed,2m_temperature\nm/s,(K)\n1,2\n3,4\n", [[1, 2], [3, 4]]),
    "a unit left out": ("x,y\nm,\n1,2\n3,4\n", [[1, 2], [3, 4]]),
    "names beside decimal commas": ("Depth, m;T\n0,5;1\n1,5;2\n", [[0.5, 1], [1.5, 2]]),
    "comments": ("# made today\n\n1 2 # first\n% pause\n3 4\n", [[1, 2], [3, 4]]),
    "delimiter at the ends": ("x,y\n1,2,\n3,4,\n", [[1, 2], [3, 4]]),
    "delimiter of Excel": ("sep=;\n1;2\n3;4\n", [[1, 2], [3, 4]]),
    "CRLF": ("1;2\r\n3;4\r\n", [[1, 2], [3, 4]]),
    "CR": ("1;2\r3;4\r", [[1, 2], [3, 4]]),
    "no end of line": ("1;2\n3;4", [[1, 2], [3, 4]]),
    "byte-order mark": ("\ufeffx;y\n1;2\n", [[1, 2]]),
    "UTF-16": ("x;y\n1;2\n".encode("utf-16"), [[1, 2]]),
    "Latin-1": ("Länge;°C\n1;2\n".encode("latin-1"), [[1, 2]]),
    "exponents": ("1e3,1E-2\n+2.,.5\n", [[1000, 0.01], [2, 0.5]]),
    "exponents of Fortran": ("1.5D+03 2d0\n-1 2\n", [[1500, 2], [-1, 2]]),
    "missing values": ("x;y\n1;NA\n;2\nnan;--\n", [[1, NAN], [NAN, 2], [NAN, NAN]]),
    "tabs around nothing": ("1\t\t3\n4\t5\t6\n", [[1, NAN, 3], [4, 5, 6]]),
    "a column with a name but no values": ("x,y,z\n1,2,\n3,4,\n", [[1, 2, NAN], [3, 4, NAN]]),
    "missing values of Excel": ("1,2\n#N/A,3\n4,#N/A\n5,6 # last\n", [[1, 2], [NAN, 3], [4, NAN], [5, 6]]),
    "negative numbers after commas": ("-1,-5\n-2,-6\n", [[-1, -5], [-2, -6]]),
}


@pytest.mark.parametrize(("content", "values"), PLAIN.values(), ids=PLAIN)
def test_numbers(read, content, values):
    np.testing.assert_array_equal(read(content).values, values)


@pytest.mark.parametrize(
    ("content", "options", "values"),
    [
        ("0,5\n1,5\n", {"decimal": ","}, [[0.5], [1.5]]),
        ("0,5\n1,5\n", {"delimiter": ","}, [[0, 5], [1, 5]]),
        ("0,5\n1,5\n", {"delimiter": ";", "decimal": ","}, [[0.5], [1.5]]),
        ("0,5\n1,5\n", {"fewest": 2}, [[0, 5], [1, 5]]),  # a position and a value
        ("1,234;5\n2,345;6\n", {"decimal": ","}, [[1.234, 5], [2.345, 6]]),
        ("1.234,5\n2.345,6\n", {"decimal": "."}, [[1.234, 5], [2.345, 6]]),
        ("1\t\t3\n4\t\t6\n", {"delimiter": "\t"}, [[1, NAN, 3], [4, NAN, 6]]),
        ("1\t\t3\n4\t\t6\n", {"delimiter": " "}, [[1, 3], [4, 6]]),
        ("name,lon,lat\nParis,2,48\nRome,12,41\n", {"columns": ["lat", "lon"]}, [[48, 2], [41, 12]]),
        ("name,lon,lat\nParis,2,48\nRome,12,41\n", {"columns": [3, "lon"]}, [[48, 2], [41, 12]]),
        ("Paris,2,48\nRome,12,41\n", {"columns": [2, 3]}, [[2, 48], [12, 41]]),
        ("depth,2019,2020\n1,2,3\n4,5,6\n", {"columns": ["2020"]}, [[3], [6]]),
        ("xi;rho\n1/m;\n-1;0,5\n0;1\n", {"columns": ["rho"]}, [[0.5], [1]]),
        ("name;T\nParis;\nRome;2\n", {"columns": ["T"]}, [[NAN], [2]]),  # Paris is no unit
        ("name;lat;T\nParis;48;n.a.\nRome;41;2\n", {"columns": ["T"]}, [[NAN], [2]]),
        ("# x y\n1 2\n3 4\n", {"columns": ["y"]}, [[2], [4]]),
        ("# x y\n1 2\n# y x\n3 4\n", {"columns": ["y"]}, [[2], [4]]),
    ],
)
def test_given_keys(read, content, options, values):
    np.testing.assert_array_equal(read(content, **options).values, values)


# content: the message
REFUSED = {
    "a column or two": ("0,5\n1,5\n", r"row 1, '0,5', can be read .*; give delimiter, .* or decimal"),
    "decimal commas and commas": ("0,5, 1,25\n1,5, 2,25\n", "row 1, .* can be read in more than one way"),
    "decimals or thousands": ("1,234;5,678\n2,345;6,789\n", "row 1, .* can be read in more than one way"),
    "thousands by points": ("1.234,5\n2.345,6\n", "row 1, .* can be read in more than one way"),
    "thousands by blanks": ("1 234,5\n2 345,6\n", "row 1, .* can be read in more than one way"),
    "tabs in a row": ("1\t\t3\n4\t\t6\n", "can be read in more than one way; give delimiter"),
    "words below numbers": ("1,two\n3,4\n", "can be read in more than one way"),
    "thousands": ("1;2\n1,234.5;2\n", r"row 2, column 1: '1,234.5' has a separator of thousands; write the number"),
    "thousands by apostrophes": ("1;2\n1'234;2\n", r"row 2, column 1: \"1'234\" has a separator of thousands"),
    "two decimal marks": ("0.5;1\n0,5;2\n0.5;3\n", r"row 2, column 1: '0,5' has a decimal comma.* in one way"),
    "two decimal marks, mostly commas": ("0,5;1\n0.5;2\n0,5;3\n", r"row 2, column 1: '0.5' has a decimal point"),
    "complex": ("x,y\n1,2\n3,1+2j\n", r"row 3, column 2 \(y\): '1\+2j' is a complex number; write the real part"),
    "dates": ("day,y\n2020-01-05,1\n", r"row 2, column 1 \(day\): '2020-01-05' is a date .* choose other columns"),
    "times": ("12:30,1\n12:40,2\n", r"row 1, column 1: '12:30' is a date or a time; write a number"),
    "infinity": ("1,2\n3,-inf\n", r"row 2, column 2: '-inf' is infinite"),
    "beyond double precision": ("1,2\n3,1e999\n", r"row 2, column 2: '1e999' is infinite"),
    "words": ("x,y\n1,2\n3,two\n", r"row 3, column 2 \(y\): 'two' is not a number; correct the cell, write NA"),
    "truth values": ("x,y\n1,True\n3,False\n", r"row 2, column 2 \(y\): 'True' is not a number"),
    "faults of Excel": ("1,2\n#DIV/0!,3\n4,5\n", r"row 2, column 1: '#DIV/0!' is not a number; correct the cell"),
    "faults of Excel in the last cell": ("1,2\n3,#VALUE!\n", r"row 2, column 2: '#VALUE!' is not a number"),
    "units that are no words": (
        "x;y\nm;1\n1;2\n3;4\n",
        r"row 2, column 1 \(x\): 'm' .* contains units, begin the line",
    ),
    "numbers of the rows": (",x,y\n0,1,2\n1,3,4\n", r"column 1 has no name, .*; choose .* columns = \[2, 3\], or give"),
    "numbers of the rows, by R": ('"";"x"\n"1";2\n', r"column 1 has no name, .*; choose .* columns = \[2\], or give"),
    "underscores": ("1.5,2\n1_000,2\n", r"row 2, column 1: '1_000' is not a number"),
    "names that are numbers": (
        "depth,2019,2020\n1,2,3\n",
        "row 1, column 1: 'depth' is not a number; .* begin the line with #",
    ),
    "words and numbers in the first rows": ("x;y;z\n1;two;3\n4;5;6\n", r"row 2, column 2 \(y\): 'two' is not"),
    "a title": ("My data\nx,y\n1,2\n3,4\n", "row 1 has 1 cell, but most rows have 2; .* begin the line with #"),
    "a short row": ("1.5,2\n3.5,4\n\n5\n", "row 4 has 1 cell, but most rows have 2; give every row a cell"),
    "a long row": ("1.5,2\n3.5,4\n5,6,7\n", "row 3 has 3 cells, but most rows have 2"),
    "an open quote": ('1,2\n3,"4\n', 'row 2: the quotes " do not match'),
    "nothing": ("", "the file contains no table"),
    "comments only": ("# x\n\n% y\n", "the file contains no table"),
    "bytes": (b"1,2\n\x00\x01", r"the file is not text: line 2 contains the character '\\x00'; write a table as UTF-8"),
    "no encoding": (b"1,2\n\x81", "the file is not text: byte 4 is 0x81"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED)
def test_refused_tables(read, content, message):
    with pytest.raises(InputError, match=message) as failure:
        read(content)
    assert not any(word in str(failure.value) for word in ("usecols", "dtype", "pandas", "delim_"))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["z"], r"columns = \['z'\]: no column has the name 'z'; use one of x, y, x, or numbers from 1"),
        (["x"], r"columns = \['x'\]: several columns have the name 'x'"),
        ([2, 4], r"columns = \[2, 4\]: there are only 3 columns; use numbers from 1 to 3"),
    ],
)
def test_columns_that_do_not_exist(read, columns, message):
    with pytest.raises(InputError, match=message):
        read("x,y,x\n1,2,3\n", columns=columns)


def test_fewer_names_than_columns(read):
    """As R writes them if the rows have names."""
    with pytest.raises(
        InputError, match="row 1 has 2 names, but most rows have 3 cells; give each column a name, or begin"
    ):
        read("x y\na 1 2\nb 3 4\n", columns=["x", "y"])


def test_names_without_rows(read):
    with pytest.raises(InputError, match="names of columns, but no rows; add a row of numbers"):
        read("x;y\n", columns=["x"])
    for text in ("a;b\n", "a\n", "a;b\n;°\n"):
        with pytest.raises(InputError, match="names of columns, but no rows; add a row of numbers"):
            read(text)


@pytest.mark.parametrize(
    ("text", "label", "example", "columns"),
    [
        ("name;lon;lat\n;°;°\nS0;1,5;2,5\nS1;2,5;3,5\n", "1 (name)", "S0", "[2, 3]"),
        ("name;lon;lat\nS0;1.5;2.5\nS1;2.5;3.5\n", "1 (name)", "S0", "[2, 3]"),
        ("1 Paris 2\n3 Rome 4\n", "2", "Paris", "[1, 3]"),
    ],
)
def test_a_column_of_words_is_named(read, text, label, example, columns):
    with pytest.raises(InputError) as failure:
        read(text)
    assert f"column {label}: '{example}' is not a number, and neither is any other cell" in str(failure.value)
    assert f"columns = {columns}" in str(failure.value)
    assert read(text, columns=json.loads(columns)).values.shape == (2, 2)


CELLS = [
    "1",
    "0,5",
    "1,234",
    "-2.5",
    "NA",
    "",
    "x",
    "m/s",
    "2020-01-05",
    "1+2j",
    '"',
    '"a"',
    "1e5",
    "1d3",
    "inf",
    "1_0",
    "٣",
]
MARKS = [",", ";", "\t", "|", " ", "#", "%", "\n", "\n", "\r\n", "\ufeff", "sep=;\n"]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(CELLS + MARKS), max_size=30).map("".join),
    st.sampled_from([None, [1], ["x"], [2, 1]]),
    st.sampled_from([None, ";", ",", " ", "\t"]),
)
def test_any_text_is_read_or_refused(tmp_path_factory, text, columns, delimiter):
    path = tmp_path_factory.getbasetemp() / "any.csv"  # mktemp lists all its folders
    path.write_text(text, encoding="utf-8")
    try:
        table = read_columns(path, TableFormat(columns, delimiter))
    except InputError as refusal:
        assert len(str(refusal)) < 500
    else:
        assert table.values.shape == (len(table.rows), len(table.labels)) and table.values.size
        assert not np.isinf(table.values).any()


def test_columns_without_names(read):
    with pytest.raises(InputError, match="the columns have no names; use numbers from 1"):
        read("1,2\n3,4\n", columns=["x"])


def test_rows_and_columns_count_as_people_do(read):
    columns = read("# c\nx;y\n\n1;2\n3;4\n", columns=["y"])
    assert (list(columns.rows), list(columns.labels)) == ([4, 5], ["2 (y)"])


def test_a_faulty_cell_far_below_the_sample(read):
    lines = [f"{n}.5,1" for n in range(5000)]
    lines[4321] = "7,x7"
    with pytest.raises(InputError, match=r"row 4322, column 2: 'x7' is not a number"):
        read("\n".join(lines))


def test_all_lines_decide_between_two_ways(read):
    """The lines of the sample fit one column of decimal commas and two columns. One line below fits only the latter."""
    lines = ["1,5"] * 3000
    lines[2345] = "1,-5"
    assert read("\n".join(lines)).values.shape == (3000, 2)


@given(st.lists(st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 2), min_size=1, max_size=5))
def test_every_double_is_read_to_the_last_bit(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "doubles.csv"
    for mark, point in ((",", "."), (";", ",")):
        path.write_text("\n".join(mark.join(repr(x).replace(".", point) for x in row) for row in rows))
        np.testing.assert_array_equal(read_columns(path, TableFormat(None, mark, point)).values, rows)


def test_very_wide_tables_are_refused(read):
    content = ",".join(["0.5"] * (MOST_COLUMNS + 1)) + "\n"
    with pytest.raises(InputError, match="the table has more than 100,000 columns; write one row for each sample"):
        read(content * 2)
    wide = ",".join(["0.5"] * MOST_COLUMNS) + "\n"
    assert read(wide * 2).values.shape == (2, MOST_COLUMNS)
