"""Valid run files of every kind, and the data files that they name."""

import copy
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from tests.problem.run_files import table

Tables = dict[str, Any]
DENSITIES: list[Tables] = [
    {"kind": "gaussian", "sigma": 4.0},
    {"kind": "uniform", "radius": 4.0},
    {"kind": "ball", "radius": 4.0},
    {"kind": "annulus", "inner": 2.0, "radius": 4.0},
    {"kind": "laplace", "scale": 3.0},
    {"kind": "student-t", "sigma": 4.0, "freedom": 5.0},
    {"kind": "mixture", "weights": [1.0, 2.0],
     "parts": [{"kind": "gaussian", "sigma": 4.0}, {"kind": "ball", "radius": 3.0}]},
    {"kind": "table", "path": "density.npy", "half_width": 4.0},
]  # fmt: skip
DATA: list[Tables] = [
    {"kind": "waves", "dimension": 1, "points": 64, "extent": 1.0, "frequencies": [[3.0]], "window": 0.2},
    {"kind": "waves", "dimension": 2, "points": [12, 10], "frequencies": [[2.0, 1.0]], "noise": 0.1},
    {"kind": "file", "path": "line.npy", "standardize": True},
    {"kind": "file", "path": "table.csv", "layout": "scattered", "dimension": 2, "columns": [1, 2, 3]},
]
OTHERS: dict[str, list[Tables]] = {
    "network": [{}, {"depth": 3, "hidden_width": 64, "activation": "sine"}, {"depth": 7, "hidden_width": 16},
                {"symmetric": False}, {"sampling": "sobol"}],
    "time": [{}, {"times": [0.5, 1.0, 4.0], "end": None, "outputs": None}],
    "mesh": [{}, {}, {"half_width": 12.0, "size": 1.0}],
    "pde": [{}, {"degree": 4, "tolerance": 1e-2}, {"operator": "local"}, {"integrator": "crank-nicolson", "step": 0.1}],
    "training": [{}, {"integrator": "sgd", "batch": 8, "step": 0.1}, {"integrator": "momentum", "step": 0.1},
                 {"precision": "double", "tolerance": 1e-4}],
    "compare": [{}, {"projection": "l2"}],
}  # fmt: skip


def write_data(folder: Path) -> None:
    """Write the data files of the valid run files."""
    line = np.linspace(-1, 1, 33)
    np.save(folder / "density.npy", 1 - line**2)
    np.save(folder / "line.npy", np.sin(9 * line))
    rows = np.random.default_rng(0).uniform(-0.5, 0.5, (40, 3))
    np.savetxt(folder / "table.csv", rows, delimiter=",", header="x,y,z", comments="")


def valid(random: Random) -> Tables:
    changes = {name: random.choice(choices) for name, choices in OTHERS.items()}
    changes["density"], changes["data"] = random.choice(DENSITIES), random.choice(DATA)
    sections = {name: copy.deepcopy(content) for name, content in changes.items()}
    replaced = {name: sections.pop(name) for name in ("density", "data")}
    return table(replace=True, **replaced) | {name: table(**sections)[name] for name in sections}
