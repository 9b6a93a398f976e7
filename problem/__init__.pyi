from .activations import ACTIVATIONS, Activation
from .builder import build, load_samples
from .compare_settings import Compare
from .deep_law import deep_laws, ntk_recursion
from .deep_weights import DeepWeights, draw_deep
from .densities import Gaussian, Laplace, StudentT
from .density import Density
from .design_settings import Design
from .discrete_density import DiscreteDensity, Octaves, Points
from .discrete_law import DiscreteLaw, resolved_law
from .discrete_width import is_linear
from .draw_distance import distance_in_words, upper_quantile, width_for_distance
from .draws import DRAW_ACCURACY, SMALL_FEATURE_LEARNING, Band, Draws, feature_learning_warning
from .error_history import ErrorHistory
from .files import why_no_file
from .folding import fold
from .function_density import FunctionDensity
from .hdf5 import check_hdf5
from .held_out import HeldOut, choose_held_out
from .held_out_loss import clean_loss_in_words, clean_loss_warning, held_out_in_words, held_out_warning
from .initial_network import initial_errors, initial_values, network_values
from .label_noise import LabelNoise
from .law_series import MOST_MODES, fourier_series
from .laws import Law, Laws
from .learning_time import gradient_flow_time
from .loading import load, parse
from .loss import psnr, squared_loss
from .matching import errors_in_order, match_positions, match_times
from .minibatches import MinibatchErrors
from .mixture import Mixture
from .mlp_law import mlp_laws
from .netcdf import open_netcdf, read_netcdf, save_netcdf
from .neurons import Neurons, draw
from .node_order import canonical_order, same_coordinate
from .noise_prediction import NoisePrediction
from .normalisation import Normalisation
from .ntk_loss import NtkBlockSquare
from .operator_convolution import OperatorConvolution
from .operator_kernel import decay_rate_bound, growth, kernel_diagonal, mean_diagonals, ntk_weights, quadrature
from .operator_samples import box_boundary, operator_samples
from .operator_terms import make_operator, parse_operator
from .position_files import POSITION_FILES, read_positions
from .radial_density import RadialDensity
from .rates import Rates
from .records import Problem, problem_at
from .run_file import RunFile, resolved
from .sample_density import trapezoidal_weights
from .samples import Samples, area_average, waves
from .scipy_laws import Elliptical, from_scipy
from .section import Section, error_prefix
from .settings import Mesh, Network, Pde, increase
from .siren_law import siren_laws
from .siren_weights import SirenWeights, draw_siren, siren_density
from .sobolev_loss import SobolevLoss
from .spectrum import Spectrum
from .spectrum_file import create_spectrum_file, finish_spectrum_file
from .stage_dependencies import StageKeys, every_stage_keys, stage_keys
from .summary import counted, network_size, time_range
from .supports import Annulus, Ball, Uniform
from .sweep_loading import SweepPlan, in_words, load_sweep
from .sweep_settings import flatten
from .table import Table
from .targets import Targets
from .training_loss import MEAN_SQUARE, BlockSquare, MeanSquare, TrainingLoss, WeightedSquare
from .training_settings import Training
from .two_layer_law import ScaledDensity, scaled, two_layer_laws
from .variables import describe_variable
from .weight_decay import NO_DECAY, WeightDecay
from .weight_shapes import WeightShapes, drawing_memory, weight_shapes

__all__ = [
    "ACTIVATIONS",
    "DRAW_ACCURACY",
    "MEAN_SQUARE",
    "MOST_MODES",
    "NO_DECAY",
    "POSITION_FILES",
    "SMALL_FEATURE_LEARNING",
    "Activation",
    "Annulus",
    "Ball",
    "Band",
    "BlockSquare",
    "Compare",
    "DeepWeights",
    "Density",
    "Design",
    "DiscreteDensity",
    "DiscreteLaw",
    "Draws",
    "Elliptical",
    "ErrorHistory",
    "FunctionDensity",
    "Gaussian",
    "HeldOut",
    "LabelNoise",
    "Laplace",
    "Law",
    "Laws",
    "MeanSquare",
    "Mesh",
    "MinibatchErrors",
    "Mixture",
    "Network",
    "Neurons",
    "NoisePrediction",
    "Normalisation",
    "NtkBlockSquare",
    "Octaves",
    "OperatorConvolution",
    "Pde",
    "Points",
    "Problem",
    "RadialDensity",
    "Rates",
    "RunFile",
    "Samples",
    "ScaledDensity",
    "Section",
    "SirenWeights",
    "SobolevLoss",
    "Spectrum",
    "StageKeys",
    "StudentT",
    "SweepPlan",
    "Table",
    "Targets",
    "Training",
    "TrainingLoss",
    "Uniform",
    "WeightDecay",
    "WeightShapes",
    "WeightedSquare",
    "area_average",
    "box_boundary",
    "build",
    "canonical_order",
    "check_hdf5",
    "choose_held_out",
    "clean_loss_in_words",
    "clean_loss_warning",
    "counted",
    "create_spectrum_file",
    "decay_rate_bound",
    "deep_laws",
    "describe_variable",
    "distance_in_words",
    "draw",
    "draw_deep",
    "draw_siren",
    "drawing_memory",
    "error_prefix",
    "errors_in_order",
    "every_stage_keys",
    "feature_learning_warning",
    "finish_spectrum_file",
    "flatten",
    "fold",
    "fourier_series",
    "from_scipy",
    "gradient_flow_time",
    "growth",
    "held_out_in_words",
    "held_out_warning",
    "in_words",
    "increase",
    "initial_errors",
    "initial_values",
    "is_linear",
    "kernel_diagonal",
    "load",
    "load_samples",
    "load_sweep",
    "make_operator",
    "match_positions",
    "match_times",
    "mean_diagonals",
    "mlp_laws",
    "network_size",
    "network_values",
    "ntk_recursion",
    "ntk_weights",
    "open_netcdf",
    "operator_samples",
    "parse",
    "parse_operator",
    "problem_at",
    "psnr",
    "quadrature",
    "read_netcdf",
    "read_positions",
    "resolved",
    "resolved_law",
    "same_coordinate",
    "save_netcdf",
    "scaled",
    "siren_density",
    "siren_laws",
    "squared_loss",
    "stage_keys",
    "time_range",
    "trapezoidal_weights",
    "two_layer_laws",
    "upper_quantile",
    "waves",
    "weight_shapes",
    "why_no_file",
    "width_for_distance",
]
