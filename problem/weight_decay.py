"""Weight decay: a force that pulls the parameters towards their start, or towards 0."""

from dataclasses import dataclass
from typing import Literal

from freqbias.errors import InputError


@dataclass(frozen=True)
class WeightDecay:
    """The decay of the parameters theta during the training,

        d(theta)/dt = -R dL/d(theta) - rate (theta - reference).

    rate: lambda >= 0 [1/time]. It does not depend on the learning rates R. towards: "start", whose reference is theta
    at t = 0, or "zero". In the linearised network, decay towards the start gives the error

        du/dt = -K P u - rate (u - u(0)).

    Raises InputError if the rate is negative or not finite.
    """

    rate: float = 0.0
    towards: Literal["start", "zero"] = "start"

    def warning(self, end: float) -> str:
        """Return a warning if no prediction describes this decay until the last output time, else an empty text."""
        if self.towards == "start" or not self.rate:
            return ""
        return (
            '[training] decay_towards = "zero" shrinks the frequencies too, which the equation and the kernels leave '
            f"out; at t = {end:.4g} the training differs from the predictions by about {min(1.0, self.rate * end):.2g} "
            "of the initial error"
        )

    def __post_init__(self) -> None:
        if not 0 <= self.rate < float("inf"):
            raise InputError(f"decay = {self.rate}; give a number of at least 0")


NO_DECAY = WeightDecay()
