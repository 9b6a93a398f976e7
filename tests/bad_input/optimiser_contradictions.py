"""Keys of [training] that contradict each other: integrators, steps and learning rates."""

from typing import Any

DESCENT = {"integrator": "gradient-descent", "step": 0.1}

OPTIMISER_CONTRADICTIONS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
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
}
