"""Keys that contradict each other; those of [data] and [training] are in files of their own."""

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
    "times of optimisers": (
        {"design": {"times": [1.0], "optimisers": ["momentum"]}},
        ("[design] optimisers = ['momentum'] take steps, but times = [1.0]", "leave one out"),
    ),
    "losses by cross-validation": (
        {"design": {"criterion": "gcv", "losses": ["sobolev 1"]}},
        ("[design] losses = ['sobolev 1'] need criterion = \"held-out\" and held-out samples", "use them"),
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
