"""Numerics that the equation solver and the network training share.

They are the Fourier convention, sample sites, non-uniform transforms, and the Lanczos method for functions of a
symmetric operator.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
