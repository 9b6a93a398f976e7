"""What both sides compute with: the non-uniform transforms behind one seam, and the exponential of a symmetric
operator by Lanczos."""

from numerics.folding import fold
from numerics.lanczos import Exponential, Lanczos, exponential, shift_invert_exponential
from numerics.nufft import GridTransform, NonUniformTransform
from numerics.scattered import ScatteredTransform, transform_between
from numerics.superposition import superpose
from numerics.tensor import TensorTransform, transform_to_tensor_grid

__all__ = [
    "Exponential",
    "GridTransform",
    "Lanczos",
    "NonUniformTransform",
    "ScatteredTransform",
    "TensorTransform",
    "exponential",
    "fold",
    "shift_invert_exponential",
    "superpose",
    "transform_between",
    "transform_to_tensor_grid",
]
