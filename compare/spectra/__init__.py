"""Spectra on a frequency mesh: projection of errors, norms and integrals, and which part of them is signal."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
