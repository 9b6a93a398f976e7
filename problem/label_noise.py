"""The noise of the labels: values y = f* + e at the samples, where e is independent and has mean 0."""

from dataclasses import dataclass, replace

import numpy as np

from freqbias.errors import InputError
from freqbias.problem.samples import Samples
from freqbias.problem.summary import counted


@dataclass(frozen=True, eq=False)
class LabelNoise:
    """The standard deviation of the noise of the labels, in the units of the network, and the part that is known.

    contained: that of the noise in the values as the user gives them, one number for each of C channels, in training
    and held-out samples alike; None if it is to be estimated. added: the noise that the program itself has added to the
    training samples, (C, N), or None. added_level: its standard deviation.
    Raises InputError for levels that are negative or not finite.
    """

    contained: np.ndarray | None
    added: np.ndarray | None = None
    added_level: float = 0.0

    def __post_init__(self) -> None:
        if self.contained is None:
            return
        contained = np.atleast_1d(np.asarray(self.contained, dtype=float))
        if contained.ndim != 1 or not (np.isfinite(contained) & (contained >= 0)).all():
            raise InputError(f"LabelNoise: contained = {self.contained}; give a number of at least 0 for each channel")
        object.__setattr__(self, "contained", contained)

    @property
    def level(self) -> np.ndarray:
        """The standard deviation of all noise of the training samples, (C,)."""
        return np.hypot(self.held_out_level, self.added_level)

    @property
    def held_out_level(self) -> np.ndarray:
        """The standard deviation of the noise of the held-out samples, (C,)."""
        if self.contained is None:
            raise InputError("LabelNoise: the level is to be estimated; use nn.with_noise_level(problem)")
        return self.contained

    @property
    def is_there(self) -> bool:
        """Whether there is noise, or may be."""
        return self.contained is None or bool(self.contained.any()) or self.added_level > 0

    @property
    def clean_is_known(self) -> bool:
        """Whether the labels without noise are the values less `added`."""
        return self.added is not None and self.contained is not None and not self.contained.any()

    def with_level(self, level: np.ndarray) -> "LabelNoise":
        """Return the noise with this estimated standard deviation of all noise of the training samples, (C,)."""
        return replace(self, contained=np.sqrt(np.maximum(np.square(level) - self.added_level**2, 0.0)))


def noise_in(samples: Samples, level: float | list[float] | str) -> LabelNoise:
    """Return the noise that the values of the user contain. level: [data] noise_level, in the units of the user.

    Raises InputError if there are not as many levels as channels.
    """
    if isinstance(level, str):
        return LabelNoise(None)
    if isinstance(level, list) and len(level) != samples.channels:
        raise InputError(
            f"[data] noise_level = {level}; give one number, or one for each of the "
            f"{counted(samples.channels, 'channel')}"
        )
    return LabelNoise(np.broadcast_to(level, samples.channels) / np.array(samples.normalisation.value_scale))
