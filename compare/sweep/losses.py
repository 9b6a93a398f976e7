"""The loss by which the runs of a sweep are ordered."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

TITLES = {  # the first that the dataset has orders the runs: what was not learnt from decides
    "loss_held_out": "held-out loss",
    "loss_nn": "loss",
    "loss_pde": "loss of the equation",
    "loss_empirical": "predicted loss",
    "loss_infinite_width": "loss at infinite width",
}


def ordering_loss(data: "xr.Dataset") -> str | None:
    """Return the name of the loss by which runs are ordered, or None if the dataset has no loss."""
    return next((name for name in TITLES if name in data), None)


def last_value(values: "xr.DataArray") -> "xr.DataArray":
    """Return the last value along the last dimension that is not NaN."""
    along = str(values.dims[-1])
    from_end = np.isfinite(values.values[..., ::-1]).argmax(axis=-1)
    last = values.isel({along: 0}, drop=True).copy(data=values.sizes[along] - 1 - from_end)
    return values.isel({along: last}).drop_vars(along, errors="ignore")
