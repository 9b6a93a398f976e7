"""The Fourier Features network: its sums and gradients, its training, and its neural tangent kernel."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
