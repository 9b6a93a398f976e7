"""From errors on samples to spectra on the mesh: interpolation, L2 projection, norms."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
