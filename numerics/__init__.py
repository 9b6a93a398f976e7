"""Numerics shared by equation and network: the Fourier convention, sample sites, non-uniform transforms, and functions
of a symmetric operator by the Lanczos method."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
