"""Sweeps: many runs of one run file with other values of some keys, and one table of their results."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
