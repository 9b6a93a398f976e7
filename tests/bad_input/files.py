"""Faulty data files and run files."""

from typing import Any

from freqbias.problem.files import SUFFIXES, TABLES
from tests.problem.run_files import table

# Keys of [data], and the parts that the message must contain.
DATA_FILES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "missing": ({"file": "none.npy"}, ("none.npy'", "no such file", "give a path relative to the run file")),
    "a folder": ({"file": ""}, ("this is a folder, not a file", "give a path relative to the run file")),
    "with an unknown ending": ({"file": "line.doc"}, ("cannot read .doc", "use one of .npy")),
    "without an ending": ({"file": "line"}, ("cannot read a file without an ending", "use one of .npy")),
    "an unknown sample file": (
        {"path": "matplotlib:nothing.npz"},
        ("matplotlib has no sample file with this name", "choose a file in"),
    ),
    "in an unknown home folder": (
        {"path": "~nobody-at-all/a.npy"},
        ("nobody-at-all/a.npy'", "write the full path of the home folder"),
    ),
    **{
        f"{kind} {suffix}": ({"file": f"{kind}{suffix}"}, (f"{kind}{suffix}'", "write the file again"))
        for kind in ("empty", "garbage")
        for suffix in SUFFIXES
        if suffix not in (*TABLES, ".dat")
    },
    **{
        f"empty {suffix}": (
            {"file": f"empty{suffix}"},
            (f"empty{suffix}': the file contains no table", "write a table"),
        )
        for suffix in TABLES
    },
    **{
        f"garbage {suffix}": (
            {"file": f"garbage{suffix}"},
            (f"garbage{suffix}': the file is not text", "as UTF-8 text"),
        )
        for suffix in TABLES
    },
    "two columns or decimal commas": (
        {"file": "comma.csv"},
        ("comma.csv': row 1, '0,5', can be read in more than one way", 'give delimiter, for example delimiter = ","'),
    ),
    "a date": (
        {"file": "dates.csv", "layout": "scattered", "dimension": 1},
        ("dates.csv': row 2, column 1 (day): '2020-01-05' is a date", "or choose other columns with the key columns"),
    ),
    "no such column": (
        {"file": "dates.csv", "columns": ["depth"]},
        ("dates.csv': columns = ['depth']: no column has the name 'depth'; use one of day, value",),
    ),
    "no such column of an array": (
        {"file": "hole.npy", "layout": "scattered", "dimension": 1, "columns": [1, 4]},
        ("hole.npy': columns = [1, 4]: the array has 3 columns without names; use numbers from 1 to 3",),
    ),
    "empty .dat": (
        {"file": "empty.dat", "dtype": "int16"},
        ("empty.dat'", "the file contains no values; give a file that is not empty"),
    ),
    "cut short": ({"file": "short.npz"}, ("short.npz'", "write the file again")),
    "a pickle": ({"file": "objects.npy"}, ("objects.npy'", "write the file again")),
    "complex": ({"file": "complex.npy"}, ("complex.npy'", "holds complex128 values; convert them to real numbers")),
    "with NaN": ({"file": "nan.npy"}, ("nan.npy'", "1 value is NaN or infinite, the first at index [3]; fill or")),
    "with NaN, as text": (
        {"file": "nan.csv"},
        ("nan.csv'", "row 2, column 1 has no value; give every cell a value"),
    ),
    "of zeros": ({"file": "zero.npy"}, ("zero.npy'", "give a target that is not zero everywhere")),
    "huge": ({"file": "huge.npy"}, ("huge.npy'", "the largest magnitude is 8e+200", "lies between 1e-12 and 1e+12")),
    "tiny": ({"file": "tiny.npy"}, ("tiny.npy'", "the largest magnitude is 8e-200", "lies between 1e-12 and 1e+12")),
    "constant": (
        {"file": "constant.npy", "standardize": True},
        ("channel 1 of 1 is constant", "leave standardize out"),
    ),
    "of one point": (
        {"file": "point.npy"},
        ("point.npy'", "the array has shape (1,)", "give at least 2 points along every axis"),
    ),
    "of no axis": ({"file": "scalar.npy"}, ("scalar.npy'", "shape ()", "give 1 to 3 axes")),
    "of four axes": ({"file": "four.npy"}, ("four.npy'", "shape (2, 2, 2, 2)", "give 1 to 3 axes")),
    "of another dimension": ({"file": "line.npy", "dimension": 2}, ("[data] dimension = 2", "(9,)", "give 2 axes")),
    "an image of one dimension": (
        {"file": "image.png", "dimension": 1},
        ("[data] dimension = 1: image.png is an image", "leave dimension out"),
    ),
    "fewer points": ({"file": "line.npy", "points": 10}, ("[data] points = [10]", "only 9 points; use at most")),
    "points per axis": ({"file": "line.npy", "points": [3, 3]}, ("[data] points = [3, 3]", "give one number, or")),
    "extent per axis": ({"file": "line.npy", "extent": [1.0, 1.0]}, ("[data] extent = [1.0, 1.0]", "give one number")),
    "spacing per axis": (
        {"file": "line.npy", "spacing": [1.0, 1.0]},
        ("[data] spacing = [1.0, 1.0]", "give one number"),
    ),
    "several arrays": ({"file": "two.npz"}, ("[data] key is missing", "use one of a, b")),
    "no such array": ({"file": "two.npz", "key": "c"}, ("[data] key = 'c'", "use one of a, b")),
    "raw without dtype": ({"file": "raw.dat"}, ("[data] dtype is missing", 'for example dtype = "float32"')),
    "scattered, all columns positions": (
        {"file": "table.csv", "layout": "scattered", "dimension": 3},
        (
            "[data] dimension = 3: table.csv has 3 columns",
            "give 3 columns for the position, and one or more for the values",
        ),
    ),
    "scattered, of one column": (
        {"file": "line.npy", "layout": "scattered", "dimension": 1},
        (
            "[data] dimension = 1: line.npy has 1 column;",
            "give 1 column for the position, and one or more for the values",
        ),
    ),
    "scattered, with NaN": (
        {"file": "hole.npy", "layout": "scattered", "dimension": 2},
        ("hole.npy'", "row 3, column 2 has no value, and 2 other cells", 'with missing = "drop"'),
    ),
    "scattered, of one sample": (
        {"file": "sample.npy", "layout": "scattered", "dimension": 2},
        ("sample.npy'", "there is 1 sample; at least 2 are needed"),
    ),
    "scattered, along a line": (
        {"file": "flat.npy", "layout": "scattered", "dimension": 2},
        ("flat.npy'", "all positions have x_2 = 7 to within 1e-12; leave that axis out"),
    ),
    "scattered, with a choice for grids": (
        {"file": "table.csv", "layout": "scattered", "dimension": 2, "held_out": {"every": 2}},
        ("held_out = { every = 2 }: this choice needs samples on a grid", "give a fraction, such as 0.5"),
    ),
    "scattered, far away": (
        {"file": "far.npy", "layout": "scattered", "dimension": 2},
        ("far.npy'", "a position has the coordinate 3e+15", "no coordinate exceeds 1e+12"),
    ),
    "scattered, of zeros": (
        {"file": "void.npy", "layout": "scattered", "dimension": 2},
        ("void.npy'", "give a target that is not zero everywhere"),
    ),
    "raw of another dtype": (
        {"file": "raw.dat", "dtype": "float64"},
        ("[data] dtype = 'float64'", "is not a multiple of the size of this number type; use another dtype"),
    ),
}

# Run files as tables or as bytes (None: no file), and the parts that the message must contain.
RUN_FILES: dict[str, tuple[dict[str, Any] | bytes | None, tuple[str, ...]]] = {
    "missing": (None, ("no such run file", "copy the run file in README.md")),
    "empty": (b"", ("[density] is missing", "[data] is missing", "[network] is missing", "[time] is missing")),
    "not TOML": (b"sigma: 10\n", ("not valid TOML", "line 1", "correct that line")),
    "a value left out": (b"[density]\nsigma =\n", ("not valid TOML", "line 2", "correct that line")),
    "a key twice": (b"seed = 1\nseed = 2\n", ("not valid TOML", "correct that line")),
    "garbage": (b"\x89PNG\r\n\x1a\n\x00\xff\xfe" * 40, ("cannot be read", "give a text file in TOML format")),
    "zeros": (b"\x00" * 64, ("not valid TOML", "correct that line")),
    "of a long number": (b"seed = 1\nwidth = " + b"9" * 5000, ("line 2 has a number of more than 1,000 digits",)),
    "of deep lists": (b"a = " + b"[" * 5000 + b"]" * 5000, ("lists or tables are nested too deeply", "three levels")),
    "of deep tables": (b"a = " + b"{a = " * 40 + b"1" + b"}" * 40, ("a: lists or tables are nested", "three levels")),
    "of a key with many parts": (b"a" + b".a" * 20000 + b" = 1", ("line 1 has a key of more than 30 parts",)),
    "of many bytes": (b"#" * 4_000_001, ("the file has 4,000,001 bytes; use at most 4,000,000 bytes",)),
    "with a long value": (
        table(density={"kind": "g" * 100_000}),
        ("[density] kind = 'ggg", "ggg…ggg", "ggg'; use one of gaussian, uniform"),
    ),
    "with a long unknown key": (table(k=1) | {"k" * 100_000: 1}, ("kkk…", "= 1: unknown key; the known keys are")),
    "with many unknown keys": (
        table(pde={f"k{index}": 1 for index in range(1000)}),
        ("[pde] k0 = 1: unknown key", "more lines"),
    ),
    "with a date": (b"[time]\nend = 1979-05-27\n", ("[time] end = 1979-05-27; expected a positive number",)),
    "with Latin-1 text": ("name = 'é'".encode("latin-1"), ("can't decode byte 0xe9", "give a text file in TOML")),
    "in UTF-16": ("name = 'a'".encode("utf-16"), ("can't decode byte 0xff", "give a text file in TOML")),
    "unknown section": (table(solver={"a": 1}), ("solver = {'a': 1}: unknown key", "the known keys are name")),
    "misspelt section": (table(trainning={}), ("trainning = {}: unknown key", "did you mean training?")),
    "a value for a section": (table(pde=3), ("[pde] = 3", "expected a section [pde]")),
    "a list for a section": (table(network=[{}]), ("[network] = [{}]", "expected a section [network]")),
    "density a word": (table(density="gaussian"), ("[density] = 'gaussian'", "expected a section [density]")),
}  # fmt: skip
