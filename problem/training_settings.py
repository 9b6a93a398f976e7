"""The section [training] of the run file; see `freqbias.problem.settings`."""

from typing import Literal

from pydantic import Field, model_validator

from freqbias.numerics import LARGEST
from freqbias.problem.rates import DEFAULT_RATES, RATES, RatesTable
from freqbias.problem.section import Settings
from freqbias.problem.settings import Positive


class Training(Settings):
    """The settings of the training."""

    integrator: Literal["rk4", "heun", "gradient-descent", "momentum", "sgd", "adam"] = Field(
        "rk4",
        description='"rk4", "heun", "gradient-descent", or an optimiser of torch.optim: "momentum", "sgd" (needs '
        'batch) or "adam"',
    )
    momentum: float | None = Field(
        None,
        ge=0,
        lt=1,
        description='a number from 0 to less than 1, only with integrator = "momentum"; default 0.9',
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
    weights: Literal["equal", "density"] = Field(
        "equal",
        description='"equal", or "density" (undo the crowding of scattered samples): the weights of the samples in the '
        "loss",
    )
    rates: RatesTable = Field(DEFAULT_RATES, description=RATES)
    step: Literal["auto"] | Positive = Field(
        "auto",
        description='"auto" (chosen from the tolerance), or a positive number in gradient-flow time: the step size',
    )
    tolerance: float | None = Field(
        None,
        ge=1e-8,
        le=0.1,
        description="a number from 1e-8 to 0.1: the largest error of the time stepping, relative to the initial error; "
        "default: [pde] tolerance",
    )
    precision: Literal["single", "double"] = Field(
        "single", description='"single" or "double": the precision of the numbers'
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
        if self.batch is not None and (self.loss, self.weights) != ("mean-square", "equal"):
            raise ValueError(
                f'batch = {self.batch} needs loss = "mean-square" and weights = "equal"; leave batch out, or use this '
                "loss"
            )
        if self.momentum is not None and self.integrator != "momentum":
            raise ValueError(
                f'momentum = {self.momentum} is for integrator = "momentum", not "{self.integrator}"; leave '
                "momentum out"
            )
        if self.integrator == "sgd" and self.batch is None:
            raise ValueError(
                'integrator = "sgd" needs batch, the number of samples per step; add for example batch = 256'
            )
        if self.batch is not None and self.integrator in ("rk4", "heun", "gradient-descent"):
            raise ValueError(
                f'batch = {self.batch} is for "sgd", "momentum" or "adam", but integrator = "{self.integrator}" uses '
                f"all samples in every step; leave batch out"
            )
        if self.integrator == "adam" and self.step == "auto":
            raise ValueError(
                'integrator = "adam" needs a number for step, the learning rate: Adam does not follow the gradient '
                "flow, so the tolerance does not determine a step size; add for example step = 0.001"
            )
        if self.precision == "single" and self.tolerance is not None and self.tolerance < 1e-5:
            raise ValueError(
                f'tolerance = {self.tolerance} is below 1e-5, the rounding error of precision = "single"; use '
                'precision = "double", or a larger tolerance'
            )
        return self
