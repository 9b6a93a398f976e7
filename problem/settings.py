"""The sections of the run file, as models: types, ranges, defaults, and in each description the remedy an error
message gives.

Keys and their meaning: the table in README.md. The same models are the settings that the functions of `pde`, `nn` and
`compare` take.
"""

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from freqbias.numerics import LARGEST, SMALLEST
from freqbias.problem.section import Section, Settings

Positive = Annotated[float, Field(ge=SMALLEST, le=LARGEST)]


def positive(description: str, **extra: Any) -> Any:
    return Field(ge=SMALLEST, le=LARGEST, description=description, **extra)


PATH = 'the path of a data file, relative to the run file, or "matplotlib:NAME" for a sample that matplotlib ships'
KEY = "the name of the array inside an .npz"
DTYPE = "the number type of a raw .dat file"
DataType = Literal["float32", "float64", "int16", "int32", "uint8", "uint16"]


def check_ending(path: str, *, key: str | None, dtype: str | None) -> None:
    """`key` and `dtype` say what files of one kind leave open."""
    for name, value, suffix in (("key", key, ".npz"), ("dtype", dtype, ".dat")):
        if value is not None and not path.lower().endswith(suffix):
            raise ValueError(f"{name} = {value!r} is for {suffix} files, and path = {path!r}; leave {name} out")


class Network(Settings):
    """The network whose training the equation describes."""

    width: int = Field(
        ge=1,
        le=10**9,
        description="a whole number from 1 to 10^9: the number of neurons, for example width = 100000",
    )
    sigma_a: float = Field(
        ge=0,
        le=LARGEST,
        description="a number of at least 0: the standard deviation of the output weights, for example sigma_a = 1.0",
    )
    sampling: Literal["iid", "sobol"] = Field("iid", description='"iid", or "sobol" for a smaller sampling error')
    symmetric: bool = Field(
        True, description="true or false: whether every neuron has its negative, so that f starts at 0"
    )
    diagonal: bool = Field(
        False, description="true or false: whether a trained diagonal layer follows the Fourier features"
    )
    depth: Literal[2, 3, 4] = Field(2, description="2, 3 or 4: the layers of weights, the first and the last included")
    hidden_width: int | None = Field(
        None,
        ge=1,
        le=10**6,
        description="a whole number from 1 to 10^6, with depth = 3 or 4: the neurons of each layer after the Fourier "
        "features, for example hidden_width = 4000",
    )
    activation: Literal["relu", "sine", "tanh", "erf", "gelu"] | None = Field(
        None, description='"relu", "sine", "tanh", "erf" or "gelu", with depth = 3 or 4'
    )

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, table: Any) -> Any:
        """Of hidden layers: as wide as the first, and relu, so that what is stored is complete."""
        if isinstance(table, dict) and table.get("depth") in (3, 4) and isinstance(table.get("width"), int):
            given = {name: value for name, value in table.items() if value is not None}
            return {"hidden_width": table["width"], "activation": "relu", **given}
        return table

    @model_validator(mode="after")
    def _agree(self) -> "Network":
        for name, value in (("hidden_width", self.hidden_width), ("activation", self.activation)):
            if self.depth == 2 and value is not None:
                raise ValueError(
                    f"{name} = {value!r} is for networks of depth 3 or 4, and depth = 2; give depth = 3, or leave "
                    f"{name} out"
                )
        if self.depth > 2 and self.diagonal:
            raise ValueError(
                f"diagonal = true is for depth = 2, and depth = {self.depth}; leave diagonal out, or use depth = 2"
            )
        for name, width in (("width", self.width), ("hidden_width", self.hidden_width or 2)):
            if self.symmetric and width % 2:
                raise ValueError(
                    f"{name} = {width} is odd, and symmetric = true pairs every neuron with its negative; use an "
                    f"even {name} or symmetric = false"
                )
        if self.sigma_a == 0 and not self.symmetric:
            raise ValueError("sigma_a = 0 starts at 0 anyway; use symmetric = true")
        return self


class Time(Settings):
    """Output times in gradient-flow time; t = 0 is one of them besides."""

    end: float | None = positive("a positive number in gradient-flow time, for example end = 200.0", default=None)
    outputs: int | None = Field(
        None,
        ge=1,
        le=10**6,
        description="a whole number from 1 to 10^6: how many evenly spaced output times, for example outputs = 20",
    )
    times: Annotated[list[Positive], Field(min_length=1)] | None = Field(
        None,
        description="a list of increasing positive numbers, instead of end and outputs; leave 0 out, which is one of "
        "the times anyway",
    )

    @model_validator(mode="after")
    def _agree(self) -> "Time":
        if self.times is None:
            if self.end is None:
                raise ValueError("end is missing; give end (and outputs), or times")
            return self
        if self.outputs is not None:
            raise ValueError(f"outputs = {self.outputs} contradicts times; give one of the two")
        if any(later <= earlier for earlier, later in zip(self.times, self.times[1:], strict=False)):
            raise ValueError(f"times = {self.times} do not increase; sort them and drop repeats")
        if self.end not in (None, self.times[-1]):
            raise ValueError(f"end = {self.end} contradicts the last of times, {self.times[-1]}; leave end out")
        return self


class Mesh(Settings):
    """The frequency mesh, where it is not to follow from the tolerance."""

    half_width: float | None = positive(
        "a positive number in cycles per unit length: the mesh covers |xi_i| <= half_width", default=None
    )
    size: float | None = positive("a positive number in cycles per unit length: the size of the elements", default=None)
    path: str | None = Field(
        None,
        min_length=1,
        description="the path of your own mesh of frequency space, relative to the run file, in any format that meshio "
        "reads",
    )

    adaptive: bool = Field(
        False,
        description="true or false: whether the local operator's mesh is refined, where it pays, until the estimated "
        "error meets [pde] tolerance",
    )

    @model_validator(mode="after")
    def _agree(self) -> "Mesh":
        if self.path is not None and (self.half_width or self.size):
            raise ValueError("path contradicts half_width and size, which are those of the file; leave them out")
        if self.half_width is not None and self.size is not None and self.size > self.half_width:
            raise ValueError(f"size = {self.size} is more than half_width = {self.half_width}; use smaller elements")
        return self


class Pde(Settings):
    """How the equation is solved."""

    operator: Literal["data", "local"] = Field(
        "data", description='"data" (exact on the data) or "local" (the damped heat equation)'
    )
    integrator: Literal["lanczos", "adaptive", "crank-nicolson", "backward-euler"] = Field(
        "lanczos", description='"lanczos", "adaptive", "crank-nicolson" or "backward-euler"'
    )
    dynamics: Literal["flow", "gradient-descent"] = Field(
        "flow",
        description='"flow" (training in the limit of small steps) or "gradient-descent" (its steps themselves, of the '
        "length that [training] step gives)",
    )
    initial: Literal["auto", "target", "network"] = Field(
        "auto", description='"target", "network" or "auto" (what the network has)'
    )
    step: Literal["auto"] | Positive = Field(
        "auto", description='"auto" (from the tolerance) or a positive number in gradient-flow time'
    )
    degree: int = Field(6, ge=1, le=8, description="a whole number from 1 to 8: the degree of the Lagrange elements")
    tolerance: float = Field(
        1e-3,
        ge=1e-8,
        le=0.1,
        description="a number from 1e-8 to 0.1: the error of v relative to v(0), at every output time",
    )

    @model_validator(mode="after")
    def _agree(self) -> "Pde":
        if self.dynamics == "gradient-descent":
            if self.operator != "data" or self.integrator != "lanczos":
                raise ValueError(
                    f'dynamics = "gradient-descent" takes operator = "data" and integrator = "lanczos", not operator = '
                    f'"{self.operator}" and integrator = "{self.integrator}"; use those, or dynamics = "flow"'
                )
            if self.step == "auto":
                raise ValueError(
                    'dynamics = "gradient-descent" takes its steps from the training; give [training] integrator = '
                    '"gradient-descent" and step a number'
                )
        elif self.integrator in ("lanczos", "adaptive") and self.step != "auto":
            raise ValueError(
                f'step = {self.step} is for integrators of a fixed step, and integrator = "{self.integrator}" takes '
                f"none; leave step out"
            )
        return self


class Compare(Settings):
    """How network and finite elements are held against each other."""

    projection: Literal["interpolation", "l2"] = Field(
        "interpolation",
        description='"interpolation" (all spectra at the nodes of the mesh) or "l2" (their L2 projections onto the '
        "elements, whose cells the ranks share; the local operator's v is made of these elements already)",
    )


def variants(union: Any) -> dict[str, type[Section]]:
    """The models of a section by their `kind`."""
    models = get_args(get_args(union)[0])
    return {get_args(model.model_fields["kind"].annotation)[0]: model for model in models}


def per_axis(value: Any, dimension: int) -> tuple[Any, ...]:
    """One number for every axis."""
    return tuple(value) if isinstance(value, list) else (value,) * dimension
