"""For each key of the run file: a change of it, and the stages that must be computed again."""

STAGES = ("mesh", "pde", "nn", "ntk", "compare")
ALL = set(STAGES)
VALUES = {"pde", "nn", "ntk", "compare"}  # stages that depend on the sample values or the output times
SOLVER = {"pde", "compare"}
MESH = {"mesh", "pde", "compare"}
NETWORK = {"nn", "ntk", "compare"}
TRAINED = {"nn", "compare"}  # the predicted training (ntk) does not depend on these

STEPPING = {"pde": {"integrator": "crank-nicolson"}}
DESCENT = {"training": {"integrator": "gradient-descent", "step": 0.1}}
MOMENTUM = {"training": {"integrator": "momentum"}}
DECAY = {"training": {"decay": 0.1}}
DROPS = {"training": DESCENT["training"] | {"rate_schedule": "steps", "milestones": [0.6]}}
GAUSS_NEWTON = {"training": {"integrator": "gauss-newton"}}
SOBOLEV = {"training": {"loss": "sobolev", "order": 1.0}}
POISSON = {"training": {"operator": "-laplace", "precision": "double", "boundary": 0.0}}
DEEP = {"network": {"depth": 3}}
SIREN = {"network": {"omega_0": 10.0, "symmetric": True}}
OWN_START = {"network": {"symmetric": False}}
UNIFORM = {"density": {"kind": "uniform", "radius": 2.0, "sigma": None}}
BALL = {"density": {"kind": "ball", "radius": 2.0, "sigma": None}}
ANNULUS = {"density": {"kind": "annulus", "inner": 1.0, "radius": 2.0, "sigma": None}}
LAPLACE = {"density": {"kind": "laplace", "scale": 2.0, "sigma": None}}
STUDENT_T = {"density": {"kind": "student-t", "sigma": 2.0, "freedom": 5.0}}
TABLE = {"density": {"kind": "table", "path": "a.npz", "half_width": 2.0, "sigma": None}}
OCTAVES = {"density": {"kind": "octaves", "scale": 0.5, "count": 3, "sigma": None}}
POINTS = {"density": {"kind": "points", "path": "a.npz", "sigma": None}}
POINT_TEXT = {"density": POINTS["density"] | {"path": "a.csv"}}
TEXT = {"density": TABLE["density"] | {"path": "a.csv"}}
RAW = {"density": TABLE["density"] | {"path": "a.dat"}}
PARTS = [{"kind": "ball", "radius": 2.0}, {"kind": "gaussian", "sigma": 1.0}]
MIXTURE = {"density": {"kind": "mixture", "weights": [1.0, 2.0], "parts": PARTS, "sigma": None}}
PART = {"kind": "table", "path": "a.npz", "half_width": 2.0}
PLANE = {"data": {"dimension": 2, "frequencies": [[3.0, 0.0]]}}
FILE = {"kind": "file", "path": "a.npz"}
STATIONS = {"kind": "file", "path": "a.csv", "layout": "scattered", "dimension": 1}

# key: (change that makes the base, change of the key, stages that must be computed again)
ROWS = {
    "name": ({}, {"name": "other"}, set()),
    "seed": ({}, {"seed": 4}, NETWORK),
    "unit": ({}, {"unit": "km"}, {"compare"}),
    "density.gaussian.kind": ({}, UNIFORM, ALL),
    "density.gaussian.sigma": ({}, {"density": {"sigma": 4.5}}, ALL),
    "density.uniform.kind": (UNIFORM, BALL, ALL),
    "density.uniform.radius": (UNIFORM, {"density": UNIFORM["density"] | {"radius": 2.5}}, ALL),
    "density.ball.kind": (BALL, UNIFORM, ALL),
    "density.ball.radius": (BALL, {"density": BALL["density"] | {"radius": 2.5}}, ALL),
    "density.annulus.kind": (ANNULUS, {"density": BALL["density"] | {"inner": None}}, ALL),
    "density.annulus.inner": (ANNULUS, {"density": {"inner": 1.5}}, ALL),
    "density.annulus.radius": (ANNULUS, {"density": {"radius": 2.5}}, ALL),
    "density.laplace.kind": (LAPLACE, {"density": {"kind": "gaussian", "sigma": 2.0, "scale": None}}, ALL),
    "density.laplace.scale": (LAPLACE, {"density": {"scale": 2.5}}, ALL),
    "density.student-t.kind": (STUDENT_T, {"density": {"kind": "gaussian", "freedom": None}}, ALL),
    "density.student-t.sigma": (STUDENT_T, {"density": {"sigma": 2.5}}, ALL),
    "density.student-t.freedom": (STUDENT_T, {"density": {"freedom": 5.5}}, ALL),
    "density.table.kind": ({}, TABLE, ALL),
    "density.table.path": (TABLE, {"density": {"path": "other.npz"}}, ALL),
    "density.table.key": (TABLE, {"density": {"key": "a"}}, ALL),
    "density.table.dtype": (RAW, {"density": {"dtype": "int16"}}, ALL),
    "density.table.half_width": (TABLE, {"density": {"half_width": [2.5]}}, ALL),
    "density.table.columns": (TEXT, {"density": {"columns": [1]}}, ALL),
    "density.table.delimiter": (TEXT, {"density": {"delimiter": ","}}, ALL),
    "density.table.decimal": (TEXT, {"density": {"decimal": "."}}, ALL),
    "density.octaves.kind": ({}, OCTAVES, ALL),
    "density.octaves.scale": (OCTAVES, {"density": {"scale": 0.6}}, ALL),
    "density.octaves.count": (OCTAVES, {"density": {"count": 4}}, ALL),
    "density.octaves.directions": (OCTAVES, {"density": {"directions": "all"}}, ALL),
    "density.points.kind": ({}, POINTS, ALL),
    "density.points.path": (POINTS, {"density": {"path": "other.npz"}}, ALL),
    "density.points.key": (POINTS, {"density": {"key": "a"}}, ALL),
    "density.points.columns": (POINT_TEXT, {"density": {"columns": [1]}}, ALL),
    "density.points.delimiter": (POINT_TEXT, {"density": {"delimiter": ","}}, ALL),
    "density.points.decimal": (POINT_TEXT, {"density": {"decimal": "."}}, ALL),
    "density.mixture.kind": ({}, MIXTURE, ALL),
    "density.mixture.weights": (MIXTURE, {"density": {"weights": [2.0, 1.0]}}, ALL),
    "density.mixture.parts": (MIXTURE, {"density": {"parts": [PARTS[0], PARTS[0]]}}, ALL),
    "data.waves.kind": ({}, {"data": FILE}, ALL),
    "data.waves.dimension": ({}, PLANE, ALL),
    "data.waves.points": ({}, {"data": {"points": 65}}, ALL),
    "data.waves.extent": ({}, {"data": {"extent": 1.5}}, ALL),
    "data.waves.frequencies": ({}, {"data": {"frequencies": [[4.0]]}}, VALUES),
    "data.waves.window": ({}, {"data": {"window": None}}, VALUES),
    "data.waves.standardize": ({}, {"data": {"standardize": True}}, VALUES),
    "data.waves.held_out": ({}, {"data": {"held_out": 0.2}}, ALL),
    "data.waves.noise": ({}, {"data": {"noise": 0.1}}, VALUES),
    "data.waves.predict_at": ({}, {"data": {"predict_at": "a.csv"}}, ALL),
    "data.waves.predict_points": ({}, {"data": {"predict_points": 40}}, ALL),
    "data.file.kind": ({"data": FILE}, {"data": {}}, ALL),
    "data.file.path": ({"data": FILE}, {"data": FILE | {"path": "other.npz"}}, ALL),
    "data.file.dimension": ({"data": FILE}, {"data": FILE | {"dimension": 1}}, ALL),
    "data.file.points": ({"data": FILE}, {"data": FILE | {"points": 3}}, ALL),
    "data.file.extent": ({"data": FILE}, {"data": FILE | {"extent": 2.0}}, ALL),
    "data.file.spacing": ({"data": FILE}, {"data": FILE | {"spacing": 2.0}}, ALL),
    "data.file.standardize": ({"data": FILE}, {"data": FILE | {"standardize": True}}, VALUES),
    "data.file.held_out": ({"data": FILE}, {"data": FILE | {"held_out": 0.2}}, ALL),
    "data.file.noise": ({"data": FILE}, {"data": FILE | {"noise": 0.1}}, VALUES),
    "data.file.noise_level": ({"data": FILE}, {"data": FILE | {"noise_level": 0.1}}, {"ntk", "compare"}),
    "data.file.predict_at": ({"data": FILE}, {"data": FILE | {"predict_at": "a.csv"}}, ALL),
    "data.file.predict_points": ({"data": FILE}, {"data": FILE | {"predict_points": 40}}, ALL),
    "data.file.key": ({"data": FILE}, {"data": FILE | {"key": "a"}}, ALL),
    "data.file.dtype": ({"data": FILE | {"path": "a.dat"}}, {"data": FILE | {"path": "a.dat", "dtype": "int16"}}, ALL),
    "data.file.layout": (
        {"data": FILE | {"dimension": 1}},
        {"data": FILE | {"dimension": 1, "layout": "scattered"}},
        ALL,
    ),
    "data.file.columns": ({"data": STATIONS}, {"data": STATIONS | {"columns": [2, 1]}}, ALL),
    "data.file.delimiter": ({"data": STATIONS}, {"data": STATIONS | {"delimiter": ","}}, ALL),
    "data.file.decimal": ({"data": STATIONS}, {"data": STATIONS | {"decimal": "."}}, ALL),
    "data.file.missing": ({"data": STATIONS}, {"data": STATIONS | {"missing": "drop"}}, ALL),
    "data.file.center": ({"data": STATIONS}, {"data": STATIONS | {"center": True}}, ALL),
    "network.width": ({}, {"network": {"width": 66}}, NETWORK),
    "network.sigma_a": ({}, {"network": {"sigma_a": 1.1}}, ALL),
    "network.sampling": ({}, {"network": {"sampling": "sobol"}}, NETWORK),
    "network.symmetric": ({}, {"network": {"symmetric": False}}, VALUES),
    "network.diagonal": ({}, {"network": {"diagonal": True}}, ALL),
    "network.depth": ({}, {"network": {"depth": 3}}, ALL),
    "network.hidden_width": (DEEP, {"network": {"hidden_width": 32}}, NETWORK),
    "network.activation": (DEEP, {"network": {"activation": "sine"}}, ALL),
    "network.bias": (DEEP, {"network": {"bias": 1.0}}, ALL),
    "network.omega_0": (SIREN, {"network": {"omega_0": 20.0}}, ALL),
    "time.end": ({}, {"time": {"end": 6.0}}, ALL),
    "time.outputs": ({}, {"time": {"outputs": 6}}, VALUES),
    "time.times": ({}, {"time": {"times": [1.0, 5.0], "outputs": None}}, VALUES),
    "mesh.half_width": ({}, {"mesh": {"half_width": 9.0}}, MESH),
    "mesh.size": ({}, {"mesh": {"size": 0.1}}, MESH),
    "mesh.path": ({}, {"mesh": {"path": "a.npz"}}, MESH),  # only the content of the file matters here
    "mesh.adaptive": ({}, {"mesh": {"adaptive": True}}, MESH),
    "pde.operator": ({}, {"pde": {"operator": "local"}}, MESH),
    "pde.integrator": ({}, STEPPING, SOLVER),
    "pde.dynamics": (DESCENT, {"pde": {"dynamics": "gradient-descent"}}, SOLVER),
    "pde.initial": ({}, {"pde": {"initial": "target"}}, set()),  # the meaning of "auto" for this network
    "pde.step": (STEPPING, {"pde": STEPPING["pde"] | {"step": 0.1}}, SOLVER),
    "pde.degree": ({}, {"pde": {"degree": 4}}, MESH),
    "pde.tolerance": ({}, {"pde": {"tolerance": 1e-2}}, ALL),
    "pde.device": ({}, {"pde": {"device": "cuda"}}, SOLVER),
    "pde.fields": ({}, {"pde": {"fields": False}}, SOLVER),
    "training.integrator": ({}, {"training": {"integrator": "heun"}}, NETWORK),
    "training.damping": (GAUSS_NEWTON, {"training": GAUSS_NEWTON["training"] | {"damping": 0.01}}, ALL),
    "training.momentum": (MOMENTUM, {"training": MOMENTUM["training"] | {"momentum": 0.5}}, NETWORK),
    "training.nesterov": (MOMENTUM, {"training": MOMENTUM["training"] | {"nesterov": True}}, NETWORK),
    "training.batch": (MOMENTUM, {"training": MOMENTUM["training"] | {"batch": 8}}, TRAINED),
    "training.loss": ({}, {"training": {"loss": "sobolev", "order": 1.0}}, ALL),
    "training.order": (SOBOLEV, {"training": {"loss": "sobolev", "order": 2.0}}, ALL),
    "training.cutoff": (SOBOLEV, {"training": SOBOLEV["training"] | {"cutoff": 3.0}}, ALL),
    "training.weights": ({}, {"training": {"weights": "density"}}, ALL),
    "training.period": (SOBOLEV, {"training": SOBOLEV["training"] | {"period": 2.0}}, ALL),
    "training.decay": ({}, {"training": {"decay": 0.1}}, NETWORK | SOLVER),
    "training.decay_towards": (DECAY, {"training": DECAY["training"] | {"decay_towards": "zero"}}, TRAINED),
    "training.operator": ({}, {"training": POISSON["training"] | {"boundary": None}}, ALL),
    "training.boundary": (POISSON, {"training": POISSON["training"] | {"boundary": 1.0}}, ALL),
    "training.boundary_points": (POISSON, {"training": POISSON["training"] | {"boundary_points": 4}}, ALL),
    "training.boundary_weight": (POISSON, {"training": POISSON["training"] | {"boundary_weight": "ntk"}}, ALL),
    "training.rates": ({}, {"training": {"rates": {"frequencies": 0.0}}}, ALL),
    "training.step": ({}, {"training": {"step": 0.1}}, NETWORK),
    "training.rate_schedule": (DESCENT, {"training": DESCENT["training"] | {"rate_schedule": "cosine"}}, NETWORK),
    "training.warm_up": (DESCENT, {"training": DESCENT["training"] | {"warm_up": 0.1}}, NETWORK),
    "training.milestones": (DROPS, {"training": DROPS["training"] | {"milestones": [0.5]}}, NETWORK),
    "training.rate_factor": (DROPS, {"training": DROPS["training"] | {"rate_factor": 0.5}}, NETWORK),
    "training.tolerance": ({}, {"training": {"tolerance": 1e-2}}, NETWORK),
    "training.precision": ({}, {"training": {"precision": "double"}}, TRAINED),
    "training.device": ({}, {"training": {"device": "cpu"}}, TRAINED),
    "training.backend": ({}, {"training": {"backend": "dense"}}, TRAINED),
    "training.checkpoint": ({}, {"training": {"checkpoint": 0.0}}, set()),
    "training.keep": ({}, {"training": {"keep": "outputs"}}, {"nn"}),
    "training.tensorboard": ({}, {"training": {"tensorboard": True}}, set()),
    "compare.projection": ({}, {"compare": {"projection": "l2"}}, {"compare"}),
    "compare.figures": ({}, {"compare": {"figures": False}}, {"compare"}),
    "design.families": ({}, {"design": {"families": ["ball"]}}, set()),
    "design.scale": ({}, {"design": {"scale": [1.0, 2.0]}}, set()),
    "design.scales": ({}, {"design": {"scales": 4}}, set()),
    "design.widths": ({}, {"design": {"widths": [4]}}, set()),
    "design.sigma_a": ({}, {"design": {"sigma_a": [4.0]}}, set()),
    "design.losses": ({}, {"design": {"losses": ["sobolev 1"]}}, set()),
    "design.optimisers": ({}, {"design": {"optimisers": ["momentum"]}}, set()),
    "design.steps": ({}, {"design": {"steps": [4]}}, set()),
    "design.times": ({}, {"design": {"times": [4.0]}}, set()),
    "design.step_factor": ({}, {"design": {"step_factor": 0.5}}, set()),
    "design.purpose": ({}, {"design": {"purpose": "balanced"}}, set()),
    "design.band": (
        {"design": {"purpose": "balanced"}},
        {"design": {"purpose": "balanced", "band": [0.0, 4.0]}},
        set(),
    ),
    "design.ratio": (
        {"design": {"purpose": "order", "ratio": 2.0}},
        {"design": {"purpose": "order", "ratio": 4.0}},
        set(),
    ),
    "design.criterion": ({}, {"design": {"criterion": "gcv"}}, set()),
    "design.draws": ({}, {"design": {"draws": 4}}, set()),
    "design.probes": ({}, {"design": {"probes": 4}}, set()),
    "sweep.stages": ({}, {"sweep": {"stages": ["nn"]}}, set()),
    "sweep.zip": ({}, {"sweep": {"zip": [["seed", "network.width"]]}}, set()),
    "sweep.include": ({}, {"sweep": {"include": [{"seed": 3}]}}, set()),
    "sweep.exclude": ({}, {"sweep": {"exclude": [{"seed": 3}]}}, set()),
}
MORE = [
    ("damped Gauss-Newton", {}, GAUSS_NEWTON, ALL),
    ("default damping given", GAUSS_NEWTON, {"training": {"integrator": "gauss-newton", "damping": 1e-3}}, set()),
    ("seed of the initial network in pde", OWN_START, {"seed": 4}, VALUES),
    ("width of SIREN", SIREN, {"network": {"width": 66}}, ALL),
    ("symmetry of SIREN", SIREN, {"network": {"symmetric": False}}, ALL),
    ("width of the initial network in pde", OWN_START, {"network": {"width": 66}}, VALUES),
    ("seed of held-out samples", {"data": {"held_out": 0.2}}, {"seed": 4}, ALL),
    ("file of initial errors", {}, {"pde": {"initial": "start.nc"}}, VALUES),
    ("other initial errors", {"pde": {"initial": "start.nc"}}, {"pde": {"initial": "other.nc"}}, VALUES),
    ("the same initial errors", {"pde": {"initial": "start.nc"}}, {"pde": {"initial": "same.nc"}}, set()),
    ("no initial network in pde", OWN_START | {"pde": {"initial": "start.nc"}}, {"seed": 4}, NETWORK),
    ("seed of the noise", {"data": {"noise": 0.1}}, {"seed": 4}, VALUES),
    ("separate training tolerance", {"training": {"tolerance": 1e-2}}, {"pde": {"tolerance": 1e-2}}, MESH),
    ("default training tolerance given", {}, {"training": {"tolerance": 1e-3}}, set()),
    ("rates of 1", {}, {"training": {"rates": {"frequencies": 1, "hidden": 1.0, "biases": 1.0}}}, set()),
    ("file of weights", {}, {"training": {"weights": "ones.npy"}}, ALL),
    ("other weights", {"training": {"weights": "ones.npy"}}, {"training": {"weights": "other.npy"}}, ALL),
    ("the same weights", {"training": {"weights": "ones.npy"}}, {"training": {"weights": "same.npy"}}, set()),
    ("last output time", {"time": {"times": [1.0, 5.0], "end": None, "outputs": None}},
     {"time": {"times": [1.0, 6.0], "end": None, "outputs": None}}, ALL),
]  # fmt: skip
