"""The damped heat equation in frequency space, solved with finite elements; fields for ParaView."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
