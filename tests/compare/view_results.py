"""Small results with the stages pde and compare, for the tests of `freqbias view`."""

import numpy as np

from freqbias.compare import Comparison
from freqbias.numerics import Grid, transform
from freqbias.pde import write_fields
from freqbias.problem import Gaussian, Network, Problem, Spectrum, waves
from freqbias.runtime import Store
from tests.compare.build import CELL, box_mesh

WAVES = {1: [[3.0]], 2: [[1.0, 2.5]], 3: [[1.0, 2.0, -1.0]]}
TIMES = np.array([0.0, 1.0, 3.0])
DECAY = {"pde": 0.3, "nn": 0.5}


def solved(dimension: int, degree: int = 2) -> tuple[Problem, Spectrum, Comparison]:
    """A problem, its v = -F[f*] exp(-0.3 t), and the comparison with exp(-0.5 t)."""
    grid = Grid((10,) * dimension, (1.0,) * dimension)
    problem = Problem(Gaussian(2.0), waves(grid, WAVES[dimension], window=0.2), Network(width=10, sigma_a=1.0), TIMES)
    nodes, cells = box_mesh(5.0, (8,) * dimension, degree)
    v = transform(-problem.samples.values, grid.positions(), nodes)
    pde, nn = (v * np.exp(-rate * TIMES)[:, None, None] for rate in DECAY.values())
    facts = {"name": "test", "unit": "mm", "points": np.array(grid.shape), "extent": np.array(grid.extent)}
    facts["tolerance"] = 1e-4
    spectrum = Spectrum(TIMES, nodes, pde, cells, CELL[dimension], degree, facts)
    comparison = Comparison(TIMES, nodes, pde, nn, cells, CELL[dimension], degree, grid.nyquist, {})
    return problem, spectrum, comparison


def result(root, dimension: int, *, compared: bool = True) -> tuple[Store, Problem, Spectrum, Comparison]:
    """A result folder with the stage pde and, if `compared`, compare finished."""
    problem, spectrum, comparison = solved(dimension)
    store, xi = Store(root), spectrum.frequency
    laws = {name: getattr(problem.laws, name).value(xi) for name in ("damping", "diffusion")}
    with store.open("pde", keys={}) as stage:
        with stage.writing("spectrum.nc") as path:
            spectrum.save(path)
        with stage.writing("fields.pvd") as path:
            fields = laws | {"rho_w": problem.density.density(xi)}
            write_fields(path.parent, TIMES[:1], xi, spectrum.cells, spectrum.cell_type, fields)
        stage.finish()
    if compared:
        with store.open("compare", keys={}) as stage:
            with stage.writing("spectra.nc") as path:
                comparison.save(path)
            stage.finish(sources={"pde": store.manifest("pde")["files"]["spectrum.nc"]["sha256"]})
    return store, problem, spectrum, comparison
