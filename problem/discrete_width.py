"""The widths of networks with a discrete set of frequencies: each frequency needs the same number of neurons."""

import numpy as np

from freqbias.errors import InputError
from freqbias.numerics import Sites
from freqbias.problem.density import Density
from freqbias.problem.discrete_density import DiscreteDensity
from freqbias.problem.rates import Rates
from freqbias.problem.settings import Network

BEYOND = 1 + 1e-9  # times the Nyquist limit


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


def is_linear(density: Density, network: Network, rates: Rates) -> bool:
    """Return whether the network is linear in its trained parameters: two layers with frozen discrete frequencies.

    If each frequency has the same number of neurons, its kernel is that of infinite width.
    """
    frozen = rates.frequencies == 0 and (not network.diagonal or rates.hidden == 0)
    return isinstance(density, DiscreteDensity) and network.fourier_sum and frozen


def aliasing_warning(density: Density, sites: Sites, unit: str) -> str:
    """Return a warning if frequencies of a discrete density lie beyond the Nyquist limit of the data, or ""."""
    if not isinstance(density, DiscreteDensity) or sites.lattice is None:
        return ""
    frequencies = np.abs(density.frequencies(sites.dimension))
    beyond = int((frequencies > BEYOND * sites.nyquist).any(axis=1).sum())
    if not beyond:
        return ""
    limit = " x ".join(f"{each:.4g}" for each in sites.nyquist)
    return (
        f"[density]: {beyond} of the {len(frequencies)} frequencies lie beyond the Nyquist limit of the data, {limit} "
        f"cycles/{unit or 'unit length'}, where the samples cannot tell them from lower ones; use lower frequencies, "
        "or more samples"
    )


def _step(density: DiscreteDensity, network: Network, dimension: int) -> int:
    return len(density.frequencies(dimension)) * (2 if network.symmetric else 1)


def _each(network: Network) -> str:
    return "2 neurons, because [network] symmetric = true pairs them" if network.symmetric else "1 neuron"
