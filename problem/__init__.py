"""The mathematical statement: densities, laws, data, the draw of a network, the run file, and the records that
travel between rooms."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
