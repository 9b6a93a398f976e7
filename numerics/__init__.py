"""What both sides compute with: the non-uniform transforms behind one seam, and functions of a symmetric operator by
Lanczos: its exponential, and gradient descent."""

from freqbias.numerics.descent import gradient_descent
from freqbias.numerics.folding import fold
from freqbias.numerics.lanczos import Basis, Evolution, Lanczos, exponential, shift_invert_exponential
from freqbias.numerics.nufft import GridTransform, NonUniformTransform
from freqbias.numerics.scattered import ScatteredTransform, fine_grid, transform_between
from freqbias.numerics.schedule import Schedule
from freqbias.numerics.superposition import drawn_values, superpose
from freqbias.numerics.tensor import TensorTransform, transform_to_tensor_grid

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
