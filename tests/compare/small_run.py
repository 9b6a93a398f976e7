"""A small run, and the `freqbias` command in this process, for tests of the command line."""

from freqbias.compare.commands import app
from freqbias.runtime.commandline import invoke

RUN = """
name = "small"
density = { kind = "gaussian", sigma = 10.0 }
data = { kind = "waves", dimension = 1, points = 64, frequencies = [[3.0]], window = 0.1 }
network = { width = 500, sigma_a = 1.0 }
time = { times = [10.0, 40.0] }
pde = { tolerance = 0.01 }
"""


def freqbias(*arguments: str) -> int:
    return invoke(app.build_app(), "freqbias", list(arguments))
