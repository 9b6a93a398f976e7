"""The errors of a network on the samples, and their netCDF file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from freqbias.problem.error_file import load_errors
from freqbias.problem.loss import squared_loss
from freqbias.problem.netcdf import save_netcdf
from freqbias.problem.noise_prediction import NoisePrediction
from freqbias.problem.normalisation import Normalisation
from freqbias.problem.summary import counted, time_range
from freqbias.problem.targets import TARGET_DIMENSIONS, Targets


@dataclass(frozen=True, repr=False)
class ErrorHistory(Targets):
    """A network's error u = f - f* on the samples, at the output times, and what `Targets` holds.

    time: gradient-flow time, (T,). position: x_j, (N, d) [length]. Both keep the number type of the source, which says
    how precise they are. error: u, (T, C, N), for C channels.
    loss: 1/2 mean_j u_j^2, summed over channels, (T,). attributes: facts about the run.
    step_time: the time before and after each step of the training, (S + 1,), or None if unknown.
    noise: what the noise of the labels does to a predicted training, or None if it is not known.
    normalisation: how positions and values differ from those of the user. `Samples.prediction` undoes this.
    """

    time: np.ndarray
    position: np.ndarray
    error: np.ndarray
    loss: np.ndarray
    attributes: Mapping[str, Any] = field(default_factory=dict)
    step_time: np.ndarray | None = None
    noise: NoisePrediction | None = None
    normalisation: Normalisation = None  # type: ignore[assignment]  # __post_init__ fills it in

    def __post_init__(self) -> None:
        if self.normalisation is None:
            identity = Normalisation.identity(self.error.shape[1], self.position.shape[1])
            object.__setattr__(self, "normalisation", identity)

    def __repr__(self) -> str:
        channels, samples = self.error.shape[1:]
        return (
            f"ErrorHistory({time_range(self.time)}, {counted(channels, 'channel')}, {counted(samples, 'sample')} in "
            f"{self.position.shape[1]}-D, loss {self.loss[0]:.3g} -> {self.loss[-1]:.3g})"
        )

    def save(self, path: Path) -> None:
        """Write `error.nc` with dims time, channel, sample, axis, and held_out, point and step if they are known."""
        variables: dict[str, Any] = {
            "position": (("sample", "axis"), self.position),
            "error": (("time", "channel", "sample"), self.error),
            "loss": (("time",), self.loss),
            **self.target_variables(),
            **self.normalisation.variables(),
            **(self.noise.variables() if self.noise is not None else {}),
        }
        if self.step_time is not None:
            variables["step_time"] = (("step",), self.step_time)
        save_netcdf(path, variables, self.time, dict(self.attributes))

    @classmethod
    def load(cls, path: Path) -> "ErrorHistory":
        """Read `error.nc`. `loss` and `step_time` may be missing. Named dimensions may have any order.

        Raises InputError if the file is not an error history.
        """
        data = load_errors(path)
        error = data["error"].values.astype(float)
        targets = {name: data[name].values for name in TARGET_DIMENSIONS if name in data}
        loss = data["loss"].values if "loss" in data else squared_loss(error)
        step_time = data["step_time"].values if "step_time" in data else None
        return cls(
            data["time"].values,
            data["position"].values,
            error,
            loss,
            dict(data.attrs),
            step_time=step_time,
            noise=NoisePrediction.of_file(data),
            **targets,
            normalisation=Normalisation.of_file(path, data, error.shape[1], data["position"].shape[1]),
        )
