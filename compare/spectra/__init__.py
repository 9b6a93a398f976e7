"""Spectra on a frequency mesh: projections of errors, norms, integrals, and the part of a spectrum that is signal."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
