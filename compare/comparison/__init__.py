"""Compare the network with the finite elements: metrics, causes of the distance, figures."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
