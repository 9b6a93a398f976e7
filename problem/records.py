"""The statement of a problem, which the packages of freqbias exchange."""

from dataclasses import dataclass, replace

import numpy as np

from freqbias.errors import InputError
from freqbias.numerics import LARGEST, SMALLEST, Grid, OperatorRows, Sites, check_kind
from freqbias.problem.density import Density
from freqbias.problem.discrete_density import DiscreteDensity
from freqbias.problem.discrete_width import aliasing_warning, check_width, uneven_warning
from freqbias.problem.label_noise import LabelNoise
from freqbias.problem.laws import Laws
from freqbias.problem.network_laws import network_laws
from freqbias.problem.operator_check import check_operator
from freqbias.problem.origin import origin_warning
from freqbias.problem.rates import DEFAULT_RATES, Rates, check_rates
from freqbias.problem.samples import Samples
from freqbias.problem.settings import Network, increase
from freqbias.problem.siren_law import coordinate_warning, phase_warning
from freqbias.problem.summary import counted, time_range
from freqbias.problem.training_loss import MEAN_SQUARE, TrainingLoss
from freqbias.problem.weight_decay import NO_DECAY, WeightDecay


@dataclass(frozen=True, eq=False, repr=False)
class Problem:
    """The input of `pde.solve` and `nn.train`: a network, the samples that the network learns, and the output times.

    density: rho_w, the density of the first-layer frequencies.
    samples: the target f* on the training samples.
    network: width, depth, and the variance of the weights.
    times: output times, (T,), increasing from times[0] = 0, in gradient-flow time (step number times step size).
    seed: the seed of the random initial network. name: the name of the run. unit: the unit of x, for labels only.
    rates: the relative learning rates of the groups of parameters, for example Rates(frequencies=0.0).
    laws: damping and diffusion of the equation. By default they are those of the network at infinite width.
    held_out: samples that are not used for training. The error on these samples is reported separately.
    predict_at: positions at which the kernels and the equation predict what the network learns.
    loss: what the training makes small, for these samples.
    gauss_newton: eps / lambda_max, `[training] damping` of "gauss-newton"; None for equation and flow without damping.
    initial_error: the error u(0) on the training samples, (C, N), from which the equation, the network and the kernels
    start. By default u(0) = f - f*, where f is the drawn initial network, which is 0 if the network is symmetric.
    noise: the noise of the labels, if it is known or to be estimated.
    notes: in words, what the reading of the data left out or changed. data_warnings: what the user should change.
    Raises InputError if the times do not increase from 0, if the density is not defined in the dimension of the data,
    if the network lacks the group of a rate, if nothing would be trained, if the initial error has another shape, is 0
    everywhere, too small or too large, or not finite, if samples are held out although the initial error is given, or
    if the loss is for another number of samples.
    """

    density: Density
    samples: Samples
    network: Network
    times: np.ndarray
    seed: int = 0
    name: str = "run"
    unit: str = ""
    rates: Rates = DEFAULT_RATES
    laws: Laws = None  # type: ignore[assignment]  # __post_init__ fills it in
    held_out: Samples | None = None
    predict_at: Sites | None = None
    loss: TrainingLoss = MEAN_SQUARE
    decay: WeightDecay = NO_DECAY
    gauss_newton: float | None = None
    initial_error: np.ndarray | None = None
    noise: LabelNoise | None = None
    notes: tuple[str, ...] = ()
    data_warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        remedy = "Problem(density, samples, network, times), as freqbias.load builds it"
        for name, kind in (("density", Density), ("samples", Samples), ("network", Network), ("rates", Rates)):
            check_kind(f"Problem: {name}", getattr(self, name), kind, remedy=remedy)
        times = np.asarray(self.times, dtype=float)
        if times.ndim != 1 or len(times) < 2 or times[0] != 0 or not increase(times) or not np.isfinite(times).all():
            raise InputError(f"times = {self.times}; give at least two finite times that increase from 0")
        object.__setattr__(self, "times", times)
        if self.predict_at is not None and self.predict_at.dimension != self.dimension:
            raise InputError(
                f"predict_at has {counted(self.predict_at.dimension, 'coordinate')} for each position, but the data "
                f"have {self.dimension}; give {self.dimension}"
            )
        if self.dimension not in self.density.dimensions:
            defined = " or ".join(map(str, self.density.dimensions)) or "no"
            discrete = isinstance(self.density, DiscreteDensity)
            fitting = "frequencies with one column" if discrete else "tables with one axis"
            raise InputError(
                f"[density] is defined in {defined} dimension(s), but the data have {self.dimension} dimension(s); "
                f"give a density in this dimension, for example {fitting} for each axis of the data"
            )
        check_rates(self.rates, self.network)
        check_width(self.density, self.network, self.dimension)
        check_operator(self.density, self.network, self.sites)
        if self.held_out is not None:
            self._check_held_out(self.held_out.sites)
        self.loss.check(self.sites.size)
        if self.decay.rate and self.gauss_newton is not None:
            raise InputError("decay and gauss_newton exclude each other; leave one of them out")
        if self.gauss_newton is not None and not 0 < self.gauss_newton <= 1:
            raise InputError(f"gauss_newton = {self.gauss_newton}; give a number up to 1, such as 0.001, or None")
        levels = None if self.noise is None else self.noise.contained
        if levels is not None and len(levels) != self.samples.channels:
            raise InputError(
                f"noise: there are {counted(len(levels), 'level')}; give one for each of the "
                f"{counted(self.samples.channels, 'channel')}"
            )
        if self.initial_error is not None:
            for name in ("held_out", "predict_at"):
                if getattr(self, name) is not None:
                    raise InputError(f"initial_error is known on the training samples only; leave {name} out")
            object.__setattr__(self, "initial_error", self._checked_initial_error())
        if self.laws is None:
            object.__setattr__(self, "laws", network_laws(self.density, self.network, self.dimension, self.rates))

    def _check_held_out(self, held_out: Sites) -> None:
        rows = held_out if isinstance(held_out, OperatorRows) else None
        if not isinstance(self.sites, OperatorRows):
            if rows is not None:
                raise InputError("held_out: these are rows of a differential operator, but the samples are values")
        elif rows is None or rows.operator != self.sites.operator or rows.boundary is not None:
            raise InputError(
                "held_out: the samples are rows of a differential operator; give held-out rows of the same operator, "
                "without a boundary, as operator_samples(held_out, operator) returns"
            )

    def _checked_initial_error(self) -> np.ndarray:
        error = np.asarray(self.initial_error, dtype=float)
        if error.shape != self.samples.values.shape:
            raise InputError(
                f"initial_error has shape {error.shape}; give one value for each channel and sample, "
                f"{self.samples.values.shape}"
            )
        if not SMALLEST <= (peak := np.abs(error).max()) <= LARGEST:
            raise InputError(
                f"initial_error reaches {peak:.3g}; give finite errors whose largest magnitude lies between "
                f"{SMALLEST:.0e} and {LARGEST:.0e}"
            )
        return error

    def __repr__(self) -> str:
        return (
            f"Problem({self.name!r}: {counted(self.sites.size, 'sample')} in {self.dimension}-D, "
            f"{type(self.density).__name__}, depth {self.network.depth}, width {self.network.width:,}, "
            f"{time_range(self.times)})"
        )

    @property
    def warnings(self) -> list[str]:
        """Warnings about the problem, each with a remedy."""
        decay = "" if self._decays_as_towards_start else self.decay.warning(self.times[-1])
        origin = origin_warning(self.sites, self.laws)
        uneven = uneven_warning(self.density, self.network, self.dimension)
        aliasing = aliasing_warning(self.density, self.sites, self.unit)
        phases = phase_warning(self.network, self.dimension)
        coordinates = coordinate_warning(self.density, self.network, self.sites)
        return [
            *self.data_warnings,
            *(each for each in (origin, uneven, aliasing, phases, coordinates, self.loss.warning, decay) if each),
        ]

    @property
    def _decays_as_towards_start(self) -> bool:
        """Whether f(0) = 0 and f stays linear in its parameters, so that decay towards 0 is that towards the start."""
        network = self.network
        return self.rates.frequencies == 0 and network.symmetric and network.fourier_sum and not network.diagonal

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
    def targets(self) -> dict[str, Sites]:
        """The sites without training samples at which values are predicted: "held_out" and "predict_at", if given."""
        held_out = {} if self.held_out is None else {"held_out": self.held_out.sites}
        return held_out if self.predict_at is None else held_out | {"predict_at": self.predict_at}

    @property
    def lattice(self) -> Grid | None:
        """The grid that contains all samples and all targets, or None."""
        lattice = self.sites.lattice
        return lattice if all(each.lattice == lattice for each in self.targets.values()) else None

    @property
    def nyquist(self) -> np.ndarray:
        """The frequency above which samples and targets alias, (d,) [cycles/length]; infinite without a `lattice`."""
        return self.sites.nyquist if self.lattice is not None else np.full(self.dimension, np.inf)

    @property
    def reaches(self) -> np.ndarray:
        """The largest |x_i| of all samples and targets on each axis, (d,) [length]."""
        return np.max([each.reach for each in (self.sites, *self.targets.values())], axis=0)

    @property
    def reach(self) -> float:
        """X, an upper bound of |x| over all samples and targets [length]."""
        return float(np.linalg.norm(self.reaches))

    @property
    def span(self) -> np.ndarray:
        """The width of the box around all samples and targets on each axis, (d,) [length]."""
        if not self.targets:
            return self.sites.span
        positions = [each.positions() for each in (self.sites, *self.targets.values())]
        return np.maximum(self.sites.span, np.ptp(np.concatenate(positions), axis=0))


def problem_at(problem: Problem, sites: Sites) -> Problem:
    """Return the problem with other sites. The target there is unknown, so all values are 0."""
    samples = Samples(sites, np.zeros((problem.samples.channels, sites.size)), held_out=True)
    return replace(problem, samples=samples, held_out=None, predict_at=None, initial_error=None, loss=MEAN_SQUARE)
