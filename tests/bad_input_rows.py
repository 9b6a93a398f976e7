"""The rows of `bad_input_table`: values out of range, keys that contradict each other, data and run files at fault."""

import math
from typing import Any

from tests.problem.run_files import table

TOO_SMALL_OR_LARGE = (1e-320, 1e200)

DESCENT = {"integrator": "gradient-descent", "step": 0.1}

# Out of range, for every key; a pair (value, met) where the message names the one entry at fault.
OUT_OF_RANGE: dict[str, list[Any]] = {
    "name": ["", "a b", "../above", "..", "a/b", "a\n"],
    "seed": [-1, 2**63],
    "unit": ["m" * 21],
    "density.gaussian.kind": ["normal"],
    "density.gaussian.sigma": [0.0, -1.0, math.inf, *TOO_SMALL_OR_LARGE],
    "density.uniform.kind": ["box"],
    "density.uniform.radius": [0.0, -1.0, *TOO_SMALL_OR_LARGE],
    "density.ball.kind": [""],
    "density.ball.radius": [0.0, -1.0, *TOO_SMALL_OR_LARGE],
    "density.annulus.kind": ["ring"],
    "density.annulus.inner": [0.0, -1.0, *TOO_SMALL_OR_LARGE],
    "density.annulus.radius": [0.0, -1.0, *TOO_SMALL_OR_LARGE],
    "density.laplace.kind": ["Laplace"],
    "density.laplace.scale": [0.0, -1.0, *TOO_SMALL_OR_LARGE],
    "density.student-t.kind": ["student"],
    "density.student-t.sigma": [0.0, -1.0, *TOO_SMALL_OR_LARGE],
    "density.student-t.freedom": [0.0, 0.99, 101.0],
    "density.table.kind": ["file"],
    "density.table.path": [""],
    "density.table.key": [],
    "density.table.dtype": ["float16", "object", ""],
    "density.table.half_width": [0.0, -1.0, [], [-1.0], *TOO_SMALL_OR_LARGE],
    "density.mixture.kind": ["sum"],
    "density.mixture.weights": [[], ([0.0, 1.0], 0.0), ([1.0, math.nan], math.nan), ([1e200, 1.0], 1e200)],
    "density.mixture.parts": [[]],
    "data.waves.kind": ["wave"],
    "data.waves.dimension": [0, 4],
    "data.waves.points": [1, 0, -64, 10**9 + 1, [], [1]],
    "data.waves.extent": [0.0, -1.0, [], [0.0], *TOO_SMALL_OR_LARGE],
    "data.waves.frequencies": [[], ([[]], []), ([[math.nan]], math.nan)],
    "data.waves.window": [0.0, -0.2, *TOO_SMALL_OR_LARGE],
    "data.waves.standardize": [],
    "data.waves.held_out": [-0.1, 0.91, 1.0],
    "data.waves.noise": [-0.1, math.inf, 1e200],
    "data.file.kind": ["folder"],
    "data.file.path": [""],
    "data.file.dimension": [0, 4],
    "data.file.points": [1, 0, -5, 10**9 + 1, [], [1]],
    "data.file.extent": [0.0, -1.0, [], [-1.0], *TOO_SMALL_OR_LARGE],
    "data.file.standardize": [],
    "data.file.held_out": [-0.1, 0.91, 1.0],
    "data.file.noise": [-0.1, math.inf, 1e200],
    "data.file.key": [],
    "data.file.dtype": ["float16", "object", ""],
    "data.file.layout": ["columns"],
    "network.width": [0, -2, 10**9 + 2],
    "network.sigma_a": [-1.0, math.inf, 1e200],
    "network.sampling": ["halton"],
    "network.symmetric": [],
    "network.diagonal": [],
    "network.depth": [1, 5],
    "time.end": [0.0, -5.0, math.inf, *TOO_SMALL_OR_LARGE],
    "time.outputs": [0, -5, 10**6 + 1],
    "time.times": [[], ([0.0, 1.0], 0.0), ([1.0, -1.0], -1.0), ([1e-320, 1.0], 1e-320), ([1.0, 1e200], 1e200)],
    "mesh.half_width": [0.0, -9.0, *TOO_SMALL_OR_LARGE],
    "mesh.size": [0.0, -0.1, *TOO_SMALL_OR_LARGE],
    "mesh.path": [""],
    "mesh.adaptive": [],
    "pde.operator": ["global"],
    "pde.integrator": ["euler"],
    "pde.dynamics": ["sgd"],
    "pde.initial": ["zero"],
    "pde.step": [0.0, -0.1, "small", *TOO_SMALL_OR_LARGE],
    "pde.degree": [0, 9],
    "pde.tolerance": [0.0, -1e-3, 1e-9, 0.2, *TOO_SMALL_OR_LARGE],
    "training.integrator": ["euler"],
    "training.momentum": [-0.1, 1.0],
    "training.batch": [0, -5],
    "training.step": [0.0, -0.1, "small", *TOO_SMALL_OR_LARGE],
    "training.tolerance": [0.0, -1e-3, 1e-9, 0.2, *TOO_SMALL_OR_LARGE],
    "training.precision": ["half"],
    "training.device": ["gpu", "cuda:", "cuda:-1", ""],
    "training.backend": ["fft", ""],
    "training.checkpoint": [-1.0, math.inf, 1e200],
    "training.tensorboard": [],
}

# What changes in the valid run file, and what the message must hold: keys, values, remedy.
CONTRADICTIONS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "points against dimension": (
        {"data": {"points": [64, 64]}},
        ("[data] points = [64, 64] contradicts dimension = 1", "give one number, or one per axis"),
    ),
    "extent against dimension": (
        {"data": {"extent": [1.0, 2.0, 3.0]}},
        ("[data] extent = [1.0, 2.0, 3.0] contradicts dimension = 1", "give one number, or one per axis"),
    ),
    "frequencies against dimension": (
        {"data": {"frequencies": [[3.0], [1.0, 2.0]]}},
        ("[data] frequencies: [1.0, 2.0] contradicts dimension = 1", "give one number per axis"),
    ),
    "frequencies that alias": (
        {"data": {"frequencies": [[32.5]]}},
        ("[data] frequencies: 32.5 aliases on 64 points over 1.0: the limit is 32.0", "use more points or lower"),
    ),
    "too many samples": (
        {"data": {"dimension": 3, "points": 1000, "frequencies": [[1, 1, 1]]}},
        ("[data] points = 1000 makes 1,000,000,000 samples", "use at most 100,000,000"),
    ),
    "a frequency that is huge": (
        {"data": {"frequencies": [[1e200]]}},
        ("[data] frequencies: 1e+200 aliases on 64 points over 1.0", "use more points or lower"),
    ),
    "a target too small": (
        {"data": {"frequencies": [[1e-320]]}},
        ("[data] frequencies = [[1e-320]]: ", "the largest magnitude is", "units in which it lies between 1e-12 and"),
    ),
    "a target of zeros": (
        {"data": {"frequencies": [[0.0]]}},
        ("[data] frequencies = [[0.0]]: ", "give a target that is not zero"),
    ),
    "key without .npz": (
        {"data": {"file": "line.npy", "key": "a"}},
        ("[data] key = 'a' is for .npz files", "leave key out"),
    ),
    "dtype without .dat": (
        {"data": {"file": "line.npy", "dtype": "int16"}},
        ("[data] dtype = 'int16' is for .dat files", "leave dtype out"),
    ),
    "scattered pixels": (
        {"data": {"file": "image.png", "layout": "scattered", "dimension": 2}},
        ("[data] layout = \"scattered\" is for tables, and path = 'data/image.png'", "use one of .npy .npz .csv .txt"),
    ),
    "scattered without dimension": (
        {"data": {"file": "table.csv", "layout": "scattered"}},
        ('[data] layout = "scattered" needs dimension', "for example dimension = 2"),
    ),
    "scattered with points": (
        {"data": {"file": "table.csv", "layout": "scattered", "dimension": 1, "points": 3}},
        ("[data] points = 3", 'is for layout = "grid"', "leave points out"),
    ),
    "scattered with extent": (
        {"data": {"file": "table.csv", "layout": "scattered", "dimension": 1, "extent": 1.0}},
        ("[data] extent = 1.0", 'is for layout = "grid"', "leave extent out"),
    ),
    "odd width": ({"network": {"width": 63}}, ("[network] width = 63 is odd", "symmetric = true", "use an even width")),
    "sigma_a = 0": (
        {"network": {"sigma_a": 0.0, "symmetric": False}},
        ("[network] sigma_a = 0 starts at 0 anyway", "use symmetric = true"),
    ),
    "no time": ({"time": {"end": None}}, ("[time] end is missing", "give end (and outputs), or times")),
    "outputs against times": (
        {"time": {"times": [1.0, 5.0]}},
        ("[time] outputs = 5 contradicts times", "give one of the two"),
    ),
    "times that do not increase": (
        {"time": {"times": [1.0, 1.0, 5.0], "outputs": None}},
        ("[time] times = [1.0, 1.0, 5.0] do not increase", "sort them and drop repeats"),
    ),
    "end against times": (
        {"time": {"times": [1.0, 4.0], "outputs": None}},
        ("[time] end = 5.0 contradicts the last of times, 4.0", "leave end out"),
    ),
    "size against half_width": (
        {"mesh": {"size": 3.0, "half_width": 2.0}},
        ("[mesh] size = 3.0 is more than half_width = 2.0", "use smaller elements"),
    ),
    "step against lanczos": ({"pde": {"step": 0.1}}, ("[pde] step = 0.1", 'integrator = "lanczos"', "leave step out")),
    "step against adaptive": (
        {"pde": {"integrator": "adaptive", "step": 0.1}},
        ("[pde] step = 0.1", 'integrator = "adaptive"', "leave step out"),
    ),
    "gradient descent against integrator": (
        {"pde": {"dynamics": "gradient-descent", "integrator": "adaptive"}, "training": DESCENT},
        ('[pde] dynamics = "gradient-descent" takes', 'integrator = "adaptive"', 'use those, or dynamics = "flow"'),
    ),
    "gradient descent against the training": (
        {"pde": {"dynamics": "gradient-descent"}, "training": {"integrator": "rk4", "step": 0.1}},
        ('[pde] dynamics = "gradient-descent" takes its steps from the training', "step a number"),
    ),
    "gradient descent of another step": (
        {"pde": {"dynamics": "gradient-descent", "step": 0.2}, "training": DESCENT},
        ("with step = 0.2 contradicts [training]", "with step = 0.1", "leave [pde] step out"),
    ),
    "momentum without momentum": (
        {"training": {"momentum": 0.5}},
        ("[training] momentum = 0.5", 'is for integrator = "momentum", not "rk4"', "leave it out"),
    ),
    "sgd without batch": (
        {"training": {"integrator": "sgd"}},
        ('[training] integrator = "sgd" needs batch', "for example batch = 256"),
    ),
    "batch of all samples": (
        {"training": {"integrator": "heun", "batch": 8}},
        ("[training] batch = 8", 'integrator = "heun" takes all samples', "leave batch out"),
    ),
    "adam without step": (
        {"training": {"integrator": "adam"}},
        ('[training] integrator = "adam" follows no gradient flow', "give step a number"),
    ),
    "tolerance against precision": (
        {"training": {"tolerance": 1e-6}},
        ("[training] tolerance = 1e-06", 'precision = "single"', 'use precision = "double"'),
    ),
    "tolerance of the equation against precision": (
        {"pde": {"tolerance": 1e-6}},
        ("[pde] tolerance = 1e-06", 'precision = "single"', 'use [training] precision = "double"'),
    ),
    "held-out samples against the local operator": (
        {"data": {"held_out": 0.2}, "pde": {"operator": "local"}},
        ("[data] held_out = 0.2 leaves scattered samples", 'use operator = "data", or leave held_out out'),
    ),
    "held-out samples against separable sums": (
        {"data": {"held_out": 0.2}, "training": {"backend": "separable"}},
        ("[data] held_out = 0.2 leaves scattered samples", 'use backend = "auto", or leave held_out out'),
    ),
    "too few samples held out": (
        {"data": {"held_out": 0.01}},
        ("[data] held_out = 0.01: there is 1 sample; at least 2 are needed",),
    ),
    "noise beyond measure": (
        {"data": {"noise": 1e12}},
        ("[data] noise = 1000000000000.0: samples: the largest magnitude is", "give the target in units"),
    ),
    "a CPU's backend on a GPU": (
        {"training": {"backend": "nufft", "device": "cuda:0"}},
        ('[training] backend = "nufft" contradicts device = "cuda:0"', "leave one of the two keys out"),
    ),
    "a GPU's backend on the CPU": (
        {"training": {"backend": "cufinufft", "device": "cpu"}},
        ('[training] backend = "cufinufft" contradicts device = "cpu"', "leave one of the two keys out"),
    ),
    "initial against symmetric": (
        {"pde": {"initial": "target"}, "network": {"symmetric": False}},
        ('[pde] initial = "target" contradicts [network] symmetric = false', 'use initial = "network"'),
    ),
}

UNIFORM = {"kind": "uniform", "radius": 4.0}


def mixture(*parts: Any, **keys: Any) -> dict[str, Any]:
    """The change to a mixture of these parts."""
    return {"density": {"kind": "mixture", "sigma": None, "weights": [1.0] * len(parts), "parts": list(parts), **keys}}


def table_file(file: str, **keys: Any) -> dict[str, Any]:
    """The change to a table in this file."""
    return {"density": {"kind": "table", "sigma": None, "path": f"data/{file}", "half_width": 9.0, **keys}}


DENSITIES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "an annulus inside out": (
        {"density": {"kind": "annulus", "sigma": None, "inner": 5.0, "radius": 5.0}},
        ("[density] inner = 5.0 is not less than 0.999 radius = 4.995", "use a smaller inner radius"),
    ),
    "weights against parts": (
        mixture(UNIFORM, weights=[1.0, 2.0]),
        ("[density] weights = [1.0, 2.0] are 2, and there are 1 tables", "give one weight for each part"),
    ),
    "a key of a part": (
        mixture(UNIFORM, {"kind": "ball", "radius": -1.0}),
        ("[density.parts 2] radius = -1.0; expected a positive number: the radius of the ball",),
    ),
    "an unknown key of a part": (
        mixture(UNIFORM | {"radios": 1.0}),
        ("[density.parts 1] radios = 1.0: there is no such key; did you mean radius?",),
    ),
    "a part without a kind": (mixture({"radius": 1.0}), ("[density.parts 1] kind is missing; use one of gaussian",)),
    "a mixture in a mixture": (
        mixture(UNIFORM, mixture(UNIFORM)["density"] | {"sigma": 1.0}),
        ("[density.parts 2] kind = 'mixture'; use one of gaussian, uniform",),
    ),
    "a part that is no table": (mixture(3), ("[density.parts 1] = 3",)),
    "a table that is not there": (table_file("none.npy"), ("[density] path = ", "none.npy'", "no such file")),
    "a part that is not there": (
        mixture(UNIFORM, table_file("none.npy")["density"] | {"sigma": 1.0}),
        ("[density.parts 2] sigma = 1.0: there is no such key",),
    ),
    "a table with NaN": (
        table_file("nan.npy"),
        ("[density] path = ", "1 values are NaN or infinite, the first at [3]"),
    ),
    "a table of zeros": (table_file("zero.npy"), ("[density] path = ", "give a density that is not zero")),
    "a table that is not even": (
        table_file("line.npy"),
        ("[density] path = ", "the values at [0] and at the node opposite are 0 and 8", "give the mean of the table"),
    ),
    "a negative table": (table_file("negative.npy"), ("[density] path = ", "at [4] is -1; a density is at least 0")),
    "a table of one node": (table_file("point.npy"), ("[density] path = ", "shape (1,)", "at least 2 nodes")),
    "a table in colour": (table_file("colour.png"), ("[density] path = ", "holds 3 channels; a density has only one")),
    "a table of another dimension": (
        table_file("image.png"),
        ("[density] is given in 2 dimension(s), and the data have 1", "one axis for each axis of the data"),
    ),
    "half_width per axis": (
        table_file("constant.npy", half_width=[1.0, 1.0]),
        ("[density] path = ", "half_width = (1.0, 1.0): the table has 1 axes; give one number for each"),
    ),
    "the key of a table": (table_file("two.npz"), ("[density] key is missing", "it holds a, b: name one of them")),
    "the ending of a table": (table_file("line.npy", dtype="int16"), ("[density] dtype = 'int16' is for .dat files",)),
}

# What only the commands that make the mesh see.
MESH_CONTRADICTIONS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "local operator beyond the data": (
        {"pde": {"operator": "local"}, "density": {"sigma": 30.0}},
        ('[pde] operator = "local"', "points/(2 extent) = 32", 'use operator = "data"'),
    ),
    "half_width beyond the data": (
        {"pde": {"operator": "local"}, "mesh": {"half_width": 33.0}},
        ("[mesh] half_width is 33", "points/(2 extent) = 32", 'use operator = "data"'),
    ),
    "half_width within what is drawn": (
        {"mesh": {"half_width": 4.0}},
        ("[mesh] half_width = 4: it leaves out 31.7 % of", "must cover the support, about |xi_i| <= 10.3"),
    ),
    "a mesh that is not there": ({"mesh": {"path": "no.vtu"}}, ("[mesh] path", "no.vtu", "no such file")),
    "a mesh that is none": ({"mesh": {"path": "data/line.npy"}}, ("[mesh] path", "meshio cannot read it", ".vtu")),
    "a mesh of no mesh": ({"mesh": {"path": "data/garbage.msh"}}, ("[mesh] path", "Gmsh cannot read it", ".vtu")),
    "path and size": ({"mesh": {"path": "m.vtu", "size": 1.0}}, ("[mesh]", "path contradicts", "leave them out")),
    "adaptive with the data operator": ({"mesh": {"adaptive": True}}, ("[mesh] adaptive = true", "leave adaptive out")),
    "local operator on scattered samples": (
        {
            "pde": {"operator": "local"},
            "data": {"file": "table.csv", "layout": "scattered", "dimension": 1},
        },
        ('[pde] operator = "local"', 'layout = "scattered"', 'use operator = "data"'),
    ),
    "degree without a rule": ({"pde": {"degree": 3}}, ("[pde] degree = 3", "use one of 2, 4, 6, 8")),
}

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
