"""The frequency bias of neural networks as a PDE in frequency space.

    problem = freqbias.load("RUN.toml")      the problem that a run file states
    results = freqbias.run("RUN.toml")       compute all stages, and return the results
    results = freqbias.open("out/NAME")      the results of a run, an xarray DataTree with a node for each stage
    table = freqbias.sweep("RUN.toml", {"density.sigma": [4, 8]})    many runs, an xarray Dataset
    found = freqbias.predict(problem, y)     what the network learns at positions y, without training
    choice = freqbias.design(problem)        the density and the width with the least predicted loss

Names are imported when they are first used, so `import freqbias` is fast.
"""

import lazy_loader

from freqbias.libmpi import point_to_libmpi

point_to_libmpi()
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
