"""The checks of [training] that concern several keys: those of the learning rate, and those of an operator.

training: a `freqbias.problem.Training`, whose class uses these functions.
"""

from typing import Any


def check_rate_schedule(training: Any) -> None:
    """Raise ValueError if the keys of a learning rate that changes contradict each other or the integrator."""
    if (training.rate_schedule == "steps") != (training.milestones is not None):
        raise ValueError(
            'rate_schedule = "steps" needs milestones, for example milestones = [0.5, 0.75]'
            if training.milestones is None
            else f'milestones = {training.milestones} are for rate_schedule = "steps"; add it, or leave milestones out'
        )
    if training.rate_factor is not None and training.milestones is None:
        raise ValueError(f'rate_factor = {training.rate_factor} is for rate_schedule = "steps"; leave rate_factor out')
    if training.milestones is not None and sorted({*training.milestones, training.warm_up}) != [
        training.warm_up,
        *training.milestones,
    ]:
        raise ValueError(
            f"milestones = {training.milestones} do not increase from warm_up = {training.warm_up}; give increasing "
            "numbers between warm_up and 1"
        )
    name = "rate_schedule" if training.rate_schedule != "constant" else "warm_up"
    if (training.rate_schedule, training.warm_up) == ("constant", 0.0):
        return
    value = f'"{training.rate_schedule}"' if name == "rate_schedule" else training.warm_up
    if training.integrator in ("rk4", "heun"):
        raise ValueError(
            f'{name} = {value} is for "gradient-descent", "gauss-newton" and the optimisers, but integrator = '
            f'"{training.integrator}" chooses its steps by its error; leave {name} out'
        )
    if training.step == "auto":
        raise ValueError(f"{name} = {value} needs a number for step, which is the largest step; add it")


def check_operator(training: Any) -> None:
    """Raise ValueError if the keys of a differential operator contradict each other or others."""
    for name, needed in (
        ("boundary", "operator"),
        ("boundary_points", "boundary"),
        ("boundary_weight", "boundary"),
    ):
        if (value := getattr(training, name)) is not None and getattr(training, needed) is None:
            raise ValueError(f"{name} = {value!r} is for a loss with {needed}; add it, or leave {name} out")
    if training.boundary_points is not None and isinstance(training.boundary, str):
        raise ValueError(
            f"boundary_points = {training.boundary_points} contradicts boundary = {training.boundary!r}, which gives "
            "the positions; leave boundary_points out"
        )
    if training.operator is None:
        return
    if (training.loss, training.weights) != ("mean-square", "equal") or training.batch is not None:
        key = "batch" if training.batch is not None else "weights" if training.weights != "equal" else "loss"
        raise ValueError(
            f"{key} = {getattr(training, key)!r} contradicts operator: its loss is the mean square of all samples; "
            f"leave {key} or operator out"
        )
    if training.integrator == "gauss-newton":
        raise ValueError(
            'integrator = "gauss-newton" contradicts operator: the equation is not implemented for both together; use '
            "another integrator, or leave operator out"
        )
    if training.precision == "single":
        raise ValueError(
            'precision = "single" contradicts operator: derivatives magnify the rounding errors; use precision = '
            '"double"'
        )
