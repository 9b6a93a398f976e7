"""The file `spectrum.nc` of a `Spectrum` that is never whole in memory."""

from pathlib import Path
from typing import Any

import numpy as np

from freqbias.problem.netcdf import extend_netcdf, save_netcdf
from freqbias.problem.netcdf4 import Reserved
from freqbias.problem.records import Problem
from freqbias.problem.spectrum import SPECTRUM_DIMENSIONS
from freqbias.problem.targets import Targets


def create_spectrum_file(
    path: Path, problem: Problem, *, nodes: int, cells: tuple[int, int], with_samples: bool
) -> dict[str, int]:
    """Create `spectrum.nc`, without the values of large variables, which are written later.

    nodes: n. cells: their number and the nodes of each. with_samples: whether it has `sample_error`.
    Returns for frequency, error_real, error_imag, cells and sample_error the place of the first value in the file
    [bytes]. The values have the shapes of `Spectrum`, in the order of C; those of cells are 64-bit integers, and all
    others are numbers of double precision.
    """
    at_times, real = (len(problem.times), problem.samples.channels), np.dtype(float)
    shapes: dict[str, tuple[int, ...]] = {
        "frequency": (nodes, problem.dimension), "error_real": (*at_times, nodes), "error_imag": (*at_times, nodes),
        "cells": cells,
    }  # fmt: skip
    if with_samples:
        shapes["sample_error"] = (*at_times, problem.sites.size)
    reserved = {
        name: Reserved(SPECTRUM_DIMENSIONS[name], shape, np.dtype(np.int64) if name == "cells" else real)
        for name, shape in shapes.items()
    }
    normalisation = problem.samples.normalisation.variables()
    return save_netcdf(path, normalisation, problem.times, {"unit": problem.unit}, reserved)


def finish_spectrum_file(path: Path, loss: np.ndarray, targets: Targets, attributes: dict[str, Any]) -> None:
    """Add loss (T,), values at targets, and attributes to a file of `create_spectrum_file`."""
    extend_netcdf(path, {"loss": (SPECTRUM_DIMENSIONS["loss"], loss), **targets.target_variables()}, attributes)
