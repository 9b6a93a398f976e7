"""The content of `network.json`: architecture, formula, units and provenance of a kept network."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field, ValidationError, model_validator

from freqbias.errors import InputError
from freqbias.problem import Network, Section

TWO_LAYERS = (
    "f_c(x) = value_mean_c + value_scale_c / sqrt(m) sum_k [cosine_ck cos(2 pi w_k.y) + sine_ck sin(2 pi w_k.y)], "
    "y = x - position_shift, w = frequencies [cycles/length], m = width"
)
DIAGONAL = "; the waves cos and sin of neuron k are multiplied by gains_0k and gains_1k"
DEEP = (
    "f_c(x) = value_mean_c + value_scale_c sum_s sign_s output_sc.x_(L+1), x_1 = [cos(2 pi W y), sin(2 pi W y)] / "
    "sqrt(m), x_(l+1) = phi(V_l x_l) / sqrt(n E phi(z)^2) for normal z, with biases phi((V_l x_l + bias "
    "biases_s(l-1)) / sqrt(1 + bias^2)) in place of phi(V_l x_l), y = x - position_shift, W = frequencies_s "
    "[cycles/length], V_l = hidden.(l-1)_s, phi = activation; if symmetric, two copies s with signs +-1/sqrt(2), and m "
    "and n are half of width and hidden_width; else one copy with sign 1, m = width and n = hidden_width"
)
SIREN = (
    "f_c(x) = value_mean_c + value_scale_c sum_s sign_s (output_sc.y_L + output_bias_sc), y_1 = sin(omega_0 (first_s y "
    "+ biases_s0)), y_l = sin(omega_0 (hidden.(l-2)_s y_(l-1) + biases_s(l-1))), y = x - position_shift; if symmetric, "
    "two copies s with signs +-1/sqrt(2) and half the width; else one copy with sign 1"
)
Numbers = Annotated[list[float], Field(min_length=1)]


class NetworkDescription(Section):
    """The description of a kept network.

    network: width, depth and the rest of the section [network]. dimension: d. channels: C. value_mean, value_scale:
    (C,), and position_shift: (d,): `Normalisation`. box_lower, box_upper: corners of the box of the training samples,
    (d,). value_lower, value_upper: the range of the training values, (C,). Positions and values are those of the user,
    positions in `unit`. time: the gradient-flow time of the weights, or None after further training.
    convention: the formula of the network in words of mathematics. provenance: facts about the training.
    sha256: the SHA-256 of the file with the weights and of this description, "" if there is no file.
    """

    format_version: Literal[1] = 1
    network: Network
    dimension: int = Field(ge=1, le=3)
    channels: int = Field(ge=1, le=10**6)
    value_mean: Numbers
    value_scale: Numbers
    position_shift: Numbers
    box_lower: Numbers
    box_upper: Numbers
    value_lower: Numbers
    value_upper: Numbers
    unit: str = ""
    time: float | None = Field(None, ge=0)
    convention: str = ""
    provenance: dict[str, str | int | float] = Field(default_factory=dict)
    sha256: str = Field("", pattern="^([0-9a-f]{64})?$")

    def contains(self, positions: np.ndarray) -> np.ndarray:
        """Return whether positions (P, d) lie in the box of the training samples, (P,)."""
        lower, upper = np.array(self.box_lower), np.array(self.box_upper)
        single = np.finfo(np.float32).eps  # positions in a table may be rounded to single precision
        slack = single * np.maximum(np.abs(lower), np.abs(upper))
        return np.asarray(((positions >= lower - slack) & (positions <= upper + slack)).all(axis=1))

    @model_validator(mode="after")
    def _check_lengths(self) -> "NetworkDescription":
        lengths = dict.fromkeys(("value_mean", "value_scale", "value_lower", "value_upper"), self.channels)
        lengths |= dict.fromkeys(("position_shift", "box_lower", "box_upper"), self.dimension)
        for name, length in lengths.items():
            if len(numbers := getattr(self, name)) != length:
                raise ValueError(f"{name} has {len(numbers)} numbers; give {length}")
        return self


def convention(network: Network) -> str:
    """Return the formula of a network, with the names of its tensors."""
    if network.omega_0 is not None:
        return SIREN
    if network.depth > 2:
        return DEEP
    return TWO_LAYERS + (DIAGONAL if network.diagonal else "")


def parse_description(text: bytes, source: str) -> NetworkDescription:
    """Return the description in a JSON text. Raises InputError, which names the source, if the text is not one."""
    try:
        return NetworkDescription.model_validate_json(text)
    except ValidationError as failure:
        first = failure.errors()[0]
        place, reason = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
        raise InputError(
            f"{source}: {place + ': ' if place else ''}{reason}; give a description that freqbias wrote"
        ) from None
