"""The widths of networks with a discrete set of frequencies: each frequency needs the same number of neurons."""

from freqbias.errors import InputError
from freqbias.problem.density import Density
from freqbias.problem.discrete_density import DiscreteDensity
from freqbias.problem.settings import Network


def check_width(density: Density, network: Network, dimension: int) -> None:
    """Raise InputError if the network has fewer neurons than the discrete density has frequencies."""
    if isinstance(density, DiscreteDensity) and network.width < (step := _step(density, network, dimension)):
        raise InputError(
            f"[network] width = {network.width}: [density] has {len(density.frequencies(dimension))} frequencies, and "
            f"each needs at least {_each(network)}; use at least width = {step}"
        )


def uneven_warning(density: Density, network: Network, dimension: int) -> str:
    """Return a warning if the frequencies of a discrete density do not get equal numbers of neurons, or ""."""
    if not isinstance(density, DiscreteDensity):
        return ""
    step = _step(density, network, dimension)
    if network.width % step == 0:
        return ""
    return (
        f"[network] width = {network.width:,}: some frequencies of [density] get one neuron more than others, so the "
        f"network differs from the equation by up to {step / network.width:.1e}; use a multiple of {step}, such as "
        f"width = {network.width // step * step:,}"
    )


def _step(density: DiscreteDensity, network: Network, dimension: int) -> int:
    return len(density.frequencies(dimension)) * (2 if network.symmetric else 1)


def _each(network: Network) -> str:
    return "2 neurons, because [network] symmetric = true pairs them" if network.symmetric else "1 neuron"
