"""`freqbias design`: choose density, width and number of steps by predicted loss."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
