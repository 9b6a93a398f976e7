"""The stages compare, kappa, view and mesh, and the sequence of all stages for `freqbias run`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
