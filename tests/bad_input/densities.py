"""Faulty densities: mixtures, tables and their files."""

from typing import Any

UNIFORM = {"kind": "uniform", "radius": 4.0}


def mixture(*parts: Any, **keys: Any) -> dict[str, Any]:
    """The change that makes the density a mixture of these parts."""
    return {"density": {"kind": "mixture", "sigma": None, "weights": [1.0] * len(parts), "parts": list(parts), **keys}}


def table_file(file: str, **keys: Any) -> dict[str, Any]:
    """The change that makes the density a table read from this file."""
    return {"density": {"kind": "table", "sigma": None, "path": f"data/{file}", "half_width": 9.0, **keys}}


def points_file(file: str, **keys: Any) -> dict[str, Any]:
    """The change that makes the density the frequencies in this file."""
    return {"density": {"kind": "points", "sigma": None, "path": f"data/{file}", **keys}}


DENSITIES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "an annulus inside out": (
        {"density": {"kind": "annulus", "sigma": None, "inner": 5.0, "radius": 5.0}},
        ("[density] inner = 5.0 is not less than 0.999 radius = 4.995", "use a smaller inner radius"),
    ),
    "weights against parts": (
        mixture(UNIFORM, weights=[1.0, 2.0]),
        ("[density] weights = [1.0, 2.0] has 2 entries, but there are 1 tables", "give one weight for each part"),
    ),
    "a key of a part": (
        mixture(UNIFORM, {"kind": "ball", "radius": -1.0}),
        ("[density.parts 2] radius = -1.0; expected a positive number: the radius of the ball",),
    ),
    "an unknown key of a part": (
        mixture(UNIFORM | {"radios": 1.0}),
        ("[density.parts 1] radios = 1.0: unknown key; did you mean radius?",),
    ),
    "a part without a kind": (mixture({"radius": 1.0}), ("[density.parts 1] kind is missing; use one of gaussian",)),
    "a mixture in a mixture": (
        mixture(UNIFORM, mixture(UNIFORM)["density"] | {"sigma": 1.0}),
        ("[density.parts 2] kind = 'mixture'; use one of gaussian, uniform",),
    ),
    "a part that is no table": (mixture(3), ("[density.parts 1] = 3",)),
    "a missing table": (table_file("none.npy"), ("[density] path = ", "none.npy'", "no such file")),
    "a part with keys of another kind": (
        mixture(UNIFORM, table_file("none.npy")["density"] | {"sigma": 1.0}),
        ("[density.parts 2] sigma = 1.0: unknown key",),
    ),
    "a table with NaN": (
        table_file("nan.npy"),
        ("[density] path = ", "1 value is NaN or infinite, the first at index [3]; replace these values"),
    ),
    "a table of zeros": (table_file("zero.npy"), ("[density] path = ", "give a density that is not zero everywhere")),
    "a table that is not even": (
        table_file("line.npy"),
        (
            "[density] path = ",
            "the values at index [0] and at the opposite node are 0 and 8",
            "use the mean of the table",
        ),
    ),
    "a negative table": (
        table_file("negative.npy"),
        ("[density] path = ", "at index [4] is -1; use values of at least 0"),
    ),
    "a table of one node": (table_file("point.npy"), ("[density] path = ", "shape (1,)", "at least 2 nodes")),
    "a table in colour": (
        table_file("colour.png"),
        ("[density] path = ", "the file contains 3 channels; give a table with one channel"),
    ),
    "a table of another dimension": (
        table_file("image.png"),
        (
            "[density] is defined in 2 dimension(s), but the data have 1 dimension(s)",
            "one axis for each axis of the data",
        ),
    ),
    "half_width per axis": (
        table_file("constant.npy", half_width=[1.0, 1.0]),
        ("[density] path = ", "half_width = (1.0, 1.0): the table has 1 axes; give one number for each axis"),
    ),
    "the key of a table": (table_file("two.npz"), ("[density] key is missing", "use one of a, b")),
    "the ending of a table": (
        table_file("line.npy", dtype="int16"),
        ("[density] dtype = 'int16' is for .dat files only",),
    ),
    "octaves beyond the largest frequency": (
        {"density": {"kind": "octaves", "sigma": None, "scale": 1e9, "count": 20}},
        ("[density] ", "the highest frequency, scale 2^(count - 1) = 5.24e+14", "use a smaller scale or count"),
    ),
    "an image of frequencies": (
        points_file("colour.png"),
        ("[density] path = 'data/colour.png' is not a table of frequencies", "one of the endings .npy"),
    ),
    "missing frequencies": (points_file("none.npy"), ("[density] path = ", "none.npy'", "no such file")),
    "frequencies in a cube": (
        points_file("cube.npy"),
        ("[density] path = ", "cube.npy has an array of shape (2, 2, 2); give an array of rows and columns"),
    ),
    "frequencies with NaN": (points_file("nan.npy"), ("[density] path = ", "row 4, column 1 has no value; correct")),
    "frequencies of another dimension": (
        points_file("line.npy", columns=[1, 1]),
        ("[density] columns = [1, 1] names a column twice",),
    ),
    "more frequencies than neurons": (
        {"density": {"kind": "octaves", "sigma": None, "scale": 1.0, "count": 40}},
        ("[network] width = 64: [density] has 40 frequencies", "use at least width = 80"),
    ),
}
