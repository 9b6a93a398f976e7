"""Small sweeps for tests."""

import csv

import numpy as np

from freqbias.compare.sweep import run_sweep
from freqbias.problem import load_sweep
from freqbias.runtime import StopRequest

RUN = """
[density]
kind = "gaussian"
sigma = 4.0
[data]
kind = "waves"
dimension = 1
points = 32
extent = 1.0
frequencies = [[3.0]]
window = 0.2
[network]
width = 100
sigma_a = 1.0
[time]
times = [1.0, 4.0]
[pde]
tolerance = 1e-2
"""
AXES = ["density.sigma=3,6", "seed=0,1"]


def sweep_in(root, words, *, text=RUN, resume=False, overwrite=False, stages=(), share=(1, 1)):
    """Run a sweep in this process and return its folder."""
    path = root.parent / "my.toml"
    path.write_text(text)
    with StopRequest() as stop:
        return run_sweep(
            load_sweep(path, words, stages=stages),
            root,
            resume=resume,
            overwrite=overwrite,
            stop=stop,
            jobs=1,
            share=share,
        )


def metrics(folder):
    """The columns of metrics.csv."""
    with (folder / "compare" / "metrics.csv").open() as file:
        header, *rows = csv.reader(file)
    return dict(zip(header, np.array(rows, dtype=float).T, strict=True))
