"""What both sides compute with: the Fourier convention, sample sites, non-uniform transforms, and functions of a
symmetric operator by Lanczos."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
