"""What both sides compute with: the non-uniform transforms behind one seam, and functions of a symmetric operator by
Lanczos: its exponential, and gradient descent."""

from numerics.descent import gradient_descent
from numerics.folding import fold
from numerics.lanczos import Basis, Evolution, Lanczos, exponential, shift_invert_exponential
from numerics.nufft import GridTransform, NonUniformTransform
from numerics.scattered import ScatteredTransform, fine_grid, transform_between
from numerics.schedule import Schedule
from numerics.superposition import drawn_values, superpose
from numerics.tensor import TensorTransform, transform_to_tensor_grid

__all__ = [
    "Basis",
    "Evolution",
    "GridTransform",
    "Lanczos",
    "NonUniformTransform",
    "ScatteredTransform",
    "Schedule",
    "TensorTransform",
    "drawn_values",
    "exponential",
    "fine_grid",
    "fold",
    "gradient_descent",
    "shift_invert_exponential",
    "superpose",
    "transform_between",
    "transform_to_tensor_grid",
]
