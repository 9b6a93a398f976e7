"""The section [design] of the run file: which densities and networks `freqbias design` compares."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from freqbias.numerics import LARGEST
from freqbias.problem.section import Settings
from freqbias.problem.settings import Duration, Positive


def _spaced(name: object) -> object:
    """Return the name of a mixture with one space around the plus."""
    return " + ".join(part.strip() for part in name.split("+")) if isinstance(name, str) else name


PART = "(gaussian|laplace|uniform|ball|student-t)"
Family = Annotated[str, BeforeValidator(_spaced), Field(pattern=rf"^({PART}( \+ {PART})?|annulus)$")]
NonNegative = Annotated[float, Field(ge=0, le=LARGEST)]
Width = Annotated[int, Field(ge=2, le=10**9)]
Steps = Annotated[int, Field(ge=1, le=10**9)]
SigmaA = Annotated[float, Field(gt=0, le=LARGEST)]
MOST_SCALES = 1000


NUMBER = r"-?\d+(\.\d+)?(e-?\d+)?"
Loss = Annotated[str, Field(pattern=rf"^(mean-square|training|density|sobolev {NUMBER}( density)?)$")]
Optimiser = Annotated[str, Field(pattern=rf"^(gradient-descent|(momentum|nesterov|gauss-newton)( {NUMBER})?)$")]


class Design(Settings):
    """The settings of `freqbias design`."""

    families: Annotated[list[Family], Field(min_length=1)] | None = Field(
        None,
        description='a list of kinds of densities to compare: "gaussian", "laplace", "uniform", "ball", "student-t" '
        '(with freedom = 5), mixtures of two such as "gaussian + laplace", and for the purpose "band" also "annulus"; '
        'the default is ["gaussian", "laplace"], with "ball" for the purpose "balanced", and with "ball" and "annulus" '
        'for "band"',
    )
    scale: Annotated[list[Positive], Field(min_length=2, max_length=2)] | None = Field(
        None,
        description="a list of two increasing positive numbers, in cycles per unit length: the range of the parameter "
        "of each density (sigma, scale or radius), for example scale = [1.0, 24.0]; the default follows from the "
        "extent and the spacing of the samples",
    )
    scales: int = Field(
        7,
        ge=2,
        le=MOST_SCALES,
        description="a whole number from 2 to 1000: the number of scales in the range, before the search refines them",
    )
    widths: Annotated[list[Width], Field(min_length=1)] | None = Field(
        None, description="a list of positive whole numbers: the widths to compare; default: [network] width"
    )
    sigma_a: Annotated[list[SigmaA], Field(min_length=1)] | None = Field(
        None, description="a list of positive numbers: the values of sigma_a to compare; default: [network] sigma_a"
    )
    losses: Annotated[list[Loss], Field(min_length=1)] | None = Field(
        None,
        description='a list of losses to compare: "mean-square", "density" (weights that undo the crowding of '
        'scattered samples), "sobolev -1" (of any order), "sobolev -1 density", "training" (what [training] states); '
        'default: "training"',
    )
    optimisers: Annotated[list[Optimiser], Field(min_length=1)] | None = Field(
        None,
        description='a list of optimisers to compare: "gradient-descent", "momentum 0.9", "nesterov 0.9" (mu), '
        '"gauss-newton 0.001" (damping; a step costs several evaluations of the gradient, which are counted); default: '
        '"gradient-descent"',
    )
    steps: Annotated[list[Steps], Field(min_length=1)] | None = Field(
        None,
        description="a list of positive whole numbers: the numbers of steps of gradient descent to decide for, for "
        "example steps = [100, 300]; the default is [100, 300], unless times is given. Purposes other than "
        '"held-out" take one number, the largest number of steps, by default 1000',
    )
    times: Annotated[list[Duration], Field(min_length=1)] | None = Field(
        None, description="a list of positive numbers, instead of steps: the gradient-flow times to decide for"
    )
    step_factor: float = Field(
        1.0,
        gt=0,
        lt=2,
        description="a number between 0 and 2: the step size of gradient descent, as a multiple of 1/lambda_max",
    )
    purpose: Literal["held-out", "balanced", "band", "order"] = Field(
        "held-out",
        description='"held-out" (the least loss on samples that the network has not seen), "balanced" (equal learning '
        'rates in the band, and the slowest as large as possible), "band" (the fewest steps to halve the error in the '
        'band), or "order" (learning rates at the ends of the band with this ratio)',
    )
    band: Annotated[list[NonNegative], Field(min_length=2, max_length=2)] | None = Field(
        None,
        description="a list of two increasing numbers, in cycles per unit length: the smallest and the largest |xi| in "
        'the band, for example band = [4.0, 12.0]; "balanced" and "order" take by default the frequencies with 95 % of '
        "the energy of the target",
    )
    ratio: Annotated[float, Field(gt=0, le=LARGEST)] | None = Field(
        None,
        description='a positive number: for the purpose "order", the learning rate at the lower end of the band over '
        "that at its upper end, for example ratio = 4.0",
    )
    criterion: Literal["auto", "held-out", "gcv", "training-loss"] = Field(
        "auto",
        description='"held-out" (the loss on held-out samples), "gcv" (generalised cross-validation, which needs no '
        'held-out samples), "training-loss" (misleading, to see why), or "auto" ("held-out" if there are held-out '
        'samples, else "gcv")',
    )
    draws: int = Field(
        3,
        ge=1,
        le=1000,
        description="a whole number from 1 to 1000: the number of random networks for the three best candidates; all "
        "others are judged by one",
    )
    probes: int | None = Field(
        None,
        ge=1,
        le=1000,
        description='a whole number from 1 to 1000: the number of random vectors of "gcv"; by default 16384 divided by '
        "the number of values, at least 2, and for up to 1024 values none, because the trace is then exact",
    )

    @model_validator(mode="after")
    def _check_consistency(self) -> "Design":
        if self.scale is not None and self.scale[0] >= self.scale[1]:
            raise ValueError(f"scale = {self.scale} does not increase; give the smallest and the largest scale")
        if self.steps is not None and self.times is not None:
            raise ValueError(f"steps = {self.steps} contradicts times = {self.times}; give only one of them")
        self._check_purpose()
        if self.optimisers is not None and self.times is not None:
            raise ValueError(f"optimisers = {self.optimisers} take steps, but times = {self.times}; leave one out")
        if self.criterion == "gcv" and self.losses not in (None, ["mean-square"]):
            raise ValueError(f'losses = {self.losses} need criterion = "held-out" and held-out samples; use them')
        for name in ("families", "widths", "sigma_a", "losses", "optimisers", "steps", "times"):
            values = getattr(self, name)
            if values is not None and len(set(values)) < len(values):
                raise ValueError(f"{name} = {values} names a value twice; name each value once")
        return self

    def _check_purpose(self) -> None:
        purpose, of_bands = self.purpose, self.purpose != "held-out"
        if self.band is not None and self.band[0] >= self.band[1]:
            raise ValueError(f"band = {self.band} does not increase; give the smallest and the largest |xi|")
        for name, value, needed, allowed, example in (
            ("band", self.band, purpose == "band", of_bands, "[4.0, 12.0]"),
            ("ratio", self.ratio, purpose == "order", purpose == "order", "4.0"),
        ):
            if needed and value is None:
                raise ValueError(f'purpose = "{purpose}" needs {name}; give it, for example {name} = {example}')
            if value is not None and not allowed:
                raise ValueError(f'{name} = {value} has no meaning for purpose = "{purpose}"; leave {name} out')
        if of_bands:
            if self.times is not None:
                raise ValueError(f'times = {self.times} has no meaning for purpose = "{purpose}"; use steps')
            if self.steps is not None and len(self.steps) > 1:
                raise ValueError(
                    f'steps = {self.steps}: purpose = "{purpose}" takes one number, the largest number of steps'
                )
            if self.criterion != "auto":
                raise ValueError(
                    f'criterion = "{self.criterion}" has no meaning for purpose = "{purpose}"; leave criterion out'
                )
        if "annulus" in (self.families or ()) and (purpose != "band" or self.band is None or self.band[0] == 0):
            raise ValueError(
                'families: "annulus" needs purpose = "band" and a band that begins above 0; leave "annulus" out'
            )
