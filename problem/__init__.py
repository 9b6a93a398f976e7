"""The mathematical statement: densities, laws, data, the draw of a network, the run file, and the records that
travel."""

from freqbias.problem.activations import ACTIVATIONS, Activation
from freqbias.problem.build import build
from freqbias.problem.deep import deep, recursion
from freqbias.problem.deep_draw import DeepWeights, draw_deep
from freqbias.problem.densities import Gaussian, Laplace, StudentT
from freqbias.problem.density import Density
from freqbias.problem.draw import Neurons, draw
from freqbias.problem.errors import ComputationError, InputError
from freqbias.problem.fourier import SIGN, flat_top, phase, transform
from freqbias.problem.grid import Grid
from freqbias.problem.laws import Law, Laws, Scaled, two_layer
from freqbias.problem.mixture import Mixture
from freqbias.problem.records import ErrorHistory, Problem, Spectrum, canonical_order
from freqbias.problem.runfile import RunFile, every_stage_keys, load, parse, resolved, stage_keys
from freqbias.problem.samples import Samples, area_average, waves
from freqbias.problem.settings import Compare, Mesh, Network, Pde
from freqbias.problem.sites import Scattered, Sites
from freqbias.problem.supports import Annulus, Ball, Uniform
from freqbias.problem.table import Table
from freqbias.problem.training_settings import Training

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
