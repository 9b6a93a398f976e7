from .arguments import TINY, check_kind, check_number
from .damped_steps import LONGEST_STEP, damped_solve, gauss_newton, spectral_norm
from .descent import SUM_FACTOR, gradient_descent, stability_limit
from .differential_operator import DifferentialOperator
from .fourier import SIGN, flat_top, phase, transform
from .gpu_plans import GpuPlans
from .gpu_transform import cupy_on_gpu, gpu_failures, make_gpu_transform, release_gpu_memory, to_host
from .grid_subset import GridSubset, lattice_indices, subset
from .lanczos import (
    EUCLIDEAN,
    Apply,
    Basis,
    Callback,
    Evolution,
    Integral,
    Lanczos,
    Metric,
    decayed,
    exponential,
    integral_factor,
)
from .momentum import momentum_limit, momentum_steps
from .nufft import GridTransform, NonUniformTransform, chunk_count, plan_options
from .operator_rows import OperatorRows, spectrum_part
from .precision import rounding
from .rate_shape import CONSTANT_RATE, RateShape
from .resolved import mean_nyquist, resolved_frequencies, scale_range
from .scattered import Positions, Scattered
from .scattered_nufft import UPSAMPLING, ScatteredTransform, fine_grid_size
from .schedule import Schedule
from .shift_invert import Trajectory, shift_invert_exponential
from .sites import LARGEST, SMALLEST, Grid, Sites
from .split_transform import SplitTransform, divides_sites, make_partial_transform, make_transform
from .subset_transform import SiteTransform, SubsetTransform
from .tensor_grid import TensorTransform, make_tensor_transform, suits_tensors

__all__ = [
    "CONSTANT_RATE",
    "EUCLIDEAN",
    "LARGEST",
    "LONGEST_STEP",
    "SIGN",
    "SMALLEST",
    "SUM_FACTOR",
    "TINY",
    "UPSAMPLING",
    "Apply",
    "Basis",
    "Callback",
    "DifferentialOperator",
    "Evolution",
    "GpuPlans",
    "Grid",
    "GridSubset",
    "GridTransform",
    "Integral",
    "Lanczos",
    "Metric",
    "NonUniformTransform",
    "OperatorRows",
    "Positions",
    "RateShape",
    "Scattered",
    "ScatteredTransform",
    "Schedule",
    "SiteTransform",
    "Sites",
    "SplitTransform",
    "SubsetTransform",
    "TensorTransform",
    "Trajectory",
    "check_kind",
    "check_number",
    "chunk_count",
    "cupy_on_gpu",
    "damped_solve",
    "decayed",
    "divides_sites",
    "exponential",
    "fine_grid_size",
    "flat_top",
    "gauss_newton",
    "gpu_failures",
    "gradient_descent",
    "integral_factor",
    "lattice_indices",
    "make_gpu_transform",
    "make_partial_transform",
    "make_tensor_transform",
    "make_transform",
    "mean_nyquist",
    "momentum_limit",
    "momentum_steps",
    "phase",
    "plan_options",
    "release_gpu_memory",
    "resolved_frequencies",
    "rounding",
    "scale_range",
    "shift_invert_exponential",
    "spectral_norm",
    "spectrum_part",
    "stability_limit",
    "subset",
    "suits_tensors",
    "to_host",
    "transform",
]
