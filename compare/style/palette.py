"""The colours of finite elements, network and kernels, and the style sheet of all figures."""

from pathlib import Path

STYLE = Path(__file__).with_name("freqbias.mplstyle")
TICKS = [1, 2, 5, 10]
UNIT = "(unit of the data)"  # of v, a mean over samples
PDE_COLOUR, NN_COLOUR = "#56b4e9", "#000000"  # Okabe and Ito 2008
KERNELS = [  # colour, marker and words of each; of its names the first that is there is shown
    (("infinite-width", "infinite-width-steps"), "#009e73", "o", "kernel at infinite width"),
    (("empirical-steps", "empirical"), "#d55e00", "^", "the network's own kernel"),
]
