"""The section [training] of the run file; see `freqbias.problem.settings`."""

from typing import Literal

from pydantic import Field, model_validator

from freqbias.numerics import LARGEST
from freqbias.problem.section import Settings
from freqbias.problem.settings import Positive


class Training(Settings):
    """How the network is trained."""

    integrator: Literal["rk4", "heun", "gradient-descent", "momentum", "sgd", "adam"] = Field(
        "rk4",
        description='"rk4", "heun" or "gradient-descent"; or, by torch.optim, "momentum", "sgd" (with batch) or "adam"',
    )
    momentum: float | None = Field(
        None,
        ge=0,
        lt=1,
        description='a number from 0 to less than 1, of integrator = "momentum"; default 0.9',
    )
    batch: int | None = Field(
        None,
        ge=1,
        description='a whole number of at least 1: the samples in a step of "sgd", "momentum" or "adam", drawn by seed',
    )
    step: Literal["auto"] | Positive = Field(
        "auto", description='"auto" (from the tolerance) or a positive number in gradient-flow time'
    )
    tolerance: float | None = Field(
        None,
        ge=1e-8,
        le=0.1,
        description="a number from 1e-8 to 0.1: the error of the time stepping relative to the start; "
        "default that of [pde]",
    )
    precision: Literal["single", "double"] = Field("single", description='"single" or "double" numbers')
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description='"auto", "cpu", "cuda" or "cuda:1"')
    backend: Literal["auto", "nufft", "cufinufft", "separable", "dense"] = Field(
        "auto",
        description='"auto" (the fastest here), "nufft" (on the CPU), "cufinufft" (on a GPU), "separable" (matrix '
        'products on a grid) or "dense" (any samples): how the sums over neurons and samples are made',
    )
    checkpoint: float = Field(
        30.0,
        ge=0,
        le=LARGEST,
        description="a number of at least 0, in seconds: the network's state is kept whenever so many have passed, so "
        "that a killed job loses no more; 0 keeps that of every step",
    )
    tensorboard: bool = Field(
        False, description="true or false: whether loss, step, lambda_max and seconds a step go to nn/tensorboard"
    )

    @model_validator(mode="after")
    def _agree(self) -> "Training":
        on_gpu = self.device.startswith("cuda")
        if (self.backend == "nufft" and on_gpu) or (self.backend == "cufinufft" and self.device == "cpu"):
            raise ValueError(
                f'backend = "{self.backend}" contradicts device = "{self.device}"; "nufft" runs on the CPU and '
                '"cufinufft" on a GPU: leave one of the two keys out'
            )
        if self.momentum is not None and self.integrator != "momentum":
            raise ValueError(
                f'momentum = {self.momentum} is for integrator = "momentum", not "{self.integrator}"; leave it out'
            )
        if self.integrator == "sgd" and self.batch is None:
            raise ValueError('integrator = "sgd" needs batch, the samples a step, for example batch = 256')
        if self.batch is not None and self.integrator in ("rk4", "heun", "gradient-descent"):
            raise ValueError(
                f'batch = {self.batch} is for "sgd", "momentum" or "adam", and integrator = "{self.integrator}" takes '
                f"all samples; leave batch out"
            )
        if self.integrator == "adam" and self.step == "auto":
            raise ValueError(
                'integrator = "adam" follows no gradient flow, so that no step keeps a tolerance; give step a number, '
                "its learning rate, for example step = 0.001"
            )
        if self.precision == "single" and self.tolerance is not None and self.tolerance < 1e-5:
            raise ValueError(
                f'tolerance = {self.tolerance} is below the rounding of precision = "single", 1e-5; use precision '
                f'= "double"'
            )
        return self
