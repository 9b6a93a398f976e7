"""The records that the packages of freqbias exchange, and the netCDF files of these records."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from freqbias.errors import InputError
from freqbias.numerics import LARGEST, Grid, Sites
from freqbias.problem.deep_law import deep_laws
from freqbias.problem.density import Density
from freqbias.problem.laws import Laws, two_layer_laws
from freqbias.problem.loss import squared_loss
from freqbias.problem.netcdf import check_shapes, load_netcdf, save_netcdf
from freqbias.problem.samples import Samples
from freqbias.problem.settings import Network
from freqbias.problem.summary import counted, time_range


@dataclass(frozen=True, eq=False, repr=False)
class Problem:
    """The input of `pde.solve` and `nn.train`: a network, the samples that the network learns, and the output times.

    density: rho_w, the density of the first-layer frequencies.
    samples: the target f* on the training samples.
    network: width, depth, and the variance of the weights.
    times: output times, (T,), increasing from times[0] = 0, in gradient-flow time (step number times step size).
    seed: the seed of the random initial network. name: the name of the run. unit: the unit of x, for labels only.
    laws: damping and diffusion of the equation. By default they are those of the network at infinite width.
    held_out: samples that are not used for training. The error on these samples is reported separately.
    Raises InputError if the times do not increase from 0, or if the density is not defined in the dimension of the
    data.
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
            raise InputError(f"times = {self.times}; give at least two finite times that increase from 0")
        object.__setattr__(self, "times", times)
        if self.dimension not in self.density.dimensions:
            defined = " or ".join(map(str, self.density.dimensions)) or "no"
            raise InputError(
                f"[density] is defined in {defined} dimension(s), but the data have {self.dimension} dimension(s); "
                "give a density in this dimension, for example tables with one axis for each axis of the data"
            )
        if self.laws is None:
            network = self.network
            laws = (
                two_layer_laws(self.density, network.sigma_a, self.dimension, diagonal=network.diagonal)
                if network.depth == 2
                else deep_laws(self.density, network, self.dimension)
            )
            object.__setattr__(self, "laws", laws)

    def __repr__(self) -> str:
        return (
            f"Problem({self.name!r}: {counted(self.sites.size, 'sample')} in {self.dimension}-D, "
            f"{type(self.density).__name__}, depth {self.network.depth}, width {self.network.width:,}, "
            f"{time_range(self.times)})"
        )

    @property
    def sites(self) -> Sites:
        """The positions of the training samples."""
        return self.samples.sites

    @property
    def grid(self) -> Grid:
        """The sites, if they are a whole grid. Raises InputError if they are not."""
        if not isinstance(self.sites, Grid):
            problem = "are scattered" if self.sites.lattice is None else "are only a part of a grid"
            raise InputError(f"[data]: the samples {problem}; give samples on a whole grid, without held_out")
        return self.sites

    @property
    def dimension(self) -> int:
        return self.sites.dimension

    @property
    def reach(self) -> float:
        """X, an upper bound of max_j |x_j| [length]."""
        return float(np.linalg.norm(self.sites.reach))


@dataclass(frozen=True, repr=False)
class Spectrum:
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
    local operator.
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
        optional = {"loss": (("time",), self.loss), "sample_error": (("time", "channel", "sample"), self.sample_error)}
        save_netcdf(
            path,
            {
                "frequency": (("node", "axis"), self.frequency),
                "error_real": (("time", "channel", "node"), self.error.real),
                "error_imag": (("time", "channel", "node"), self.error.imag),
                "cells": (("cell", "local_node"), self.cells.astype(np.int64)),
                **{name: value for name, value in optional.items() if value[1] is not None},
            },
            self.time,
            {**self.attributes, "cell_type": self.cell_type, "degree": self.degree},
        )

    @classmethod
    def load(cls, path: Path) -> "Spectrum":
        """Read `spectrum.nc`. Raises InputError if the file is not a spectrum."""
        data = load_netcdf(path, {"frequency": 2, "error_real": 3, "error_imag": 3, "cells": 2}, {"sample_error": 3})
        attributes = dict(data.attrs)
        if missing := {"cell_type", "degree"} - attributes.keys():
            raise InputError(f"{path}: the attribute {min(missing)} is missing; run `freqbias pde` again")
        check_shapes(path, data, {"error_real": ("time", None, "frequency"), "error_imag": ("time", None, "frequency")})
        optional = {name: data[name].values for name in ("loss", "sample_error") if name in data}
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
        )


@dataclass(frozen=True, repr=False)
class ErrorHistory:
    """A network's error u = f - f* on the samples, at the output times.

    time: gradient-flow time, (T,). position: x_j, (N, d) [length]. error: u, (T, C, N), for C channels.
    loss: 1/2 mean_j u_j^2, summed over channels, (T,). attributes: facts about the run.
    held_out_position, held_out_error: positions (N', d) and errors (T, C, N') of N' held-out samples, or None.
    """

    time: np.ndarray
    position: np.ndarray
    error: np.ndarray
    loss: np.ndarray
    attributes: Mapping[str, Any] = field(default_factory=dict)
    held_out_position: np.ndarray | None = None
    held_out_error: np.ndarray | None = None

    def __repr__(self) -> str:
        channels, samples = self.error.shape[1:]
        return (
            f"ErrorHistory({time_range(self.time)}, {counted(channels, 'channel')}, {counted(samples, 'sample')} in "
            f"{self.position.shape[1]}-D, loss {self.loss[0]:.3g} -> {self.loss[-1]:.3g})"
        )

    @property
    def held_out_loss(self) -> np.ndarray | None:
        """Half the mean square of the held-out error, summed over channels, (T,)."""
        return None if self.held_out_error is None else squared_loss(self.held_out_error)

    def save(self, path: Path) -> None:
        """Write `error.nc` with dims time, channel, sample, axis, and held_out if there are held-out samples."""
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
        """Read `error.nc`. `loss` may be missing. Raises InputError if the file is not an error history."""
        data = load_netcdf(path, {"position": 2, "error": 3}, optional={"held_out_position": 2, "held_out_error": 3})
        check_shapes(path, data, {"error": ("time", None, "position")})
        held_out = {name: data[name].values for name in ("held_out_position", "held_out_error") if name in data}
        if len(held_out) == 1:
            raise InputError(
                f"{path}: {next(iter(held_out))} is the only held-out variable; give "
                "held_out_position and held_out_error, or neither"
            )
        if held_out:
            check_shapes(path, data, {"held_out_error": ("time", None, "held_out_position")})
        error = data["error"].values.astype(float)
        if not (peak := np.abs(error).max()) <= LARGEST:
            raise InputError(
                f"{path}: variable error reaches {peak:.3g}, above {LARGEST:.0e}; write it from a run that converged"
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
    """Return the permutation that sorts nodes (n, d) by xi_1, then xi_2, and so on.

    The sorted nodes do not depend on the partition, and xi -> -xi reverses their order. Coordinates that differ by less
    than 1e-9 of the largest coordinate are treated as equal.
    """
    same = 1e-9 * np.abs(frequency).max()
    return np.lexsort([_ranks(coordinate, same) for coordinate in frequency.T[::-1]])


def _ranks(values: np.ndarray, same: float) -> np.ndarray:
    """Return the rank of each value (n,) among the distinct values. Differences up to `same` are ignored."""
    order = np.argsort(values)
    ranks = np.empty(len(values), dtype=np.int64)
    ranks[order] = np.cumsum(np.diff(values[order], prepend=values[order[:1]]) > same)
    return ranks
