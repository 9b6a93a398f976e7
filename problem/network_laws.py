"""The choice of the laws by the kind of the network."""

from freqbias.problem.deep_law import deep_laws
from freqbias.problem.density import Density
from freqbias.problem.laws import Laws
from freqbias.problem.rates import Rates
from freqbias.problem.settings import Network
from freqbias.problem.siren_law import siren_laws
from freqbias.problem.two_layer_law import two_layer_laws


def network_laws(density: Density, network: Network, dimension: int, rates: Rates) -> Laws:
    """Return the laws of a network with this density of first-layer frequencies, at infinite width."""
    if network.fourier_sum:
        return two_layer_laws(density, network.sigma_a, dimension, diagonal=network.diagonal, rates=rates)
    return (deep_laws if network.omega_0 is None else siren_laws)(density, network, dimension, rates)
