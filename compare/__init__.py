"""Compare the spectrum of the network's error with the finite-element solution."""

import lazy_loader

from freqbias.libraries import explained

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__getattr__ = explained()(__getattr__)
