"""The section [training] of the run file; see `freqbias.problem.settings`."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from freqbias.numerics import LARGEST, LONGEST_STEP
from freqbias.problem.operator_terms import OPERATOR, OperatorTerms
from freqbias.problem.rates import DEFAULT_RATES, RATES, RatesTable
from freqbias.problem.section import Settings
from freqbias.problem.settings import Duration, Positive
from freqbias.problem.training_checks import check_operator, check_rate_schedule

Share = Annotated[float, Field(gt=0, lt=1)]
WeightsPath = Annotated[str, Field(pattern=r"\.\w+$")]  # the ending tells a path from a word
DAMPING = 1e-3  # default of damping
SINGLE_ROUNDING = 1e-6  # of products with a kernel in single precision, relative to lambda_max


class Training(Settings):
    """The settings of the training."""

    integrator: Literal["rk4", "heun", "gradient-descent", "gauss-newton", "momentum", "sgd", "adam"] = Field(
        "rk4",
        description='"rk4", "heun", "gradient-descent", "gauss-newton" (learns all frequencies about equally fast), or '
        'an optimiser of torch.optim: "momentum", "sgd" (needs batch) or "adam"',
    )
    damping: float | None = Field(
        None,
        ge=1e-8,
        le=1,
        description='a number from 1e-8 to 1, only with integrator = "gauss-newton": eps as a fraction of the largest '
        "eigenvalue of the kernel at infinite width; modes with smaller eigenvalues than eps are learnt slowly; "
        "default 0.001",
    )
    momentum: float | None = Field(
        None,
        ge=0,
        lt=1,
        description='a number from 0 to less than 1, only with integrator = "momentum"; default 0.9',
    )
    nesterov: bool = Field(
        False,
        description="true or false, only with integrator = \"momentum\": Nesterov's momentum instead of Polyak's",
    )
    batch: int | None = Field(
        None,
        ge=1,
        description='a whole number of at least 1: the number of samples, drawn at random, in each step of "sgd", '
        '"momentum" or "adam"',
    )
    loss: Literal["mean-square", "sobolev"] = Field(
        "mean-square",
        description='"mean-square", or "sobolev" (the squared Sobolev norm of the error, of the given order): what the '
        "training makes small",
    )
    order: float | None = Field(
        None,
        ge=-20,
        le=20,
        description='a number from -20 to 20, only with loss = "sobolev": the order s, which weights the frequency xi '
        "by (1 + |xi|^2)^s; s > 0 stresses high frequencies, s < 0 low frequencies",
    )
    cutoff: Positive | None = Field(
        None,
        description='a positive number, in cycles per unit length, only with loss = "sobolev": errors of higher '
        "frequencies hardly count; use it for samples of uneven density; the default is the Nyquist limit of as many "
        "samples on a grid",
    )
    weights: Literal["equal", "density"] | WeightsPath = Field(
        "equal",
        description='"equal", "density" (undo the crowding of scattered samples), or the path of a file with a '
        "positive number for each sample (.csv .tsv .txt .npy .png .jpg .tif), relative to the run file, for example "
        '"weights.npy": the weights of the samples in the loss',
    )
    period: Positive | Annotated[list[Positive], Field(min_length=1, max_length=3)] | None = Field(
        None,
        description='a positive number, or one per axis, only with loss = "sobolev" or weights = "density": the length '
        "after which scattered samples on a circle or torus repeat",
    )
    decay: float = Field(
        0.0,
        ge=0,
        le=LARGEST,
        description="a number of at least 0, in 1/time: the rate of the weight decay; 0 means none",
    )
    decay_towards: Literal["start", "zero"] = Field(
        "start",
        description='"start" (the predictions are exact for wide networks) or "zero" (as in torch.optim; the '
        "predictions hold while decay * time is small): what the weight decay pulls the parameters to",
    )
    operator: OperatorTerms | None = Field(None, description=OPERATOR)
    boundary: Annotated[float, Field(ge=-LARGEST, le=LARGEST)] | Annotated[str, Field(min_length=1)] | None = Field(
        None,
        description="a number, or the path of a table with the columns of positions and values, only with operator: "
        "the values of f on the boundary of the box of the data, or at these positions",
    )
    boundary_points: int | None = Field(
        None,
        ge=1,
        le=10**4,
        description="a whole number from 1 to 10000, only where boundary is a number, in two and three dimensions: the "
        "number of boundary samples along each edge of the box; default: 32",
    )
    boundary_weight: Literal["ntk"] | Positive | None = Field(
        None,
        description='a positive number, or "ntk" (the weights of both parts that make the traces of their kernels '
        "equal): the weight of the boundary in the loss, relative to the data; default 1",
    )
    rates: RatesTable = Field(DEFAULT_RATES, description=RATES)
    step: Literal["auto"] | Duration = Field(
        "auto",
        description='"auto" (chosen from the tolerance), or a positive number in gradient-flow time: the step size',
    )
    rate_schedule: Literal["constant", "cosine", "steps"] = Field(
        "constant",
        description='"constant", "cosine" (falls to 0 as a half wave) or "steps" (falls at the milestones): the '
        "learning rate over the steps of an optimiser; step is the largest",
    )
    warm_up: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="a number from 0 to less than 1: the share of the steps in which the learning rate rises from 0",
    )
    milestones: Annotated[list[Share], Field(min_length=1)] | None = Field(
        None,
        description='a list of increasing numbers between 0 and 1, only with rate_schedule = "steps": the shares of '
        "the steps after which the learning rate falls",
    )
    rate_factor: float | None = Field(
        None,
        gt=0,
        lt=1,
        description='a number between 0 and 1, only with rate_schedule = "steps": the factor of the learning rate at '
        "each milestone; default 0.1",
    )
    tolerance: float | None = Field(
        None,
        ge=1e-8,
        le=0.1,
        description="a number from 1e-8 to 0.1: the largest error of the time stepping, relative to the initial error; "
        "default: [pde] tolerance",
    )
    precision: Literal["single", "double"] = Field(
        "single",
        description='"single" or "double" (the default with operator): the precision of the numbers',
    )
    device: str = Field(
        "auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description='"auto", "cpu", "cuda", or one GPU such as "cuda:1"'
    )
    backend: Literal["auto", "nufft", "cufinufft", "separable", "dense"] = Field(
        "auto",
        description='"auto" (the fastest available), "nufft" (on the CPU), "cufinufft" (on a GPU), "separable" (matrix '
        'products, for grids) or "dense" (for any samples): the method that evaluates the sums over neurons',
    )
    checkpoint: float = Field(
        30.0,
        ge=0,
        le=LARGEST,
        description="a number of at least 0, in seconds: the time between two checkpoints, so that a killed job loses "
        "at most the work of this time; with 0, every step writes a checkpoint",
    )
    keep: Literal["end", "outputs", "none"] = Field(
        "end",
        description='"end" (the trained network), "outputs" (the network at each output time, and the trained network) '
        'or "none": the networks that are written to nn/network.safetensors and nn/networks',
    )
    tensorboard: bool = Field(
        False,
        description="true or false: write loss, step size, lambda_max and seconds per step to nn/tensorboard",
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_defaults(cls, table: Any) -> Any:
        """Rounding errors of single precision, magnified by the derivatives of an operator, are as large as f."""
        if isinstance(table, dict) and table.get("operator") is not None:
            return {"precision": "double", **table}
        return table

    @model_validator(mode="after")
    def _check_consistency(self) -> "Training":
        on_gpu = self.device.startswith("cuda")
        if (self.backend == "nufft" and on_gpu) or (self.backend == "cufinufft" and self.device == "cpu"):
            raise ValueError(
                f'backend = "{self.backend}" contradicts device = "{self.device}": "nufft" runs on the CPU and '
                '"cufinufft" on a GPU; leave one of the two keys out'
            )
        if (self.loss == "sobolev") != (self.order is not None):
            raise ValueError(
                'loss = "sobolev" needs order, for example order = -1'
                if self.order is None
                else f'order = {self.order} is for loss = "sobolev"; add it, or leave order out'
            )
        if self.cutoff is not None and self.loss != "sobolev":
            raise ValueError(f'cutoff = {self.cutoff} is for loss = "sobolev"; add it, or leave cutoff out')
        if self.period is not None and self.loss != "sobolev" and self.weights != "density":
            raise ValueError(
                f'period = {self.period} is for loss = "sobolev" or weights = "density"; add one, or leave period out'
            )
        if self.batch is not None and (self.loss, self.weights) != ("mean-square", "equal"):
            raise ValueError(
                f'batch = {self.batch} needs loss = "mean-square" and weights = "equal"; leave batch out, or use this '
                "loss"
            )
        if self.nesterov and self.integrator != "momentum":
            raise ValueError(
                f'nesterov = true is for integrator = "momentum", not "{self.integrator}"; leave nesterov out'
            )
        if self.decay and self.integrator in ("adam", "gauss-newton"):
            raise ValueError(
                f'decay = {self.decay} is not for integrator = "{self.integrator}", which would rescale it; leave '
                "decay out"
            )
        if self.decay_towards == "zero" and not self.decay:
            raise ValueError('decay_towards = "zero" needs decay, for example decay = 0.001; add it, or leave it out')
        check_operator(self)
        if self.momentum is not None and self.integrator != "momentum":
            raise ValueError(
                f'momentum = {self.momentum} is for integrator = "momentum", not "{self.integrator}"; leave '
                "momentum out"
            )
        if self.damping is not None and self.integrator != "gauss-newton":
            raise ValueError(
                f'damping = {self.damping} is for integrator = "gauss-newton", not "{self.integrator}"; leave damping '
                "out"
            )
        if self.integrator == "gauss-newton" and self.step != "auto" and self.step >= LONGEST_STEP:
            raise ValueError(
                f'step = {self.step} is too long for integrator = "gauss-newton", whose fast modes are multiplied by '
                f"1 - step; use a step below {LONGEST_STEP:g}"
            )
        if self.integrator == "sgd" and self.batch is None:
            raise ValueError(
                'integrator = "sgd" needs batch, the number of samples per step; add for example batch = 256'
            )
        if self.batch is not None and self.integrator in ("rk4", "heun", "gradient-descent", "gauss-newton"):
            raise ValueError(
                f'batch = {self.batch} is for "sgd", "momentum" or "adam", but integrator = "{self.integrator}" uses '
                f"all samples in every step; leave batch out"
            )
        check_rate_schedule(self)
        if self.integrator == "adam" and self.step == "auto":
            raise ValueError(
                'integrator = "adam" needs a number for step, the learning rate: Adam does not follow the gradient '
                "flow, so the tolerance does not determine a step size; add for example step = 0.001"
            )
        least = self.least_tolerance()
        if self.precision == "single" and self.tolerance is not None and self.tolerance < least:
            raise ValueError(
                f'tolerance = {self.tolerance} is below {least:.0e}, the rounding error of precision = "single"; use '
                'precision = "double", or a larger tolerance'
            )
        return self

    @property
    def weights_file(self) -> str | None:
        """The path of the file with the weights of the samples, or None."""
        return None if self.weights in ("equal", "density") else self.weights

    @property
    def boundary_file(self) -> str | None:
        """The path of the file with the boundary values, or None."""
        return self.boundary if isinstance(self.boundary, str) else None

    @property
    def gauss_newton(self) -> float | None:
        """The damping if the integrator is "gauss-newton", and otherwise None."""
        if self.integrator != "gauss-newton":
            return None
        return DAMPING if self.damping is None else self.damping

    def least_tolerance(self) -> float:
        """Return the rounding error of the training, relative to the initial error, for precision = "single".

        The damped Gauss-Newton method divides the rounding errors of products with the kernel by the damping.
        """
        return max(1e-5, SINGLE_ROUNDING / (self.gauss_newton or 1.0))
