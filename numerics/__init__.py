"""What both sides compute with: the non-uniform transforms behind one seam, and the exponential of a symmetric
operator by Lanczos."""

from numerics.folding import fold
from numerics.lanczos import Exponential, Lanczos, exponential, shift_invert_exponential
from numerics.nufft import GridTransform
from numerics.superposition import superpose

__all__ = ["Exponential", "GridTransform", "Lanczos", "exponential", "fold", "shift_invert_exponential", "superpose"]
