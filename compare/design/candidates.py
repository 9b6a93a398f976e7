"""The candidates of a design: densities of some families, widths and output weights."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple

from freqbias.compare.design.trainings import GRADIENT_DESCENT_NAME, MEAN_SQUARE_NAME, STATED, loss_named
from freqbias.nn import step_rule
from freqbias.problem import Annulus, Ball, Density, Gaussian, Laplace, Mixture, Problem, StudentT, Uniform

FREEDOM = 5.0  # degrees of freedom of Student's t


class Family(NamedTuple):
    """key: the parameter in the section [density]. make: the density with this parameter. fixed: the other keys."""

    key: str
    make: Callable[[float], Density]
    fixed: Mapping[str, float] = MappingProxyType({})


FAMILIES = {
    "gaussian": Family("sigma", Gaussian),
    "laplace": Family("scale", Laplace),
    "uniform": Family("radius", Uniform),
    "ball": Family("radius", Ball),
    "student-t": Family("sigma", lambda sigma: StudentT(sigma, FREEDOM), {"freedom": FREEDOM}),
}
ANNULUS = "annulus"
THINNEST = 0.99  # inner radius of an annulus over its radius
PLUS = " + "  # between the families of a mixture
MIXTURE_SHAPES = tuple((ratio, weight) for ratio in (2.0, 4.0) for weight in (0.2, 0.5))


@dataclass(frozen=True)
class Candidate:
    """A network that could be trained.

    scale: the parameter of the density [cycles/length]. draw: 0, 1, ... loss, optimiser: as in [design].
    shape: for a mixture of two families, the scale of the second over that of the first, and the weight of the second;
    for an annulus, its inner radius over its radius.
    """

    family: str
    scale: float
    width: int
    sigma_a: float
    draw: int = 0
    shape: tuple[float, ...] = ()
    loss: str = MEAN_SQUARE_NAME
    optimiser: str = GRADIENT_DESCENT_NAME

    @property
    def kind(self) -> tuple[str, tuple[float, ...], float, str, str]:
        """All but scale, width and draw. Candidates of one kind form a curve over the scale, for each width."""
        return self.family, self.shape, self.sigma_a, self.loss, self.optimiser

    @property
    def training(self) -> str:
        """The loss and the optimiser in words, without defaults."""
        loss = "loss of [training]" if self.loss == STATED else self.loss
        return ", ".join(
            name for name in (loss, self.optimiser) if name not in (MEAN_SQUARE_NAME, GRADIENT_DESCENT_NAME)
        )

    def density(self) -> Density:
        if self.family == ANNULUS:
            return Annulus(self.shape[0] * self.scale, self.scale)
        parts = [FAMILIES[family].make(scale) for family, scale in self.parts]
        return parts[0] if len(parts) == 1 else Mixture((1 - self.shape[1], self.shape[1]), tuple(parts))

    @property
    def parts(self) -> list[tuple[str, float]]:
        """The families and scales of the parts of a mixture, or of the density itself."""
        scales = (self.scale, self.scale * self.shape[0]) if PLUS in self.family else (self.scale,)
        return list(zip(self.family.split(PLUS), scales, strict=True))

    def problem(self, problem: Problem) -> Problem:
        """Return the problem with this network. Draw number k has the seed of the problem plus k."""
        update = {"width": self.width, "sigma_a": self.sigma_a}
        if problem.network.hidden_width == problem.network.width:  # hidden layers are as wide as the first by default
            update["hidden_width"] = self.width
        changed = replace(
            problem,
            density=self.density(),
            network=problem.network.model_copy(update=update),
            laws=None,  # type: ignore[arg-type]  # those of the density
            seed=problem.seed + self.draw,
            loss=loss_named(self.loss, problem),
            gauss_newton=step_rule(self.optimiser).damping or None,
        )
        loss = changed.loss.for_laws(changed.laws)
        return changed if loss is changed.loss else replace(changed, loss=loss)

    @property
    def identifier(self) -> str:
        """A name for files."""
        numbers = (*self.shape, self.scale, self.width, self.sigma_a, self.draw)
        names = [] if not self.training else [self.loss.replace(" ", "_"), self.optimiser.replace(" ", "_")]
        return "-".join([*self.family.split(PLUS), *map(repr, numbers), *names])

    def section(self) -> dict[str, Any]:
        """Return the section [density] of the run file."""
        if self.family == ANNULUS:
            return {"kind": ANNULUS, "inner": self.shape[0] * self.scale, "radius": self.scale}
        parts = [
            {"kind": family, FAMILIES[family].key: scale, **FAMILIES[family].fixed} for family, scale in self.parts
        ]
        if len(parts) == 1:
            return parts[0]
        return {"kind": "mixture", "weights": [1 - self.shape[1], self.shape[1]], "parts": parts}

    def __str__(self) -> str:
        return f"{self.density_in_words}, {self.training}" if self.training else self.density_in_words

    @property
    def density_in_words(self) -> str:
        if self.family == ANNULUS:
            return f"annulus inner = {self.shape[0] * self.scale:.4g}, radius = {self.scale:.4g}"
        parts = [f"{family} {FAMILIES[family].key} = {scale:.4g}" for family, scale in self.parts]
        return parts[0] if len(parts) == 1 else f"{parts[0]} + {parts[1]} (weight {self.shape[1]:g})"


def shapes(family: str, band: tuple[float, float] | None) -> list[tuple[float, ...]]:
    """Return the shapes to try. band: the frequencies to learn [cycles/length], which an annulus covers."""
    if family == ANNULUS:
        assert band is not None  # checked with the settings
        return [(min(float(f"{band[0] / band[1]:.4g}"), THINNEST),)]
    return list(MIXTURE_SHAPES) if PLUS in family else [()]


def without_optimiser(candidate: Candidate) -> Candidate:
    """Return the candidate with gradient descent as its optimiser."""
    return replace(candidate, optimiser=GRADIENT_DESCENT_NAME)
