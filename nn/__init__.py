"""The Fourier Features network: sums, gradients, training, and the neural tangent kernel (NTK)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
