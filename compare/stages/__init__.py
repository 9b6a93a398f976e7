"""The stages compare, kappa, view and mesh of a result, and all stages in order for `freqbias run`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
