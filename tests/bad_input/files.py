"""Data and run files at fault."""

from typing import Any

from tests.problem.run_files import table

# Data files, and what is said about them.
DATA_FILES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "missing": ({"file": "none.npy"}, ("none.npy'", "no such file", "paths are relative to the run file")),
    "a folder": ({"file": ""}, ("not a file but a folder", "paths are relative to the run file")),
    "of a foreign ending": ({"file": "line.mat"}, ("cannot read .mat", "use one of .npy")),
    "without an ending": ({"file": "line"}, ("cannot read a file without an ending", "use one of .npy")),
    "unknown sample": ({"path": "matplotlib:nothing.npz"}, ("matplotlib ships no sample of that name", "look into")),
    "of nobody's home": ({"path": "~nobody-at-all/a.npy"}, ("write the home folder out",)),
    **{
        f"{kind} {suffix}": ({"file": f"{kind}{suffix}"}, (f"{kind}{suffix}'", "write it anew"))
        for kind in ("empty", "garbage")
        for suffix in (".npy", ".npz", ".csv", ".txt", ".png", ".jpg", ".tif")
    },
    "empty .dat": ({"file": "empty.dat", "dtype": "int16"}, ("empty.dat'", "the file is empty")),
    "cut short": ({"file": "short.npz"}, ("short.npz'", "write it anew")),
    "a pickle": ({"file": "objects.npy"}, ("objects.npy'", "write it anew")),
    "complex": ({"file": "complex.npy"}, ("complex.npy'", "holds complex128, not real numbers; convert it first")),
    "with NaN": ({"file": "nan.npy"}, ("nan.npy'", "1 values are NaN or infinite, the first at [3]; fill or")),
    "with NaN, as text": ({"file": "nan.csv"}, ("nan.csv'", "1 values are NaN or infinite, the first at [1]; fill or")),
    "of zeros": ({"file": "zero.npy"}, ("zero.npy'", "give a target that is not zero")),
    "huge": ({"file": "huge.npy"}, ("huge.npy'", "the largest magnitude is 8e+200", "lies between 1e-12 and 1e+12")),
    "tiny": ({"file": "tiny.npy"}, ("tiny.npy'", "the largest magnitude is 8e-200", "lies between 1e-12 and 1e+12")),
    "constant": ({"file": "constant.npy", "standardize": True}, ("constant.npy'", "leave standardize out")),
    "of one point": ({"file": "point.npy"}, ("point.npy'", "its shape is (1,)", "at least 2 points are needed")),
    "of no axis": ({"file": "scalar.npy"}, ("scalar.npy'", "shape ()", "give 1 to 3 axes")),
    "of four axes": ({"file": "four.npy"}, ("four.npy'", "shape (2, 2, 2, 2)", "give 1 to 3 axes")),
    "of another dimension": ({"file": "line.npy", "dimension": 2}, ("[data] dimension = 2", "(9,)", "expected 2 axes")),
    "an image of one dimension": ({"file": "image.png", "dimension": 1}, ("[data] dimension = 1", "leave")),
    "fewer points": ({"file": "line.npy", "points": 10}, ("[data] points = [10]", "only 9 points; ask for at most")),
    "points per axis": ({"file": "line.npy", "points": [3, 3]}, ("[data] points = [3, 3]", "give one number, or")),
    "extent per axis": ({"file": "line.npy", "extent": [1.0, 1.0]}, ("[data] extent = [1.0, 1.0]", "give one number")),
    "several arrays": ({"file": "two.npz"}, ("[data] key is missing", "it holds a, b: name one of them")),
    "no such array": ({"file": "two.npz", "key": "c"}, ("[data] key = 'c'", "it holds a, b: name one of them")),
    "raw without dtype": ({"file": "raw.dat"}, ("[data] dtype is missing", 'for example dtype = "float32"')),
    "scattered, all columns positions": (
        {"file": "table.csv", "layout": "scattered", "dimension": 3},
        ("[data] dimension = 3: table.csv has 3 columns", "expected 3 for the position, and one or more for values"),
    ),
    "scattered, of one column": (
        {"file": "line.npy", "layout": "scattered", "dimension": 1},
        ("[data] dimension = 1: line.npy has 1 columns", "one or more for values"),
    ),
    "scattered, with NaN": (
        {"file": "hole.npy", "layout": "scattered", "dimension": 2},
        ("hole.npy'", "3 values are NaN or infinite, the first at [2]; fill or crop"),
    ),
    "scattered, of one sample": (
        {"file": "sample.npy", "layout": "scattered", "dimension": 2},
        ("sample.npy'", "there is 1 sample; at least 2 are needed"),
    ),
    "scattered, along a line": (
        {"file": "flat.npy", "layout": "scattered", "dimension": 2},
        ("flat.npy'", "every position has x_2 = 7; leave that axis out"),
    ),
    "scattered, far away": (
        {"file": "far.npy", "layout": "scattered", "dimension": 2},
        ("far.npy'", "a position lies at 3e+15", "none exceeds 1e+12"),
    ),
    "scattered, of zeros": (
        {"file": "void.npy", "layout": "scattered", "dimension": 2},
        ("void.npy'", "give a target that is not zero"),
    ),
    "raw of another dtype": ({"file": "raw.dat", "dtype": "float64"}, ("[data] dtype = 'float64'", "not a whole")),
}  # fmt: skip

# Run files, as bytes; None: there is none; a text in `expected` says what is wrong with it.
RUN_FILES: dict[str, tuple[dict[str, Any] | bytes | None, tuple[str, ...]]] = {
    "missing": (None, ("no such run file", "see the README")),
    "empty": (b"", ("[density] is missing", "[data] is missing", "[network] is missing", "[time] is missing")),
    "not TOML": (b"sigma: 10\n", ("not TOML", "line 1", "mend it there")),
    "a value left out": (b"[density]\nsigma =\n", ("not TOML", "line 2", "mend it there")),
    "a key twice": (b"seed = 1\nseed = 2\n", ("not TOML", "mend it there")),
    "garbage": (b"\x89PNG\r\n\x1a\n\x00\xff\xfe" * 40, ("not readable", "give a text file, in TOML")),
    "zeros": (b"\x00" * 64, ("not TOML", "mend it there")),
    "unknown section": (table(solver={"a": 1}), ("solver = {'a': 1}: there is no such key", "the keys here are name")),
    "misspelt section": (table(trainning={}), ("trainning = {}: there is no such key", "did you mean training?")),
    "a value for a section": (table(pde=3), ("[pde] = 3", "expected a section [pde]")),
    "a list for a section": (table(network=[{}]), ("[network] = [{}]", "expected a section [network]")),
    "density a word": (table(density="gaussian"), ("[density] = 'gaussian'", "expected a section [density]")),
}  # fmt: skip
