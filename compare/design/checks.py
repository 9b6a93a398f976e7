"""The checks of [design] against the problem, before anything is computed."""

from freqbias.compare.design.candidates import Candidate, shapes
from freqbias.compare.design.rates import LearningRates
from freqbias.compare.design.trainings import MEAN_SQUARE_NAME, STATED, loss_named, losses_of
from freqbias.errors import InputError
from freqbias.nn import step_rule
from freqbias.numerics import OperatorRows
from freqbias.problem import Design, Problem, error_prefix


def check_design(problem: Problem, settings: Design) -> None:
    """Raise InputError if the settings contradict the problem."""
    if problem.decay.rate:
        raise InputError("freqbias design predicts trainings without weight decay; leave [training] decay out")
    if problem.gauss_newton is not None:
        raise InputError(
            'freqbias design chooses the optimiser; use [training] integrator = "gradient-descent", and name '
            "gauss-newton in [design] optimisers"
        )
    if problem.initial_error is not None:
        raise InputError(
            "[pde] initial gives the initial error of one network, but the design compares others; leave initial out"
        )
    if settings.criterion == "held-out" and problem.held_out is None:
        raise InputError(
            '[design] criterion = "held-out": no samples are held out; set [data] held_out, or use criterion = "gcv"'
        )
    _check_trainings(problem, settings)
    _check_operator(problem, settings)
    if settings.purpose != "held-out":
        LearningRates(problem, settings)  # checks the band
    if problem.network.symmetric:
        for width in settings.widths or ():
            if width % 2:
                raise InputError(
                    f"[design] widths: {width} is odd, but [network] symmetric = true needs an even width; use an even "
                    "width"
                )


def _check_operator(problem: Problem, settings: Design) -> None:
    """Raise InputError if a loss, an optimiser or a family does not fit a differential operator."""
    if not isinstance(problem.sites, OperatorRows):
        return
    if settings.losses not in (None, [STATED]):
        raise InputError(
            f"[design] losses = {settings.losses}: with [training] operator, the loss is that of the operator; leave "
            "losses out"
        )
    if problem.held_out is None and settings.purpose == "held-out" and settings.criterion != "training-loss":
        raise InputError(
            "freqbias design judges the residual of [training] operator on held-out samples; set [data] held_out"
        )
    for name in settings.optimisers or ():
        if step_rule(name).kind == "gauss-newton":
            raise InputError(f'[design] optimisers: "{name}" is not for [training] operator; use another optimiser')
    band = None if settings.band is None else (settings.band[0], settings.band[1])
    for family in settings.families or ():
        candidate = Candidate(family, 1.0, problem.network.width, problem.network.sigma_a, 0, shapes(family, band)[0])
        with error_prefix(f'[design] families: "{family}": '):
            candidate.problem(problem)


def _check_trainings(problem: Problem, settings: Design) -> None:
    """Raise InputError if a loss or an optimiser does not fit."""
    for name in settings.losses or ():
        with error_prefix(f'[design] losses: "{name}": '):
            loss_named(name, problem)
    losses = losses_of(problem, settings)
    alone = settings.criterion == "training-loss" and len(losses) == 1  # nothing is compared on other samples
    if losses != [MEAN_SQUARE_NAME] and settings.purpose == "held-out" and not alone:
        if problem.held_out is None:
            raise InputError(
                f"[design] losses = {losses}: losses are compared on held-out samples, but none are held out; set "
                "[data] held_out"
            )
        if settings.criterion == "gcv":
            raise InputError(
                f'[design] criterion = "gcv" is for the mean square, but losses = {losses}; use criterion = "held-out"'
            )
    for name in settings.optimisers or ():
        with error_prefix("[design] optimisers: "):
            limit = step_rule(name).limit()
        if settings.step_factor > limit:
            raise InputError(
                f'[design] step_factor = {settings.step_factor:g}: "{name}" is stable up to {limit:.4g}; use a smaller '
                "step_factor"
            )
