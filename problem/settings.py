"""Models of the run file's sections: types, ranges, defaults and descriptions. Error messages quote the descriptions.

The functions of `pde`, `nn` and `compare` accept these models as settings. docs/run-file.md lists all keys.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args

import numpy as np
from pydantic import Field, model_validator

from freqbias.numerics import LARGEST, SMALLEST
from freqbias.problem.section import Section, Settings

SHORTEST = 1e-30  # the smallest time; derivatives of high order make learning fast
Positive = Annotated[float, Field(ge=SMALLEST, le=LARGEST)]
Duration = Annotated[float, Field(ge=SHORTEST, le=LARGEST)]
NetcdfPath = Annotated[str, Field(pattern=r"(?i)\.nc$")]
DEEPEST = 8  # layers of weights
CLOSEST_TIMES = 1e-12  # relative distance of output times; closer times differ only by rounding


def positive(description: str, **extra: Any) -> Any:
    """A field for a number between SMALLEST and LARGEST."""
    return Field(ge=SMALLEST, le=LARGEST, description=description, **extra)


class Network(Settings):
    """The network whose training the equation describes."""

    width: int = Field(
        ge=1,
        le=10**9,
        description="a whole number from 1 to 10^9: the number of neurons, of SIREN in each layer, for example "
        "width = 100000",
    )
    sigma_a: float = Field(
        ge=0,
        le=LARGEST,
        description="a number of at least 0: the standard deviation of the output weights (of SIREN, times sqrt(2 / "
        "width), and by default 1 / omega_0), for example sigma_a = 1.0",
    )
    sampling: Literal["iid", "sobol"] = Field("iid", description='"iid", or "sobol" for a smaller sampling error')
    symmetric: bool = Field(
        True,
        description="true or false: pair every neuron with its negative, so that f = 0 at t = 0; by default false for "
        "SIREN",
    )
    diagonal: bool = Field(False, description="true or false: add a trained diagonal layer after the Fourier features")
    depth: int = Field(
        2, ge=2, le=DEEPEST, description=f"a whole number from 2 to {DEEPEST}: the number of layers of weights"
    )
    hidden_width: int | None = Field(
        None,
        ge=1,
        le=10**6,
        description="a whole number from 1 to 10^6, only with depth >= 3: the number of neurons in each layer "
        "after the Fourier features, for example hidden_width = 4000",
    )
    activation: Literal["relu", "sine", "tanh", "erf", "gelu"] | None = Field(
        None, description='"relu", "sine", "tanh", "erf" or "gelu", only with depth >= 3'
    )

    bias: Positive | None = Field(
        None,
        description="a positive number, only with depth >= 3: the standard deviation of trained biases of the hidden "
        "layers, which have no biases by default, for example bias = 1.0",
    )
    omega_0: Positive | None = Field(
        None,
        description="a positive number: the network is SIREN, with depth - 1 layers of sines and this factor of their "
        "arguments, for example omega_0 = 30.0",
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_defaults(cls, table: Any) -> Any:
        """By default hidden layers are as wide as the first layer and use relu. SIREN starts as its authors draw it."""
        if not isinstance(table, dict):
            return table
        given = {name: value for name, value in table.items() if value is not None}
        defaults: dict[str, Any] = {}
        if "omega_0" in given:
            omega_0 = given["omega_0"]
            usable = isinstance(omega_0, int | float | np.number) and SMALLEST <= omega_0 <= LARGEST  # else an error
            defaults = {"sigma_a": 1 / float(omega_0) if usable else 1.0, "symmetric": False}
        elif table.get("depth") in range(3, DEEPEST + 1) and isinstance(table.get("width"), int):
            defaults = {"hidden_width": table["width"], "activation": "relu"}
        return {**defaults, **given} if defaults else table

    @model_validator(mode="after")
    def _check_consistency(self) -> "Network":
        hidden = {"hidden_width": self.hidden_width, "activation": self.activation, "bias": self.bias}
        for name, value in {**hidden, "diagonal": self.diagonal or None}.items():
            if self.omega_0 is not None and value is not None:
                given = "true" if value is True else repr(value)
                raise ValueError(
                    f"{name} = {given} contradicts omega_0 = {self.omega_0}: SIREN has layers of sines of the same "
                    f"width, with biases; leave {name} or omega_0 out"
                )
        for name, value in hidden.items():
            if self.depth == 2 and value is not None:
                raise ValueError(
                    f"{name} = {value!r} is for networks of depth 3 or more, but depth = 2; use depth >= 3, or leave "
                    f"{name} out"
                )
        if self.depth > 2 and self.diagonal:
            raise ValueError(
                f"diagonal = true is for depth = 2 only, but depth = {self.depth}; leave diagonal out, or use depth = 2"
            )
        for name, width in (("width", self.width), ("hidden_width", self.hidden_width or 2)):
            if self.symmetric and width % 2:
                raise ValueError(
                    f"{name} = {width} is odd, but symmetric = true pairs every neuron with its negative; use an "
                    f"even {name}, or symmetric = false"
                )
        if self.sigma_a == 0 and not self.symmetric:
            raise ValueError(
                "sigma_a = 0 needs symmetric = true, because all output weights are 0, so f = 0 at t = 0; use "
                "symmetric = true"
            )
        return self

    @property
    def fourier_sum(self) -> bool:
        """Whether the network has the paper's two layers, so that non-uniform FFTs compute its sums."""
        return self.depth == 2 and self.omega_0 is None


def increase(times: Sequence[float] | np.ndarray) -> bool:
    """Return whether each time is later than the one before, by more than CLOSEST_TIMES of itself."""
    times = np.asarray(times, dtype=float)
    return bool((np.diff(times) > CLOSEST_TIMES * times[1:]).all())


class Time(Settings):
    """Output times, in gradient-flow time. t = 0 is always one of them."""

    end: Duration | None = Field(
        None, description="a positive number: the last output time, in gradient-flow time, for example end = 200.0"
    )
    outputs: int | None = Field(
        None,
        ge=1,
        le=10**6,
        description="a whole number from 1 to 10^6: the number of evenly spaced output times, for example outputs = 20",
    )
    times: Annotated[list[Duration], Field(min_length=1)] | None = Field(
        None,
        description="a list of increasing positive numbers, instead of end and outputs; leave out 0, because t = 0 "
        "is always an output time",
    )

    @model_validator(mode="after")
    def _check_consistency(self) -> "Time":
        if self.times is None:
            if self.end is None:
                raise ValueError("end is missing; give either end, with or without outputs, or times")
            return self
        if self.outputs is not None:
            raise ValueError(f"outputs = {self.outputs} contradicts times = {self.times}; give only one of them")
        if not increase(self.times):
            raise ValueError(
                f"times = {self.times} do not increase by more than rounding; sort them and remove repeated times"
            )
        if self.end not in (None, self.times[-1]):
            raise ValueError(f"end = {self.end} contradicts the last entry of times, {self.times[-1]}; leave end out")
        return self


class Mesh(Settings):
    """The frequency mesh. By default the program chooses it from [pde] tolerance."""

    half_width: float | None = positive(
        "a positive number, in cycles per unit length: the mesh covers |xi_i| <= half_width", default=None
    )
    size: float | None = positive(
        "a positive number, in cycles per unit length: the size of the elements", default=None
    )
    path: str | None = Field(
        None,
        min_length=1,
        description="the path of your own mesh of frequency space, relative to the run file, in any format that meshio "
        "can read",
    )
    adaptive: bool = Field(
        False,
        description="true or false: refine the mesh of the local operator where this helps most, until the estimated "
        "error is below [pde] tolerance",
    )

    @model_validator(mode="after")
    def _check_consistency(self) -> "Mesh":
        if self.path is not None and (self.half_width or self.size):
            raise ValueError(
                f"path = {self.path!r} contradicts half_width and size, which the mesh file sets; leave half_width "
                "and size out"
            )
        if self.half_width is not None and self.size is not None and self.size > self.half_width:
            raise ValueError(f"size = {self.size} is larger than half_width = {self.half_width}; use smaller elements")
        return self


class Pde(Settings):
    """The settings of the finite-element solution of the equation."""

    operator: Literal["data", "local"] = Field(
        "data", description='"data" (exact for any data) or "local" (the damped heat equation)'
    )
    integrator: Literal["lanczos", "adaptive", "crank-nicolson", "backward-euler"] = Field(
        "lanczos", description='"lanczos", "adaptive", "crank-nicolson" or "backward-euler"'
    )
    dynamics: Literal["flow", "gradient-descent"] = Field(
        "flow",
        description='"flow" (the limit of small training steps) or "gradient-descent" (discrete steps of the size '
        "[training] step)",
    )
    initial: Literal["auto", "target", "network"] | NetcdfPath = Field(
        "auto",
        description='"target" (initial error -f*), "network" (initial error f - f*, with f of the drawn '
        'network), "auto" ("target" if symmetric = true, otherwise "network"), or the path of a netCDF file of errors, '
        'relative to the run file, for example "mine.nc" (its error at t = 0)',
    )
    step: Literal["auto"] | Duration = Field(
        "auto",
        description='"auto" (chosen from the tolerance), or a positive number in gradient-flow time: the step size',
    )
    degree: int = Field(6, ge=1, le=8, description="a whole number from 1 to 8: the degree of the Lagrange elements")
    tolerance: float = Field(
        1e-3,
        ge=1e-8,
        le=0.1,
        description="a number from 1e-8 to 0.1: the largest error |v - v_exact| / |v(0)| at any output time",
    )
    device: Literal["cpu", "cuda"] = Field(
        "cpu",
        description='"cpu", or "cuda" to compute the products of the data operator on a GPU, which needs CuPy and '
        "cuFINUFFT",
    )
    fields: bool = Field(
        True, description="true or false: write ParaView files, fields.pvd, in the stages pde and compare"
    )

    @model_validator(mode="after")
    def _check_consistency(self) -> "Pde":
        if self.dynamics == "gradient-descent":
            if self.operator != "data" or self.integrator != "lanczos":
                raise ValueError(
                    f'dynamics = "gradient-descent" needs operator = "data" and integrator = "lanczos", not operator = '
                    f'"{self.operator}" and integrator = "{self.integrator}"; use these values, or dynamics = "flow"'
                )
            if self.step == "auto":
                raise ValueError(
                    'dynamics = "gradient-descent" takes its step size from [training] step; set [training] '
                    'integrator = "gradient-descent" and give step a number'
                )
        if self.device == "cuda" and self.operator == "local":
            raise ValueError('device = "cuda" is for operator = "data", not "local"; leave device out')
        if self.dynamics == "flow" and self.integrator in ("lanczos", "adaptive") and self.step != "auto":
            raise ValueError(
                f'step = {self.step} is for integrators of fixed step size, but integrator = "{self.integrator}" has '
                f"no fixed step size; leave step out"
            )
        return self

    @property
    def initial_file(self) -> str | None:
        """The path of the file with the initial error, or None."""
        return None if self.initial in ("auto", "target", "network") else self.initial


def models_in(annotation: Any) -> list[type[Section]]:
    """The models in the annotation of a section, which may be a union, with None or annotated."""
    if isinstance(annotation, type):
        return [annotation] if issubclass(annotation, Section) else []
    return [model for part in get_args(annotation) for model in models_in(part)]


def models_by_kind(union: Any) -> dict[str, type[Section]]:
    """The models of a section, by their `kind`."""
    return {get_args(model.model_fields["kind"].annotation)[0]: model for model in models_in(union)}


def per_axis(value: Any, dimension: int) -> tuple[Any, ...]:
    """The value of each axis, from one value for all axes or a list."""
    return tuple(value) if isinstance(value, list) else (value,) * dimension
