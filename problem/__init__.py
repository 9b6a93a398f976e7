"""The mathematical statement: densities, laws, data, the draw of a network, the run file, and the records that
travel."""

from problem.activations import ACTIVATIONS, Activation
from problem.build import build
from problem.deep import deep, recursion
from problem.deep_draw import DeepWeights, draw_deep
from problem.densities import Gaussian, Laplace, StudentT
from problem.density import Density
from problem.draw import Neurons, draw
from problem.errors import ComputationError, InputError
from problem.fourier import SIGN, flat_top, phase, transform
from problem.grid import Grid
from problem.laws import Law, Laws, Scaled, two_layer
from problem.mixture import Mixture
from problem.records import ErrorHistory, Problem, Spectrum, canonical_order
from problem.runfile import RunFile, every_stage_keys, load, parse, resolved, stage_keys
from problem.samples import Samples, area_average, waves
from problem.settings import Compare, Mesh, Network, Pde
from problem.sites import Scattered, Sites
from problem.supports import Annulus, Ball, Uniform
from problem.table import Table
from problem.training_settings import Training

__all__ = [
    "ACTIVATIONS",
    "SIGN",
    "Activation",
    "Annulus",
    "Ball",
    "Compare",
    "ComputationError",
    "DeepWeights",
    "Density",
    "ErrorHistory",
    "Gaussian",
    "Grid",
    "InputError",
    "Laplace",
    "Law",
    "Laws",
    "Mesh",
    "Mixture",
    "Network",
    "Neurons",
    "Pde",
    "Problem",
    "RunFile",
    "Samples",
    "Scaled",
    "Scattered",
    "Sites",
    "Spectrum",
    "StudentT",
    "Table",
    "Training",
    "Uniform",
    "area_average",
    "build",
    "canonical_order",
    "deep",
    "draw",
    "draw_deep",
    "every_stage_keys",
    "flat_top",
    "load",
    "parse",
    "phase",
    "recursion",
    "resolved",
    "stage_keys",
    "transform",
    "two_layer",
    "waves",
]
