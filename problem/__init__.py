"""The mathematical problem and the run file that describes it.

This package has the densities, laws, data, the random initial network, the run file, and the records that other
packages exchange.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
