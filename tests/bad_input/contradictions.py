"""Keys that contradict each other; those of [data] are in data_contradictions.py."""

from typing import Any

DESCENT = {"integrator": "gradient-descent", "step": 0.1}

# Changes to the valid run file, and the parts that the message must contain: keys, values, remedy.
CONTRADICTIONS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "a name of many bytes": (
        {"name": "ä" * 126},
        ("name = 'ää", "has 252 bytes; use at most 250"),
    ),
    "a unit with an unknown symbol": (
        {"unit": r"$\micro m$"},
        ("unit = '$\\\\micro m$' cannot be drawn", "correct the formula", r"write \$ for a dollar sign"),
    ),
    "a unit with a zero byte": ({"unit": "s\0"}, ("unit = 's\\x00' has characters that cannot be printed",)),
    "a unit with one dollar sign": ({"unit": "US$"}, ("unit = 'US$' cannot be drawn", r"write \$ for a dollar sign")),
    "odd width": ({"network": {"width": 63}}, ("[network] width = 63 is odd", "symmetric = true", "use an even width")),
    "odd hidden width": (
        {"network": {"depth": 3, "hidden_width": 63}},
        ("[network] hidden_width = 63 is odd", "symmetric = true", "use an even hidden_width"),
    ),
    "hidden width of two layers": (
        {"network": {"hidden_width": 64}},
        (
            "[network] hidden_width = 64 is for networks of depth 3 or more, but depth = 2",
            "use depth >= 3, or leave hidden_width out",
        ),
    ),
    "activation of two layers": (
        {"network": {"activation": "relu"}},
        (
            "[network] activation = 'relu' is for networks of depth 3 or more, but depth = 2",
            "use depth >= 3, or leave activation out",
        ),
    ),
    "biases of two layers": (
        {"network": {"bias": 0.5}},
        ("[network] bias = 0.5 is for networks of depth 3 or more, but depth = 2", "use depth >= 3, or leave bias out"),
    ),
    "own activation of SIREN": (
        {"network": {"omega_0": 30.0, "depth": 3, "activation": "relu"}},
        ("[network] activation = 'relu' contradicts omega_0 = 30.0", "leave activation or omega_0 out"),
    ),
    "diagonal layer of SIREN": (
        {"network": {"omega_0": 30.0, "diagonal": True}},
        ("[network] diagonal = true contradicts omega_0 = 30.0", "leave diagonal or omega_0 out"),
    ),
    "no density without omega_0": (
        {"density": None},
        ("[density] is missing", "expected a section [density] with a kind"),
    ),
    "diagonal layer of a deep network": (
        {"network": {"depth": 4, "diagonal": True}},
        ("[network] diagonal = true is for depth = 2 only, but depth = 4", "leave diagonal out, or use depth = 2"),
    ),
    "sigma_a = 0": (
        {"network": {"sigma_a": 0.0, "symmetric": False}},
        ("[network] sigma_a = 0 needs symmetric = true", "use symmetric = true"),
    ),
    "no time": (
        {"time": {"end": None}},
        ("[time] end is missing", "give either end, with or without outputs, or times"),
    ),
    "outputs against times": (
        {"time": {"times": [1.0, 5.0]}},
        ("[time] outputs = 5 contradicts times = [1.0, 5.0]", "give only one of them"),
    ),
    "times that do not increase": (
        {"time": {"times": [1.0, 1.0, 5.0], "outputs": None}},
        ("[time] times = [1.0, 1.0, 5.0] do not increase", "sort them and remove repeated times"),
    ),
    "times that differ by rounding": (
        {"time": {"times": [1.0, 1.0000000000000002, 5.0], "outputs": None}},
        ("[time] times = [1.0, 1.0000000000000002, 5.0] do not increase", "sort them and remove repeated times"),
    ),
    "end against times": (
        {"time": {"times": [1.0, 4.0], "outputs": None}},
        ("[time] end = 5.0 contradicts the last entry of times, 4.0", "leave end out"),
    ),
    "size against half_width": (
        {"mesh": {"size": 3.0, "half_width": 2.0}},
        ("[mesh] size = 3.0 is larger than half_width = 2.0", "use smaller elements"),
    ),
    "step against lanczos": ({"pde": {"step": 0.1}}, ("[pde] step = 0.1", 'integrator = "lanczos"', "leave step out")),
    "step against adaptive": (
        {"pde": {"integrator": "adaptive", "step": 0.1}},
        ("[pde] step = 0.1", 'integrator = "adaptive"', "leave step out"),
    ),
    "gradient descent against integrator": (
        {"pde": {"dynamics": "gradient-descent", "integrator": "adaptive"}, "training": DESCENT},
        (
            '[pde] dynamics = "gradient-descent" needs',
            'integrator = "adaptive"',
            'use these values, or dynamics = "flow"',
        ),
    ),
    "gradient descent against the training": (
        {"pde": {"dynamics": "gradient-descent"}, "training": {"integrator": "rk4", "step": 0.1}},
        ('[pde] dynamics = "gradient-descent" takes its step size from [training] step', "give step a number"),
    ),
    "gradient descent of another step": (
        {"pde": {"dynamics": "gradient-descent", "step": 0.2}, "training": DESCENT},
        ("with step = 0.2 contradicts [training]", "with step = 0.1", "leave [pde] step out"),
    ),
    "damping without gauss-newton": (
        {"training": {"damping": 0.01}},
        ("[training] damping = 0.01", 'is for integrator = "gauss-newton", not "rk4"', "leave damping out"),
    ),
    "gauss-newton with a step of 2": (
        {"training": {"integrator": "gauss-newton", "step": 2.0}},
        ('[training] step = 2.0 is too long for integrator = "gauss-newton"', "use a step below 2"),
    ),
    "gauss-newton against precision": (
        {"training": {"integrator": "gauss-newton", "damping": 1e-5, "tolerance": 1e-3}},
        ("[training] tolerance = 0.001 is below 1e-01", 'precision = "single"', 'use precision = "double"'),
    ),
    "gauss-newton against the local operator": (
        {"training": {"integrator": "gauss-newton"}, "pde": {"operator": "local"}},
        ('[training] integrator = "gauss-newton" needs [pde] operator = "data"', "another integrator of the training"),
    ),
    "momentum without momentum": (
        {"training": {"momentum": 0.5}},
        ("[training] momentum = 0.5", 'is for integrator = "momentum", not "rk4"', "leave momentum out"),
    ),
    "Nesterov without momentum": (
        {"training": {"nesterov": True}},
        ('[training] nesterov = true is for integrator = "momentum", not "rk4"', "leave nesterov out"),
    ),
    "decay with adam": (
        {"training": {"integrator": "adam", "step": 0.1, "decay": 0.1}},
        ('[training] decay = 0.1 is not for integrator = "adam"', "leave decay out"),
    ),
    "decay with gauss-newton": (
        {"training": {"integrator": "gauss-newton", "decay": 0.1}},
        ('[training] decay = 0.1 is not for integrator = "gauss-newton"', "leave decay out"),
    ),
    "a centre without decay": (
        {"training": {"decay_towards": "zero"}},
        ('[training] decay_towards = "zero" needs decay', "decay = 0.001", "leave it out"),
    ),
    "decay against the integrator": (
        {"training": {"decay": 0.1}, "pde": {"integrator": "adaptive"}},
        ('[training] decay = 0.1 needs [pde] integrator = "lanczos"', "use it, or leave decay out"),
    ),
    "rate schedule of steps that follow their error": (
        {"training": {"rate_schedule": "cosine"}},
        (
            '[training] rate_schedule = "cosine" is for "gradient-descent"',
            'integrator = "rk4"',
            "leave rate_schedule out",
        ),
    ),
    "warm-up without a step": (
        {"training": {"integrator": "momentum", "warm_up": 0.1}},
        ("[training] warm_up = 0.1 needs a number for step", "the largest step"),
    ),
    "steps without milestones": (
        {"training": DESCENT | {"rate_schedule": "steps"}},
        ('[training] rate_schedule = "steps" needs milestones', "milestones = [0.5, 0.75]"),
    ),
    "milestones without steps": (
        {"training": DESCENT | {"milestones": [0.5]}},
        ('[training] milestones = [0.5] are for rate_schedule = "steps"', "leave milestones out"),
    ),
    "milestones during the warm-up": (
        {"training": DESCENT | {"rate_schedule": "steps", "milestones": [0.2, 0.5], "warm_up": 0.3}},
        ("[training] milestones = [0.2, 0.5] do not increase from warm_up = 0.3", "between warm_up and 1"),
    ),
    "rate factor without steps": (
        {"training": DESCENT | {"rate_factor": 0.5}},
        ('[training] rate_factor = 0.5 is for rate_schedule = "steps"', "leave rate_factor out"),
    ),
    "a rate schedule of the equation's steps": (
        {"pde": {"dynamics": "gradient-descent"}, "training": DESCENT | {"rate_schedule": "cosine"}},
        (
            '[pde] dynamics = "gradient-descent" has steps of one size',
            'rate_schedule = "constant"',
            'dynamics = "flow"',
        ),
    ),
    "times of optimisers": (
        {"design": {"times": [1.0], "optimisers": ["momentum"]}},
        ("[design] optimisers = ['momentum'] take steps, but times = [1.0]", "leave one out"),
    ),
    "losses by cross-validation": (
        {"design": {"criterion": "gcv", "losses": ["sobolev 1"]}},
        ("[design] losses = ['sobolev 1'] need criterion = \"held-out\" and held-out samples", "use them"),
    ),
    "sgd without batch": (
        {"training": {"integrator": "sgd"}},
        ('[training] integrator = "sgd" needs batch', "add for example batch = 256"),
    ),
    "batch of all samples": (
        {"training": {"integrator": "heun", "batch": 8}},
        (
            '[training] batch = 8 is for "sgd", "momentum" or "adam"',
            'integrator = "heun" uses all samples in every step',
            "leave batch out",
        ),
    ),
    "adam without step": (
        {"training": {"integrator": "adam"}},
        ('[training] integrator = "adam" needs a number for step, the learning rate', "add for example step = 0.001"),
    ),
    "rate of biases": (
        {"training": {"rates": {"biases": 0.5}}},
        ("[training] rates = { biases = 0.5 }: the network has no biases", "[network] bias adds", "leave biases out"),
    ),
    "rate of hidden layers of two layers": (
        {"training": {"rates": {"frequencies": 0.0, "hidden": 2.0}}},
        (
            "[training] rates = { frequencies = 0.0, hidden = 2.0 }",
            "depth = 2 and diagonal = false has no hidden layer",
            "leave hidden out",
        ),
    ),
    "nothing is trained": (
        {"training": {"rates": {"frequencies": 0.0, "output": 0.0}}},
        ("[training] rates = { frequencies = 0.0, output = 0.0 } trains nothing", "give a group a rate above 0"),
    ),
    "output weights of 0 are frozen": (
        {"network": {"sigma_a": 0.0}, "training": {"rates": {"output": 0.0}}},
        (
            "[training] rates = { output = 0.0 } freezes the output weights",
            "[network] sigma_a = 0",
            "use output > 0 or sigma_a > 0",
        ),
    ),
    "tolerance against precision": (
        {"training": {"tolerance": 1e-6}},
        ("[training] tolerance = 1e-06", 'precision = "single"', 'use precision = "double"'),
    ),
    "tolerance of the equation against precision": (
        {"pde": {"tolerance": 1e-6}},
        ("[pde] tolerance = 1e-06", 'precision = "single"', 'use [training] precision = "double"'),
    ),
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
    "operator against the local operator": (
        {"training": {"operator": "-laplace"}, "pde": {"operator": "local"}},
        ('[training] operator needs [pde] operator = "data"', "leave [training] operator out"),
    ),
    "operator against standardised values": (
        {"training": {"operator": "-laplace"}, "data": {"standardize": True}},
        ("[data] standardize = True is for networks that learn the values of [data]", "leave one of the two out"),
    ),
    "operator against held-out samples": (
        {"training": {"operator": "-laplace"}, "data": {"held_out": 0.2}},
        ("[data] held_out = 0.2 is for networks that learn the values of [data]", "leave one of the two out"),
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
    "held-out samples against the local operator": (
        {"data": {"held_out": 0.2}, "pde": {"operator": "local"}},
        ("[data] held_out = 0.2 makes the training samples scattered", 'use operator = "data", or leave held_out out'),
    ),
    "held-out samples against separable sums": (
        {"data": {"held_out": 0.2}, "training": {"backend": "separable"}},
        ("[data] held_out = 0.2 makes the training samples scattered", 'use backend = "auto", or leave held_out out'),
    ),
    "too few samples held out": (
        {"data": {"held_out": 0.01}},
        ("[data] held_out = 0.01: 1 sample of 64 would be left for the held-out error; at least 2",),
    ),
    "noise beyond measure": (
        {"data": {"noise": 1e12}},
        ("[data] noise = 1000000000000.0: samples: the largest magnitude is", "choose units in which it lies"),
    ),
    "a CPU's backend on a GPU": (
        {"training": {"backend": "nufft", "device": "cuda:0"}},
        ('[training] backend = "nufft" contradicts device = "cuda:0"', "leave one of the two keys out"),
    ),
    "a GPU's backend on the CPU": (
        {"training": {"backend": "cufinufft", "device": "cpu"}},
        ('[training] backend = "cufinufft" contradicts device = "cpu"', "leave one of the two keys out"),
    ),
    "the local operator on a GPU": (
        {"pde": {"operator": "local", "device": "cuda"}},
        ('[pde] device = "cuda" is for operator = "data", not "local"', "leave device out"),
    ),
    "initial against symmetric": (
        {"pde": {"initial": "target"}, "network": {"symmetric": False}},
        ('[pde] initial = "target" contradicts [network] symmetric = false', 'use initial = "network"'),
    ),
    "initial error of held-out samples": (
        {"pde": {"initial": "data/late.nc"}, "data": {"held_out": 0.5}},
        ("[pde] initial = 'data/late.nc' gives the initial error on the", "held_out = 0.5", "leave held_out out"),
    ),
    "no file of initial errors": (
        {"pde": {"initial": "none.nc"}},
        ("[pde] initial = 'none.nc': no such file", "give a path relative to the run file"),
    ),
    "initial errors that are no netCDF": (
        {"pde": {"initial": "data/garbage.nc"}},
        ("[pde] initial = ", "garbage.nc: the file cannot be read as netCDF"),
    ),
    "initial errors that begin late": (
        {"pde": {"initial": "data/late.nc"}},
        ("[pde] initial = ", "late.nc'", "the errors begin at t = 1; give the errors at t = 0"),
    ),
    "initial errors of other samples": (
        {"pde": {"initial": "data/start.nc"}, "data": {"extent": 2.0}},
        ("[pde] initial = ", "start.nc'", "where the data of the run file have no sample", "own samples"),
    ),
    "initial errors of another number of channels": (
        {"pde": {"initial": "data/colour.nc"}},
        ("[pde] initial = ", "colour.nc'", "have 3 channels, but the data have 1"),
    ),
    "initial errors of 0": (
        {"pde": {"initial": "data/nothing.nc"}},
        ("[pde] initial = ", "nothing.nc'", "initial_error reaches 0", "lies between 1e-12 and 1e+12"),
    ),
}

# Contradictions that only the commands that make the mesh can detect.
MESH_CONTRADICTIONS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "point masses of the local operator": (
        {"density": {"kind": "octaves", "sigma": None, "scale": 1.0, "count": 4}, "pde": {"operator": "local"}},
        ('[pde] operator = "local": damping and diffusion are sums of point masses', 'use operator = "data"'),
    ),
    "local operator and a narrow density": (
        {"pde": {"operator": "local"}, "density": {"sigma": 1e-9}},
        ('[pde] operator = "local"', "half-width of only 3.03e-09", 'use operator = "data"'),
    ),
    "half_width and a narrow density": (
        {"mesh": {"half_width": 1e-8}, "density": {"sigma": 1e-9}},
        ("[mesh] half_width = 1e-08", "half-width of only 3.03e-09", "leave half_width out"),
    ),
    "a mesh file and a narrow density": (
        {"mesh": {"path": "data/garbage.msh"}, "density": {"sigma": 1e-9}},
        ("[mesh] path", "half-width of only 3.03e-09", "leave path out"),
    ),
    "local operator beyond the data": (
        {"pde": {"operator": "local"}, "density": {"sigma": 30.0}},
        ('[pde] operator = "local"', "points/(2 extent) = 32", 'use operator = "data"'),
    ),
    "half_width beyond the data": (
        {"pde": {"operator": "local"}, "mesh": {"half_width": 33.0}},
        ("[mesh] half_width is 33", "points/(2 extent) = 32", 'use operator = "data"'),
    ),
    "half_width smaller than the support": (
        {"mesh": {"half_width": 4.0}},
        ("[mesh] half_width = 4: the mesh leaves out 31.7 % of", "the mesh must cover about |xi_i| <= 10.3"),
    ),
    "a missing mesh file": ({"mesh": {"path": "no.vtu"}}, ("[mesh] path", "no.vtu", "no such file")),
    "a mesh file of another format": (
        {"mesh": {"path": "data/line.npy"}},
        ("[mesh] path", "meshio cannot read the file", ".vtu"),
    ),
    "a mesh file of garbage": (
        {"mesh": {"path": "data/garbage.msh"}},
        (
            "[mesh] path",
            "line 1 is not the start of a section, such as $MeshFormat, so this is not a mesh of Gmsh",
            ".vtu",
        ),
    ),
    "path and size": (
        {"mesh": {"path": "m.vtu", "size": 1.0}},
        ("[mesh] path = 'm.vtu' contradicts half_width and size", "leave half_width and size out"),
    ),
    "adaptive with the data operator": ({"mesh": {"adaptive": True}}, ("[mesh] adaptive = true", "leave adaptive out")),
    "local operator on scattered samples": (
        {
            "pde": {"operator": "local"},
            "data": {"file": "table.csv", "layout": "scattered", "dimension": 1},
        },
        ('[pde] operator = "local"', 'layout = "scattered"', 'use operator = "data"'),
    ),
    "degree without a rule": ({"pde": {"degree": 3}}, ("[pde] degree = 3", "use degree = 2 or 4 or 6 or 8")),
}
