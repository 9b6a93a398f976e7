"""The candidates of a design: densities of some families, widths and output weights."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from freqbias.numerics import Sites
from freqbias.problem import Ball, Density, Gaussian, Laplace, Problem, StudentT, Uniform

FREEDOM = 5.0  # degrees of freedom of Student's t


class Family(NamedTuple):
    """key: the parameter in the section [density]. make: the density with this parameter."""

    key: str
    make: Callable[[float], Density]


FAMILIES = {
    "gaussian": Family("sigma", Gaussian),
    "laplace": Family("scale", Laplace),
    "uniform": Family("radius", Uniform),
    "ball": Family("radius", Ball),
    "student-t": Family("sigma", lambda sigma: StudentT(sigma, FREEDOM)),
}


@dataclass(frozen=True)
class Candidate:
    """A network that could be trained. scale: the parameter of the density [cycles/length]. draw: 0, 1, ..."""

    family: str
    scale: float
    width: int
    sigma_a: float
    draw: int = 0

    def problem(self, problem: Problem) -> Problem:
        """Return the problem with this network. Draw number k has the seed of the problem plus k."""
        update = {"width": self.width, "sigma_a": self.sigma_a}
        if problem.network.hidden_width == problem.network.width:  # hidden layers are as wide as the first by default
            update["hidden_width"] = self.width
        return replace(
            problem,
            density=FAMILIES[self.family].make(self.scale),
            network=problem.network.model_copy(update=update),
            laws=None,  # type: ignore[arg-type]  # those of the density
            seed=problem.seed + self.draw,
        )

    def section(self) -> dict[str, Any]:
        """Return the section [density] of the run file."""
        freedom = {"freedom": FREEDOM} if self.family == "student-t" else {}
        return {"kind": self.family, FAMILIES[self.family].key: self.scale, **freedom}

    def __str__(self) -> str:
        return f"{self.family} {FAMILIES[self.family].key} = {self.scale:.4g}"


def default_scales(sites: Sites) -> tuple[float, float]:
    """Return the range of scales for some samples [cycles/length].

    The smallest is half a cycle over the extent, the largest three quarters of the Nyquist frequency. Scattered samples
    count as evenly spread.
    """
    if sites.lattice is not None:
        return 0.5 / max(sites.lattice.extent), 0.75 * float(sites.nyquist.max())
    nyquist = 0.5 * (sites.size / sites.volume) ** (1 / sites.dimension)
    return float(0.5 / sites.span.max()), 0.75 * nyquist


def scale_grid(lower: float, upper: float, count: int) -> list[float]:
    """Return scales with a constant ratio, rounded to four digits."""
    return sorted({float(f"{scale:.4g}") for scale in np.geomspace(lower, upper, count)})
