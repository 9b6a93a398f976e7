"""The records that travel between the rooms, and their netCDF files, real and imaginary parts apart."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from freqbias.errors import InputError
from freqbias.numerics import LARGEST, Grid, Sites
from freqbias.problem.deep_laws import deep
from freqbias.problem.density import Density
from freqbias.problem.laws import Laws, two_layer
from freqbias.problem.loss import squared_loss
from freqbias.problem.netcdf import check_shapes, load_netcdf, save_netcdf
from freqbias.problem.samples import Samples
from freqbias.problem.settings import Network


@dataclass(frozen=True, eq=False)
class Problem:
    """The mathematical statement: which network learns which samples, and when we look.

    times: output times (T,) in gradient-flow time, increasing, times[0] = 0.
    seed: of the network's draw. unit: of x, for labels only. laws: damping and diffusion of the network's equation;
    those of the network at infinite width where none are given. held_out: samples that the network does not learn from,
    but is asked for its error at.
    """

    density: Density
    samples: Samples
    network: Network
    times: np.ndarray
    seed: int = 0
    name: str = "run"
    unit: str = ""
    laws: Laws = None  # type: ignore[assignment]  # __post_init__ fills it in
    held_out: Samples | None = None

    def __post_init__(self) -> None:
        times = np.asarray(self.times, dtype=float)
        if (
            times.ndim != 1
            or len(times) < 2
            or times[0] != 0
            or not (np.diff(times) > 0).all()
            or not np.isfinite(times).all()
        ):
            raise InputError(
                f"times = {self.times}: expected an increasing list that starts with 0 and has a later time"
            )
        object.__setattr__(self, "times", times)
        if self.dimension not in self.density.dimensions:
            given = " or ".join(map(str, self.density.dimensions)) or "no"
            raise InputError(
                f"[density] is given in {given} dimension(s), and the data have {self.dimension}; give tables with one "
                f"axis for each axis of the data"
            )
        if self.laws is None:
            network = self.network
            laws = (
                two_layer(self.density, network.sigma_a, self.dimension, diagonal=network.diagonal)
                if network.depth == 2
                else deep(self.density, network, self.dimension)
            )
            object.__setattr__(self, "laws", laws)

    @property
    def sites(self) -> Sites:
        """Where the samples lie."""
        return self.samples.sites

    @property
    def grid(self) -> Grid:
        """The same, where they must form a grid; raises InputError where they do not."""
        if not isinstance(self.sites, Grid):
            raise InputError("[data]: this needs samples on a grid, and they are scattered")
        return self.sites

    @property
    def dimension(self) -> int:
        return self.sites.dimension

    @property
    def reach(self) -> float:
        """X, an upper bound of max_j |x_j| [length]."""
        return float(np.linalg.norm(self.sites.reach))


@dataclass(frozen=True)
class Spectrum:
    """The error's spectrum v on the nodes of a frequency mesh, at the output times.

    time (T,) gradient-flow time; frequency (n, d) [cycles/length], the Lagrange nodes in canonical order (see
    `canonical_order`); error (T, C, n) complex; cells (c, k): the nodes of each cell, in the order of Basix's
    Lagrange element (Gauss-Lobatto points) of this cell_type ("interval", "quadrilateral", "hexahedron", ...) and
    degree. attributes: numbers and words about the run.
    loss (T,): 1/2 mean_j u_j^2 of the solution on the samples, summed over channels; None where it is not known.
    sample_error (T, C, N): of the data operator that u, in the order of the problem's samples; v is its transform, at
    any xi. None of others.
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

    def save(self, path: Path) -> None:
        """Write `spectrum.nc`: dims time, channel, node, axis, cell, local_node, and sample where u is known."""
        known = {"loss": (("time",), self.loss), "sample_error": (("time", "channel", "sample"), self.sample_error)}
        save_netcdf(
            path,
            {
                "frequency": (("node", "axis"), self.frequency),
                "error_real": (("time", "channel", "node"), self.error.real),
                "error_imag": (("time", "channel", "node"), self.error.imag),
                "cells": (("cell", "local_node"), self.cells.astype(np.int64)),
                **{name: value for name, value in known.items() if value[1] is not None},
            },
            self.time,
            {**self.attributes, "cell_type": self.cell_type, "degree": self.degree},
        )

    @classmethod
    def load(cls, path: Path) -> "Spectrum":
        """Raises InputError where the file is not a spectrum."""
        data = load_netcdf(path, {"frequency": 2, "error_real": 3, "error_imag": 3, "cells": 2}, {"sample_error": 3})
        attributes = dict(data.attrs)
        if missing := {"cell_type", "degree"} - attributes.keys():
            raise InputError(f"{path}: the attribute {min(missing)} is missing; write it anew with `freqbias pde`")
        check_shapes(path, data, {"error_real": ("time", None, "frequency"), "error_imag": ("time", None, "frequency")})
        known = {name: data[name].values for name in ("loss", "sample_error") if name in data}
        if "sample_error" in known:
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
            **known,
        )


@dataclass(frozen=True)
class ErrorHistory:
    """A network's error u = f - f* on the samples, at the output times.

    time (T,) gradient-flow time; position (N, d) [length]; error (T, C, N); loss (T,): 1/2 mean_j u_j^2, summed over
    channels. held_out_position (N', d), held_out_error (T, C, N'): the same at samples that were held out, if any.
    """

    time: np.ndarray
    position: np.ndarray
    error: np.ndarray
    loss: np.ndarray
    attributes: Mapping[str, Any] = field(default_factory=dict)
    held_out_position: np.ndarray | None = None
    held_out_error: np.ndarray | None = None

    @property
    def held_out_loss(self) -> np.ndarray | None:
        """1/2 the mean square of the held-out error, summed over channels, (T,)."""
        return None if self.held_out_error is None else squared_loss(self.held_out_error)

    def save(self, path: Path) -> None:
        """Write `error.nc`: dims time, channel, sample, axis, and held_out where there are such samples."""
        variables: dict[str, Any] = {
            "position": (("sample", "axis"), self.position),
            "error": (("time", "channel", "sample"), self.error),
            "loss": (("time",), self.loss),
        }
        if self.held_out_error is not None:
            variables |= {
                "held_out_position": (("held_out", "axis"), self.held_out_position),
                "held_out_error": (("time", "channel", "held_out"), self.held_out_error),
                "held_out_loss": (("time",), self.held_out_loss),
            }
        save_netcdf(path, variables, self.time, dict(self.attributes))

    @classmethod
    def load(cls, path: Path) -> "ErrorHistory":
        """Raises InputError where the file is not an error history; `loss` may be missing and is then computed."""
        data = load_netcdf(path, {"position": 2, "error": 3}, optional={"held_out_position": 2, "held_out_error": 3})
        check_shapes(path, data, {"error": ("time", None, "position")})
        held_out = {name: data[name].values for name in ("held_out_position", "held_out_error") if name in data}
        if len(held_out) == 1:
            raise InputError(f"{path}: {next(iter(held_out))} stands alone; give positions and errors, or neither")
        if held_out:
            check_shapes(path, data, {"held_out_error": ("time", None, "held_out_position")})
        error = data["error"].values.astype(float)
        if not (peak := np.abs(error).max()) <= LARGEST:
            raise InputError(
                f"{path}: variable error reaches {peak:.3g}, beyond {LARGEST:.0e}; write it from a run that converged"
            )
        loss = data["loss"].values if "loss" in data else squared_loss(error)
        return cls(
            data["time"].values.astype(float),
            data["position"].values.astype(float),
            error,
            loss,
            dict(data.attrs),
            **held_out,
        )


def canonical_order(frequency: np.ndarray) -> np.ndarray:
    """The permutation that sorts nodes (n, d) by xi_1, then xi_2, ...: the same whatever the partition, and reversed
    by xi -> -xi.

    Coordinates closer than 1e-9 of the largest count as equal.
    """
    same = 1e-9 * np.abs(frequency).max()
    return np.lexsort([_ranks(coordinate, same) for coordinate in frequency.T[::-1]])


def _ranks(values: np.ndarray, same: float) -> np.ndarray:
    """The rank of each value (n,) among the distinct ones. Rounding would part equal values that lie at its edge."""
    order = np.argsort(values)
    ranks = np.empty(len(values), dtype=np.int64)
    ranks[order] = np.cumsum(np.diff(values[order], prepend=values[order[:1]]) > same)
    return ranks
