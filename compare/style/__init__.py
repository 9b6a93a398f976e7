"""The style of all figures and tables: colours, labels with units, panels, metadata of files, text tables."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
