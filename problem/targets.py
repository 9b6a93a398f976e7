"""Values of networks, kernels and the equation at positions that are not training samples: records and files."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from freqbias.numerics import Sites
from freqbias.problem.loss import squared_loss
from freqbias.problem.samples import Samples

TARGET_DIMENSIONS = {
    "held_out_position": ("held_out", "axis"),
    "held_out_error": ("time", "channel", "held_out"),
    "point_position": ("point", "axis"),
    "prediction": ("time", "channel", "point"),
    "prediction_bound": ("time",),
}


@dataclass(frozen=True, kw_only=True, repr=False)
class Targets:
    """Errors on N' held-out samples, and values at the P positions of `Problem.predict_at`. Each may be None.

    held_out_position, held_out_error: positions (N', d), and errors u = f - f* (T, C, N').
    point_position, prediction: positions (P, d), and values f (T, C, P).
    prediction_bound: a bound of the error of the method, at each time for all held-out samples and all positions, (T,).
    All values and positions are those of the network: `Normalisation` gives those of the user.
    """

    held_out_position: np.ndarray | None = None
    held_out_error: np.ndarray | None = None
    point_position: np.ndarray | None = None
    prediction: np.ndarray | None = None
    prediction_bound: np.ndarray | None = None

    @property
    def held_out_loss(self) -> np.ndarray | None:
        """Half the mean square of the held-out error, summed over channels, (T,)."""
        return None if self.held_out_error is None else squared_loss(self.held_out_error)

    def target_variables(self) -> dict[str, Any]:
        """Return the variables for `save_netcdf`."""
        variables: dict[str, Any] = {name: (dims, getattr(self, name)) for name, dims in TARGET_DIMENSIONS.items()}
        variables["held_out_loss"] = (("time",), self.held_out_loss)
        return {name: variable for name, variable in variables.items() if variable[1] is not None}

    def with_targets(
        self,
        values: Mapping[str, np.ndarray],
        bound: np.ndarray | None = None,
        *,
        held_out: Samples | None,
        predict_at: Sites | None,
    ) -> Self:
        """Return this record with values f at the targets of a problem.

        values: (T, C, n) by the names of `Problem.targets`. held_out, predict_at: those of the problem.
        """
        changes: dict[str, np.ndarray | None] = {"prediction_bound": bound if values else None}
        if held_out is not None and "held_out" in values:
            changes["held_out_position"] = held_out.sites.positions()
            changes["held_out_error"] = values["held_out"] - held_out.values
        if predict_at is not None and "predict_at" in values:
            changes |= {"point_position": predict_at.positions(), "prediction": values["predict_at"]}
        return replace(self, **changes)
