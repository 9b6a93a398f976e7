"""Frequency meshes: `plan_mesh` chooses the half-width and the cell size, and `build` creates the DOLFINx mesh."""

import lazy_loader

from freqbias.libraries import explained

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__getattr__ = explained()(__getattr__)
