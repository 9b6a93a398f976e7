"""The network's error spectrum compared with the finite-element solution: spectra, metrics, learning rates, figures."""

import lazy_loader

from freqbias.libraries import explained

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__getattr__ = explained()(__getattr__)
