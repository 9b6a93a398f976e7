"""Frequency learning rates: estimators, energies by band and direction, tables and figure."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
