"""Predictions for several random sequences of minibatches of the same training."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from freqbias.problem.ensemble import Ensemble
from freqbias.problem.netcdf import check_shapes, load_netcdf, save_netcdf


@dataclass(frozen=True)
class MinibatchErrors(Ensemble):
    """The errors u of a network for n random sequences of minibatches, as its kernel predicts them.

    It holds what `Ensemble` holds. attributes: facts about the training.
    """

    attributes: Mapping[str, Any] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write `minibatches.nc` with dims sequence, time, channel, sample and held_out."""
        variables: dict[str, Any] = {
            "minibatch_error": (("sequence", "time", "channel", "sample"), self.error),
            "minibatch_loss": (("sequence", "time"), self.loss),
        }
        if self.held_out_error is not None and self.held_out_loss is not None:
            variables["minibatch_held_out_error"] = (("sequence", "time", "channel", "held_out"), self.held_out_error)
            variables["minibatch_held_out_loss"] = (("sequence", "time"), self.held_out_loss)
        save_netcdf(path, variables, self.time, dict(self.attributes))

    @classmethod
    def load(cls, path: Path) -> "MinibatchErrors":
        """Read `minibatches.nc`. Raises InputError if the file is not in this format."""
        data = load_netcdf(path, {"minibatch_error": 4}, {"minibatch_held_out_error": 4})
        check_shapes(path, data, {"minibatch_error": (None, "time", None, None)})
        held_out = data["minibatch_held_out_error"].values if "minibatch_held_out_error" in data else None
        return cls(data["time"].values, data["minibatch_error"].values, held_out, dict(data.attrs))
