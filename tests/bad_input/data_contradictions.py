"""Keys of [data] that contradict each other, or contents that no key can mend."""

from typing import Any

# Changes to the valid run file, and the parts that the message must contain: keys, values, remedy.
DATA_CONTRADICTIONS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "points against dimension": (
        {"data": {"points": [64, 64]}},
        ("[data] points = [64, 64] contradicts dimension = 1", "give one number, or one number for each axis"),
    ),
    "extent against dimension": (
        {"data": {"extent": [1.0, 2.0, 3.0]}},
        ("[data] extent = [1.0, 2.0, 3.0] contradicts dimension = 1", "give one number, or one number for each axis"),
    ),
    "frequencies against dimension": (
        {"data": {"frequencies": [[3.0], [1.0, 2.0]]}},
        ("[data] frequencies = [1.0, 2.0] contradicts dimension = 1", "give one number per axis"),
    ),
    "frequencies that alias": (
        {"data": {"frequencies": [[32.5]]}},
        (
            "[data] frequencies = 32.5 cannot be resolved by 64 points",
            "points/(2 extent) = 32.0",
            "use more points or lower",
        ),
    ),
    "predict_at against predict_points": (
        {"data": {"predict_at": "data/line.npy", "predict_points": 5}},
        ("[data] predict_at = 'data/line.npy' contradicts predict_points = 5", "give only one of them"),
    ),
    "predict_points against dimension": (
        {"data": {"predict_points": [5, 5]}},
        ("[data] predict_points = [5, 5]; give one number, or one for each of the 1 axes",),
    ),
    "too many positions to predict at": (
        {"data": {"dimension": 3, "points": 10, "frequencies": [[1, 1, 1]], "predict_points": 1000}},
        ("[data] predict_points = 1000; use at most 100,000,000 points",),
    ),
    "positions without a file": (
        {"data": {"predict_at": "data/none.csv"}},
        ("[data] predict_at = 'data/none.csv': no such file", "give a path relative to the run file"),
    ),
    "positions with too many coordinates": (
        {"data": {"predict_at": "data/sample.npy"}},
        ("[data] predict_at = ", "sample.npy has", "give one for each of the 1 axes"),
    ),
    "noise levels of other channels": (
        {"data": {"kind": "file", "path": "data/line.npy", "noise_level": [0.1, 0.2]}},
        ("[data] noise_level = [0.1, 0.2]; give one number, or one for each of the 1 channel",),
    ),
    "a mask of another shape": (
        {"data": {"held_out": {"mask": "data/line.npy"}}},
        ("[data] held_out = { mask = ", "line.npy has", "give one point for each sample"),
    ),
    "a mask with NaN": (
        {"data": {"held_out": {"mask": "data/nan.npy"}}},
        ("[data] held_out = { mask = ", "nan.npy has values that are not finite; write 0 or 1 at each point"),
    ),
    "scales of a design that do not increase": (
        {"design": {"scale": [3.0, 2.0]}},
        ("[design] scale = [3.0, 2.0] does not increase", "give the smallest and the largest scale"),
    ),
    "steps against times of a design": (
        {"design": {"steps": [3], "times": [3.0]}},
        ("[design] steps = [3] contradicts times = [3.0]", "give only one of them"),
    ),
    "a band of a design that does not increase": (
        {"design": {"purpose": "band", "band": [3.0, 2.0]}},
        ("[design] band = [3.0, 2.0] does not increase", "give the smallest and the largest |xi|"),
    ),
    "a design for no band": (
        {"design": {"purpose": "band"}},
        ('[design] purpose = "band" needs band', "give it, for example band = [4.0, 12.0]"),
    ),
    "a ratio of a design without order": (
        {"design": {"purpose": "balanced", "ratio": 2.0}},
        ('[design] ratio = 2.0 has no meaning for purpose = "balanced"', "leave ratio out"),
    ),
    "times of a design for rates": (
        {"design": {"purpose": "balanced", "times": [2.0]}},
        ('[design] times = [2.0] has no meaning for purpose = "balanced"', "use steps"),
    ),
    "several steps of a design for rates": (
        {"design": {"purpose": "balanced", "steps": [2, 3]}},
        ('[design] steps = [2, 3]: purpose = "balanced" takes one number, the largest number of steps',),
    ),
    "a criterion of a design for rates": (
        {"design": {"purpose": "balanced", "criterion": "gcv"}},
        ('[design] criterion = "gcv" has no meaning for purpose = "balanced"', "leave criterion out"),
    ),
    "an annulus of a design without a band": (
        {"design": {"families": ["annulus"]}},
        ('[design] families: "annulus" needs purpose = "band" and a band that begins above 0', 'leave "annulus" out'),
    ),
    "a repeated width of a design": (
        {"design": {"widths": [4, 4]}},
        ("[design] widths = [4, 4] names a value twice", "name each value once"),
    ),
    "too many samples": (
        {"data": {"dimension": 3, "points": 1000, "frequencies": [[1, 1, 1]]}},
        ("[data] points = 1000 gives 1,000,000,000 samples", "use at most 100,000,000"),
    ),
    "a frequency that is huge": (
        {"data": {"frequencies": [[1e200]]}},
        (
            "[data] frequencies = 1e+200 cannot be resolved by 64 points over a length of 1.0",
            "use more points or lower",
        ),
    ),
    "a target too small": (
        {"data": {"frequencies": [[1e-320]]}},
        (
            "[data] frequencies = [[1e-320]]: ",
            "the largest magnitude is",
            "choose units in which it lies between 1e-12 and",
        ),
    ),
    "a target of zeros": (
        {"data": {"frequencies": [[0.0]]}},
        ("[data] frequencies = [[0.0]]: ", "give a target that is not zero everywhere"),
    ),
    "key without .npz": (
        {"data": {"file": "line.npy", "key": "a"}},
        ("[data] key = 'a' is for .npz .mat .h5 .hdf5 files only, but path = 'data/line.npy'", "leave key out"),
    ),
    "dtype without .dat": (
        {"data": {"file": "line.npy", "dtype": "int16"}},
        ("[data] dtype = 'int16' is for .dat files only, but path = 'data/line.npy'", "leave dtype out"),
    ),
    "scattered pixels": (
        {"data": {"file": "image.png", "layout": "scattered", "dimension": 2}},
        (
            "[data] layout = \"scattered\" needs a table, but path = 'data/image.png'",
            "use a file that ends in one of .npy .npz .csv .tsv .txt .mat .h5 .hdf5",
        ),
    ),
    "scattered without dimension": (
        {"data": {"file": "table.csv", "layout": "scattered"}},
        ('[data] layout = "scattered" needs dimension', "for example dimension = 2"),
    ),
    "scattered with points": (
        {"data": {"file": "table.csv", "layout": "scattered", "dimension": 1, "points": 3}},
        ("[data] points = 3", 'is for layout = "grid" only', "leave points out"),
    ),
    "scattered with extent": (
        {"data": {"file": "table.csv", "layout": "scattered", "dimension": 1, "extent": 1.0}},
        ("[data] extent = 1.0", 'is for layout = "grid" only', "leave extent out"),
    ),
    "scattered with spacing": (
        {"data": {"file": "table.csv", "layout": "scattered", "dimension": 1, "spacing": 1.0}},
        ("[data] spacing = 1.0", 'is for layout = "grid" only', "leave spacing out"),
    ),
    "spacing against extent": (
        {"data": {"file": "line.npy", "extent": 2.0, "spacing": 0.5}},
        ("[data] spacing = 0.5 contradicts extent = 2.0", "give only one of them"),
    ),
    "columns of an array": (
        {"data": {"file": "line.npy", "columns": [1]}},
        ("[data] columns = [1] is for .csv .tsv .txt only, but path = 'data/line.npy'", "leave columns out"),
    ),
    "a delimiter of an array": (
        {"data": {"file": "line.npy", "delimiter": ";"}},
        ("[data] delimiter = ';' is for .csv .tsv .txt only", "leave delimiter out"),
    ),
    "a column twice": (
        {"data": {"file": "table.csv", "columns": [1, 2, 1]}},
        ("[data] columns = [1, 2, 1] names a column twice", "name each column once"),
    ),
    "columns against dimension": (
        {"data": {"file": "table.csv", "layout": "scattered", "dimension": 2, "columns": [1, 2]}},
        ("[data] columns = [1, 2] contradicts dimension = 2", "then one or more columns of values"),
    ),
    "one mark for two things": (
        {"data": {"file": "table.csv", "delimiter": ",", "decimal": ","}},
        ('[data] delimiter = "," contradicts decimal = ","', "leave both out"),
    ),
    "missing values of a grid": (
        {"data": {"file": "table.csv", "missing": "drop"}},
        ('[data] missing = "drop" is for layout = "scattered" only', "leave missing out"),
    ),
    "a grid to be centred": (
        {"data": {"file": "line.npy", "center": True}},
        ('[data] center = true is for layout = "scattered" only', "leave center out"),
    ),
}
