"""The network against the finite elements: metrics, the causes of their distance, figures."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
