"""The network's error spectrum compared with the finite-element solution: spectra, metrics, learning rates, figures."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
