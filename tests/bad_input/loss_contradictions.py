"""Keys of [training] that contradict each other or the data: losses, weights and differential operators."""

from typing import Any

LOSS_CONTRADICTIONS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "sobolev loss without an order": (
        {"training": {"loss": "sobolev"}},
        ('[training] loss = "sobolev" needs order, for example order = -1',),
    ),
    "order of the mean square": (
        {"training": {"order": 1.0}},
        ('[training] order = 1.0 is for loss = "sobolev"', "add it, or leave order out"),
    ),
    "batch against weights": (
        {"training": {"integrator": "sgd", "batch": 8, "weights": "density"}},
        ('[training] batch = 8 needs loss = "mean-square" and weights = "equal"', "leave batch out, or use this loss"),
    ),
    "boundary without an operator": (
        {"training": {"boundary": 0.0}},
        ("[training] boundary = 0.0 is for a loss with operator", "leave boundary out"),
    ),
    "boundary weight without a boundary": (
        {"training": {"operator": "-laplace", "boundary_weight": "ntk"}},
        ("[training] boundary_weight = 'ntk' is for a loss with boundary", "leave boundary_weight out"),
    ),
    "boundary points of a file": (
        {"training": {"operator": "-laplace", "boundary": "data/line.npy", "boundary_points": 4}},
        ("[training] boundary_points = 4 contradicts boundary = 'data/line.npy'", "leave boundary_points out"),
    ),
    "boundary file that is missing": (
        {"training": {"operator": "-laplace", "boundary": "data/none.csv"}},
        ("[training] boundary = 'data/none.csv': no such file", "give a path relative to the run file"),
    ),
    "operator against the loss": (
        {"training": {"operator": "-laplace", "loss": "sobolev", "order": 1.0}},
        ("[training] loss = 'sobolev' contradicts operator", "leave loss or operator out"),
    ),
    "operator against precision": (
        {"training": {"operator": "-laplace", "precision": "single"}},
        ('[training] precision = "single" contradicts operator', 'use precision = "double"'),
    ),
    "operator with gauss-newton": (
        {"training": {"operator": "-laplace", "integrator": "gauss-newton"}},
        ('[training] integrator = "gauss-newton" contradicts operator', "use another integrator"),
    ),
    "operator on another axis": (
        {"training": {"operator": "dxx + dyy"}},
        ("[training] operator", "contains dyy, but the data have 1 dimension(s)", "use x"),
    ),
    "operator of high order": (
        {
            "training": {"operator": {"dxxxx": 1.0, "laplace": 0.0}, "rates": {"frequencies": 1.0}},
            "density": {"kind": "student-t", "sigma": 2.0, "freedom": 5.0},
        },
        ("[training] operator", "StudentT falls as |xi|^-6", "need a power above 9", "use a [density]"),
    ),
    "operator of a relu network": (
        {"training": {"operator": "-laplace"}, "network": {"depth": 3, "activation": "relu"}},
        ("[training] operator", "the derivatives of a relu network jump", "use [network] depth = 2"),
    ),
    "operator of a deep network": (
        {"training": {"operator": "-laplace"}, "network": {"depth": 3, "activation": "sine"}},
        ("[training] operator", "is for networks with two layers, but [network] depth = 3", "use depth = 2"),
    ),
    "coefficient beyond the limits": (
        {"training": {"operator": "1e-320 laplace"}},
        ("the coefficient of laplace is", "must lie between 1e-12 and 1e+12", "use other units"),
    ),
    "boundary points in one dimension": (
        {"training": {"operator": "-laplace", "boundary": 0.0, "boundary_points": 5}},
        ("[training] boundary_points = 5 has no meaning in one dimension", "leave boundary_points out"),
    ),
    "NTK weights of a deep network": (
        {
            "training": {"operator": "-laplace", "boundary": 0.0, "boundary_weight": "ntk"},
            "network": {"depth": 3, "activation": "sine"},
        },
        ("[training] operator", "is for networks with two layers, but [network] depth = 3", "use depth = 2"),
    ),
    "density too wide for the operator": (
        {"training": {"operator": "-laplace", "boundary": 0.0, "boundary_weight": "ntk"}, "density": {"sigma": 1e7}},
        ("needs more than 4,194,304 frequencies", "use a [density] that is narrower or smoother"),
    ),
    "operator against the local operator": (
        {"training": {"operator": "-laplace"}, "pde": {"operator": "local"}},
        ('[training] operator needs [pde] operator = "data"', "leave [training] operator out"),
    ),
    "operator against standardised values": (
        {"training": {"operator": "-laplace"}, "data": {"standardize": True}},
        ("[data] standardize = True is for networks that learn the values of [data]", "leave one of the two out"),
    ),
    "no file of weights": (
        {"training": {"weights": "none.npy"}},
        ("[training] weights = 'none.npy': no such file", "give a path relative to the run file"),
    ),
    "weights of an unknown format": (
        {"training": {"weights": "data/late.nc"}},
        ("[training] weights = ", "cannot read .nc; use one of .csv"),
    ),
    "weights of other points": (
        {"training": {"weights": "data/sample.npy"}},
        ("[training] weights = ", "sample.npy has", "but the samples have 64", "give one number for each sample"),
    ),
    "weights of 0": (
        {"training": {"weights": "data/weights_0.npy"}},
        ("weights_0.npy': 1 weight is not positive and finite, the first 0, number 4 in the file; give positive",),
    ),
    "weights that are not finite": (
        {"training": {"weights": "data/weights_nan.npy", "loss": "sobolev", "order": 1.0}},
        ("weights_nan.npy': 64 weights are not positive and finite, the first nan, number 1 in the file; give",),
    ),
    "weights beyond rounding": (
        {"training": {"weights": "data/weights_huge.npy"}},
        (
            "[training] weights = ",
            "the largest weight of a sample is 1.0e+13 times the smallest",
            "use weights whose ratio is at most 1e+12",
        ),
    ),
    "weights of other rows": (
        {
            "data": {"file": "table.csv", "layout": "scattered", "dimension": 1},
            "training": {"weights": "data/weights_0.npy"},
        },
        ("weights_0.npy has 64 weights, but the data file has ", "give one weight for each row"),
    ),
    "two columns of weights": (
        {
            "data": {"file": "table.csv", "layout": "scattered", "dimension": 1},
            "training": {"weights": "data/table.csv"},
        },
        ("table.csv has ", "give one column of weights"),
    ),
    "batch against a file of weights": (
        {"training": {"integrator": "sgd", "batch": 8, "weights": "data/weights_0.npy"}},
        ('[training] batch = 8 needs loss = "mean-square" and weights = "equal"', "leave batch out, or use this loss"),
    ),
    "cutoff of the mean square": (
        {"training": {"cutoff": 3.0}},
        ('[training] cutoff = 3.0 is for loss = "sobolev"', "add it, or leave cutoff out"),
    ),
    "cutoff below the first frequency": (
        {"training": {"loss": "sobolev", "order": 1.0, "cutoff": 0.5}},
        ("[training] cutoff = 0.5 leaves no frequency but 0; use at least 1, that of one period",),
    ),
    "cutoff against the local operator": (
        {"training": {"loss": "sobolev", "order": 1.0, "cutoff": 3.0}, "pde": {"operator": "local"}},
        ('[training] cutoff = 3.0 contradicts [pde] operator = "local"', 'use operator = "data", or leave cutoff out'),
    ),
    "period of the mean square": (
        {"training": {"period": 3.0}},
        ('[training] period = 3.0 is for loss = "sobolev" or weights = "density"', "add one, or leave period out"),
    ),
    "period of a grid": (
        {"training": {"loss": "sobolev", "order": 1.0, "period": 3.0}},
        ("[training] period is for scattered samples; leave it out, because the period of a grid is its extent",),
    ),
    "period below the width": (
        {
            "data": {"file": "table.csv", "layout": "scattered", "dimension": 1},
            "training": {"loss": "sobolev", "order": 1.0, "period": 1e-3},
        },
        ("[training] period = [0.001]; give a number for each axis, at least the width of the samples",),
    ),
    "weights against the local operator": (
        {"training": {"weights": "data/weights_0.npy"}, "pde": {"operator": "local"}},
        ('weights_0.npy\' contradicts [pde] operator = "local"', 'use operator = "data", or leave weights out'),
    ),
}
