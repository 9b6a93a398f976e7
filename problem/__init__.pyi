from .activations import ACTIVATIONS, Activation
from .builder import build
from .deep_law import deep_laws, ntk_recursion
from .deep_weights import DeepWeights, draw_deep
from .densities import Gaussian, Laplace, StudentT
from .density import Density
from .folding import fold
from .function_density import FunctionDensity
from .initial_network import initial_values, network_values
from .laws import Law, Laws, ScaledDensity, two_layer_laws
from .loading import load, parse
from .loss import squared_loss
from .mixture import Mixture
from .netcdf import save_netcdf
from .neurons import Neurons, draw
from .radial_density import RadialDensity
from .records import ErrorHistory, Problem, Spectrum, canonical_order
from .run_file import RunFile, resolved
from .samples import Samples, area_average, waves
from .scipy_laws import Elliptical, from_scipy
from .section import Section
from .settings import Compare, Mesh, Network, Pde
from .stage_dependencies import every_stage_keys, stage_keys
from .summary import counted, time_range
from .supports import Annulus, Ball, Uniform
from .table import Table
from .training_settings import Training
from .variables import describe_variable

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "Annulus",
    "Ball",
    "Compare",
    "DeepWeights",
    "Density",
    "Elliptical",
    "ErrorHistory",
    "FunctionDensity",
    "Gaussian",
    "Laplace",
    "Law",
    "Laws",
    "Mesh",
    "Mixture",
    "Network",
    "Neurons",
    "Pde",
    "Problem",
    "RadialDensity",
    "RunFile",
    "Samples",
    "ScaledDensity",
    "Section",
    "Spectrum",
    "StudentT",
    "Table",
    "Training",
    "Uniform",
    "area_average",
    "build",
    "canonical_order",
    "counted",
    "deep_laws",
    "describe_variable",
    "draw",
    "draw_deep",
    "every_stage_keys",
    "fold",
    "from_scipy",
    "initial_values",
    "load",
    "network_values",
    "ntk_recursion",
    "parse",
    "resolved",
    "save_netcdf",
    "squared_loss",
    "stage_keys",
    "time_range",
    "two_layer_laws",
    "waves",
]
