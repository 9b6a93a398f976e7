"""The solution of the equation, and its netCDF file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from freqbias.errors import InputError
from freqbias.problem.netcdf import check_shapes, load_netcdf, save_netcdf
from freqbias.problem.normalisation import DIMENSIONS, Normalisation
from freqbias.problem.summary import counted, time_range
from freqbias.problem.targets import TARGET_DIMENSIONS, Targets

NORMALISATION = dict.fromkeys(DIMENSIONS, 1)  # one axis each
SPECTRUM_DIMENSIONS = {
    "frequency": ("node", "axis"),
    "error_real": ("time", "channel", "node"),
    "error_imag": ("time", "channel", "node"),
    "cells": ("cell", "local_node"),
    "sample_error": ("time", "channel", "sample"),
    "loss": ("time",),
}


@dataclass(frozen=True, repr=False)
class Spectrum(Targets):
    """The spectrum v of the error on the nodes of a frequency mesh, at the output times.

    time: gradient-flow time, (T,).
    frequency: the Lagrange nodes in the order of `canonical_order`, (n, d) [cycles/length].
    error: v, complex, (T, C, n), for C channels.
    cells: the nodes of each cell, (number of cells, nodes of a cell). They have the order of Basix's Lagrange element
    (Gauss-Lobatto points).
    cell_type, degree: the cell type ("interval", "quadrilateral", "hexahedron", ...) and the degree of this element.
    attributes: facts about the run.
    loss: 1/2 mean_j u_j^2 on the samples, summed over channels, (T,), or None if unknown.
    sample_error: the error u on the problem's samples, (T, C, N). Its transform is v at any frequency. None for the
    local operator. normalisation: how the samples differ from those of the user.
    Values at held-out samples and other positions are in `Targets`.
    """

    time: np.ndarray
    frequency: np.ndarray
    error: np.ndarray
    cells: np.ndarray
    cell_type: str
    degree: int
    attributes: Mapping[str, Any] = field(default_factory=dict)
    loss: np.ndarray | None = None
    sample_error: np.ndarray | None = None
    normalisation: Normalisation = None  # type: ignore[assignment]  # __post_init__ fills it in

    def __post_init__(self) -> None:
        if self.normalisation is None:
            identity = Normalisation.identity(self.error.shape[1], self.frequency.shape[1])
            object.__setattr__(self, "normalisation", identity)

    def __repr__(self) -> str:
        nodes, dimension = self.frequency.shape
        return (
            f"Spectrum({time_range(self.time)}, {counted(self.error.shape[1], 'channel')}, {counted(nodes, 'node')} in "
            f"{dimension}-D, {self.cell_type} cells of degree {self.degree})"
        )

    def save(self, path: Path) -> None:
        """Write `spectrum.nc` with dims time, channel, node, axis, cell, local_node, and sample for `sample_error`.

        Real and imaginary parts are separate variables.
        """
        parts = {"error_real": self.error.real, "error_imag": self.error.imag, "cells": self.cells.astype(np.int64)}
        variables = {"frequency": self.frequency, **parts, "loss": self.loss, "sample_error": self.sample_error}
        save_netcdf(
            path,
            {
                **{name: (SPECTRUM_DIMENSIONS[name], each) for name, each in variables.items() if each is not None},
                **self.target_variables(),
                **self.normalisation.variables(),
            },
            self.time,
            {**self.attributes, "cell_type": self.cell_type, "degree": self.degree},
        )

    @classmethod
    def load(cls, path: Path) -> "Spectrum":
        """Read `spectrum.nc`. Raises InputError if the file is not a spectrum."""
        expected = {"frequency": 2, "error_real": 3, "error_imag": 3, "cells": 2}
        targets = {name: len(dims) for name, dims in TARGET_DIMENSIONS.items()}
        data = load_netcdf(path, expected, {"sample_error": 3, **targets, **NORMALISATION})
        attributes = dict(data.attrs)
        if missing := {"cell_type", "degree"} - attributes.keys():
            raise InputError(f"{path}: the attribute {min(missing)} is missing; run `freqbias pde` again")
        check_shapes(path, data, {"error_real": ("time", None, "frequency"), "error_imag": ("time", None, "frequency")})
        optional = {name: data[name].values for name in ("loss", "sample_error", *TARGET_DIMENSIONS) if name in data}
        if "sample_error" in optional:
            check_shapes(path, data, {"sample_error": ("time",)})
        error = data["error_real"].values + 1j * data["error_imag"].values
        cell_type, degree = str(attributes.pop("cell_type")), int(attributes.pop("degree"))
        return cls(
            data["time"].values,
            data["frequency"].values,
            error,
            data["cells"].values,
            cell_type,
            degree,
            attributes,
            **optional,
            normalisation=Normalisation.of_file(path, data, error.shape[1], data["frequency"].shape[1]),
        )
