"""The mathematical statement: densities, laws, data, the draw of a network, the run file, and the records that
travel."""

from problem.build import build
from problem.densities import Ball, Density, Gaussian, Uniform
from problem.draw import Neurons, draw
from problem.errors import ComputationError, InputError
from problem.fourier import SIGN, phase, transform
from problem.grid import Grid
from problem.laws import Law, Laws, Scaled, two_layer
from problem.records import ErrorHistory, Problem, Spectrum, canonical_order
from problem.runfile import RunFile, every_stage_keys, load, parse, resolved, stage_keys
from problem.samples import Samples, area_average, waves
from problem.settings import Mesh, Network, Pde, Training

__all__ = [
    "SIGN",
    "Ball",
    "ComputationError",
    "Density",
    "ErrorHistory",
    "Gaussian",
    "Grid",
    "InputError",
    "Law",
    "Laws",
    "Mesh",
    "Network",
    "Neurons",
    "Pde",
    "Problem",
    "RunFile",
    "Samples",
    "Scaled",
    "Spectrum",
    "Training",
    "Uniform",
    "area_average",
    "build",
    "canonical_order",
    "draw",
    "every_stage_keys",
    "load",
    "parse",
    "phase",
    "resolved",
    "stage_keys",
    "transform",
    "two_layer",
    "waves",
]
