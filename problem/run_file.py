"""The model of the run file: the sections, and the checks that involve several sections."""

from functools import cached_property
from typing import Any

import tomli_w
from pydantic import Field, field_validator, model_validator

from freqbias.problem.compare_settings import Compare
from freqbias.problem.data_settings import DataSection
from freqbias.problem.density_settings import DensitySection
from freqbias.problem.design_settings import Design
from freqbias.problem.rates import check_rates
from freqbias.problem.section import Section
from freqbias.problem.settings import Mesh, Network, Pde, Time
from freqbias.problem.sweep_settings import Sweep
from freqbias.problem.training_settings import Training

OUTPUTS = 20  # default number of evenly spaced output times


class RunFile(Section):
    """All settings of one run, as a TOML run file states them.

    `load` reads a run file, and `parse` reads the tables of a run file from a dict. `build` makes the `Problem` that
    the settings describe. `resolved` writes the settings as TOML, with every default filled in.

    The sections [density] (the density rho_w), [data] (the samples), [network] and [time] (the output times) are
    required, but `freqbias design` and SIREN, a [network] with omega_0, can do without [density]. In the sections
    [mesh], [pde], [training], [compare] and [design], every key has a default. An instance cannot be changed.
    """

    name: str = Field(
        "run",
        pattern=r"^[\w.-]*\w[\w.-]*$",
        max_length=250,
        description="at most 250 letters, digits, dots, dashes and underscores: the name of the result folder; "
        "default: the name of the run file",
    )
    seed: int = Field(
        0, ge=0, lt=2**63, description="a whole number from 0 to 2^63 - 1: the seed of all random numbers"
    )
    unit: str = Field(
        "", max_length=20, description='at most 20 characters: the unit of x, for labels only, for example "m"'
    )
    density: DensitySection | None = Field(
        description="a section [density] with a kind; `freqbias design` chooses one, and [network] omega_0 implies one"
    )
    data: DataSection = Field(description="a section [data] with a kind")
    network: Network = Field(description="a section [network] with width and sigma_a")
    time: Time = Field(description="a section [time] with end or times")
    mesh: Mesh = Mesh()
    pde: Pde = Pde()
    training: Training = Training()
    compare: Compare = Compare()
    design: Design | None = None
    sweep: Sweep | None = None

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if (size := len(name.encode())) > 250:  # file systems allow 255
            raise ValueError(
                f"= {name!r} has {size} bytes; use at most 250, which are fewer letters if they are not ASCII"
            )
        return name

    @field_validator("unit")
    @classmethod
    def _check_unit(cls, unit: str) -> str:
        if not unit.isprintable():
            raise ValueError(f"= {unit!r} has characters that cannot be printed; use letters, digits, signs and spaces")
        if unit.replace(r"\$", "").count("$") and not _is_formula(unit):
            raise ValueError(
                f"= {unit!r} cannot be drawn, because matplotlib reads text between two dollar signs as a formula; "
                r"correct the formula, for example '$\mu$m', or write \$ for a dollar sign"
            )
        return unit

    @model_validator(mode="before")
    @classmethod
    def _fill_defaults(cls, tables: Any) -> Any:
        """Fill in the defaults of keys that depend on other keys."""
        if not isinstance(tables, dict):
            return tables
        network = tables.get("network")
        if isinstance(network, dict) and network.get("omega_0") is not None:
            tables = {"density": None, **tables}
        time = tables.get("time")
        if isinstance(time, dict) and not {"times", "outputs"} & time.keys():
            tables = {**tables, "time": {**time, "outputs": OUTPUTS}}
        if _uses_gradient_descent(tables, "pde", "dynamics"):
            training = tables["training"] if _uses_gradient_descent(tables, "training", "integrator") else {}
            tables = {**tables, "pde": {"step": training.get("step", "auto"), **tables["pde"]}}
        return tables

    @model_validator(mode="after")
    def _check_consistency(self) -> "RunFile":
        data, pde, training = self.data, self.pde, self.training
        check_rates(training.rates, self.network)
        least = training.least_tolerance()
        if training.tolerance is None and training.precision == "single" and pde.tolerance < least:
            raise ValueError(
                f"[pde] tolerance = {pde.tolerance} is also the default of [training] tolerance, but is below "
                f'{least:.0e}, the rounding error of precision = "single"; use [training] precision = "double", or '
                "set [training] tolerance"
            )
        if pde.dynamics == "gradient-descent" and (training.integrator, training.step) != (
            "gradient-descent",
            pde.step,
        ):
            raise ValueError(
                f'[pde] dynamics = "gradient-descent" with step = {pde.step} contradicts [training] integrator = '
                f'"{training.integrator}" with step = {training.step}; leave [pde] step out, and set [training] '
                'integrator = "gradient-descent" and step'
            )
        if training.gauss_newton is not None and (pde.operator, pde.integrator) != ("data", "lanczos"):
            raise ValueError(
                '[training] integrator = "gauss-newton" needs [pde] operator = "data" and integrator = "lanczos"; use '
                "them, or another integrator of the training"
            )
        if pde.dynamics == "gradient-descent" and (training.rate_schedule, training.warm_up) != ("constant", 0.0):
            raise ValueError(
                '[pde] dynamics = "gradient-descent" has steps of one size; use [training] rate_schedule = "constant" '
                'and warm_up = 0, or dynamics = "flow"'
            )
        if training.decay and pde.integrator != "lanczos":
            raise ValueError(
                f'[training] decay = {training.decay} needs [pde] integrator = "lanczos"; use it, or leave decay out'
            )
        if pde.operator == "local" and training.weights_file:
            raise ValueError(
                f'[training] weights = {training.weights!r} contradicts [pde] operator = "local", which is for equal '
                'weights; use operator = "data", or leave weights out'
            )
        if pde.operator == "local" and training.cutoff is not None:
            raise ValueError(
                f'[training] cutoff = {training.cutoff} contradicts [pde] operator = "local", which needs all '
                'frequencies; use operator = "data", or leave cutoff out'
            )
        if training.operator is not None:
            self._check_operator()
        if data.held_out and pde.operator == "local":
            raise ValueError(
                f"[data] held_out = {data.held_out} makes the training samples scattered, but [pde] operator = "
                '"local" needs data that fill a box evenly; use operator = "data", or leave held_out out'
            )
        if data.held_out and training.backend == "separable":
            raise ValueError(
                f"[data] held_out = {data.held_out} makes the training samples scattered, but [training] backend = "
                '"separable" needs a grid; use backend = "auto", or leave held_out out'
            )
        for name in ("held_out", "predict_at", "predict_points"):
            if (value := getattr(data, name)) and pde.initial_file:
                raise ValueError(
                    f"[pde] initial = {pde.initial!r} gives the initial error on the training samples only, but [data] "
                    f"{name} = {value} needs it elsewhere; leave {name} out"
                )
        if pde.initial == "target" and not self.network.symmetric:
            raise ValueError(
                '[pde] initial = "target" contradicts [network] symmetric = false, because a network that is not '
                'symmetric does not start at 0; use initial = "network" or "auto"'
            )
        return self

    def _check_operator(self) -> None:
        data, pde = self.data, self.pde
        if (pde.operator, pde.integrator) != ("data", "lanczos"):
            raise ValueError(
                '[training] operator needs [pde] operator = "data" and integrator = "lanczos"; use them, or leave '
                "[training] operator out"
            )
        unfit = {"[data] noise": data.noise, "[pde] initial": pde.initial_file}
        unfit["[data] standardize"] = data.standardize
        unfit["[data] noise_level"] = getattr(data, "noise_level", None)
        for name, value in unfit.items():
            if value:
                raise ValueError(
                    f"{name} = {value!r} is for networks that learn the values of [data], but [training] operator "
                    "makes the network learn a differential equation; leave one of the two out"
                )

    @cached_property
    def contents_at_start(self) -> dict[str, str]:
        """The SHA-256 of the content of each file when `stage_keys` first read the file, by path."""
        return {}

    @property
    def training_tolerance(self) -> float:
        """[training] tolerance, or [pde] tolerance if the former is not set."""
        return self.pde.tolerance if self.training.tolerance is None else self.training.tolerance

    @property
    def starts_from_network(self) -> bool:
        """Whether v(0) is the transform of f - f*, where f is the initial network, and not that of -f*."""
        return not self.network.symmetric and self.pde.initial in ("auto", "network")


def _is_formula(text: str) -> bool:
    """Whether matplotlib can draw a text with dollar signs."""
    from matplotlib.mathtext import MathTextParser

    try:
        MathTextParser("path").parse(text)
    except ValueError:
        return False
    return text.replace(r"\$", "").count("$") % 2 == 0


def _uses_gradient_descent(tables: dict[str, Any], section: str, key: str) -> bool:
    """Whether this key of an unchecked run file has the value "gradient-descent"."""
    content = tables.get(section)
    return isinstance(content, dict) and content.get(key) == "gradient-descent"


def resolved(run: RunFile) -> str:
    """Return the run file as TOML, with every default filled in."""
    training = run.training.model_copy(update={"tolerance": run.training_tolerance})
    return tomli_w.dumps(run.model_copy(update={"training": training}).model_dump(exclude_none=True))
