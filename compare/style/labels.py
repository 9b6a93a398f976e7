"""Labels of axes and legends, with units."""

from collections.abc import Mapping
from typing import Any

import numpy as np

DATA_UNIT = "(unit of the error)"  # of v, a mean over samples; after [data] standardize, standard deviations


def frequency_unit(unit: str | None) -> str:
    """Return the unit of frequencies. unit: the unit of positions, empty if unknown."""
    return f"cycles/{unit or 'unit length'}"


def frequency_label(unit: str | None, symbol: str = r"\xi", *, limit: np.ndarray | None = None) -> str:
    """Return the label of a frequency axis.

    unit: the unit of positions. limit: the Nyquist limit (d,) [cycles/length], added to the label if finite.
    """
    nyquist = ""
    if limit is not None and np.isfinite(limit).all():
        nyquist = "; Nyquist limit " + ", ".join(f"±{float(f'{bound:.4g}'):g}" for bound in limit)
    return rf"frequency ${symbol}$ ({frequency_unit(unit)}{nyquist})"


def magnitude_label(channels: int, symbol: str = "v") -> str:
    """Return the label of |v|. With several channels, this is the root of sum_c |v_c|^2."""
    if channels == 1:
        return f"$|{symbol}|$"
    return rf"$(\sum_c |{symbol}_c|^2)^{{1/2}}$"


def network_label(attributes: Mapping[str, Any]) -> str:
    """Return the label of the network in a legend, with width and depth if they are known."""
    width, depth = attributes.get("width"), attributes.get("depth", 2)
    if width is None:
        return "network"
    if "omega_0" in attributes:
        return f"SIREN, {depth} layers, width {width:,}"
    return f"network, {width:,} neurons" if depth == 2 else f"network of {depth} layers, width {width:,}"
