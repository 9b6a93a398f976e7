"""The learning rates of the groups of parameters, as `[training] rates` states them."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from freqbias.errors import InputError
from freqbias.numerics import LARGEST, SMALLEST
from freqbias.problem.section import Settings
from freqbias.problem.settings import Network

NUMBER = "0 or a number from 1e-12 to 1e12"
RATES = (
    f"a table with {NUMBER} for any of the groups frequencies, hidden, output and biases, for example "
    "{ frequencies = 0.0 } for frozen frequencies: the learning rates of these groups of parameters, relative to that "
    "of the training; default 1 for each group"
)


def _check_range(rate: float) -> float:
    if rate != 0 and not SMALLEST <= rate <= LARGEST:
        raise ValueError(f"= {rate}; expected {NUMBER}")
    return rate


Rate = Annotated[float, AfterValidator(_check_range)]


def _rate(parameters: str) -> Any:
    return Field(1.0, description=f"{NUMBER}: the learning rate of {parameters}, relative to that of the training")


class Rates(Settings):
    """The learning rate r_g of each group g of parameters, relative to that of the training:

        d(theta_g)/dt = -r_g dL/d(theta_g).

    A group with r_g = 0 is frozen.
    """

    frequencies: Rate = _rate("the frequencies w, or of SIREN's first layer W")
    hidden: Rate = _rate("the hidden layers V_l, or of the diagonal layer (p, q)")
    output: Rate = _rate("the output weights")
    biases: Rate = _rate("the biases of the hidden layers, or of all biases of SIREN")

    @property
    def largest(self) -> float:
        return max(rate for _, rate in self)

    def __str__(self) -> str:
        changed = [f"{name} = {rate}" for name, rate in self if rate != 1]
        return f"{{ {', '.join(changed)} }}" if changed else "{}"


DEFAULT_RATES = Rates()


def check_rates(rates: Rates, network: Network) -> None:
    """Raise InputError if a rate is for a group that the network lacks, or if nothing would be trained."""
    lacking = dict[str, str]()
    if network.bias is None and network.omega_0 is None:
        lacking["biases"] = "the network has no biases, which [network] bias adds to the hidden layers"
    if network.depth == 2 and not network.diagonal:
        lacking["hidden"] = "a network with [network] depth = 2 and diagonal = false has no hidden layer"
    for name, reason in lacking.items():
        if getattr(rates, name) != 1:
            raise InputError(f"[training] rates = {rates}: {reason}; leave {name} out")
    trained = [name for name, rate in rates if rate > 0 and name not in lacking]
    if not trained:
        raise InputError(f"[training] rates = {rates} trains nothing; give a group a rate above 0")
    if network.sigma_a == 0 and rates.output == 0 and network.omega_0 is None:  # SIREN has an output bias
        raise InputError(
            f"[training] rates = {rates} freezes the output weights, which are 0 because [network] sigma_a = 0, so the "
            "network would stay 0; use output > 0 or sigma_a > 0"
        )


def _parse(value: Any) -> Any:
    """Return the Rates of a table. The message for a faulty table names the whole table."""
    if not isinstance(value, dict):
        return value
    try:
        return Rates(**value)
    except InputError:
        raise ValueError(f"= {value}; expected {RATES}") from None


RatesTable = Annotated[Rates, BeforeValidator(_parse)]
