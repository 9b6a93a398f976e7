"""The stages `nn`, `ntk`, `draws` and `minibatches` on all ranks.

Only ranks that work import torch, which takes time and memory.
"""

from functools import partial
from typing import TYPE_CHECKING, Any

from freqbias.problem import Problem, RunFile
from freqbias.runtime import StopRequest, Store, on_root

if TYPE_CHECKING:
    from freqbias.nn.training_plan import TrainingPlan


def run_nn(
    run: RunFile,
    problem: Problem,
    store: Store,
    *,
    resume: bool,
    overwrite: bool,
    stop: StopRequest,
    shard: bool = False,
    plan: "TrainingPlan | None" = None,
) -> None:
    """Train the network, and write `nn/error.nc`. Collective.

    shard: if True, all processes share the neurons. Otherwise rank 0 trains while the other ranks sleep.
    plan: the result of `plan_training` for this problem and one process. By default it is computed.
    Raises InputError, ComputationError, UsageError (a result exists already), and StoppedEarly after storing the state.
    """
    work = partial(_train, run, problem, store, shard, resume=resume, overwrite=overwrite, stop=stop)
    if shard:
        work()
    else:
        on_root(work, broadcast=False, plan=plan)


def run_ntk(
    run: RunFile,
    problem: Problem,
    store: Store,
    *,
    resume: bool,
    overwrite: bool,
    stop: StopRequest,
    plan: "TrainingPlan | None" = None,
) -> None:
    """Predict the training, and write the folder `ntk/`. Collective. Rank 0 works while the other ranks sleep.

    plan: the result of `plan_training` for this problem. By default it is computed.
    Raises InputError, ComputationError, UsageError (a result exists already), and StoppedEarly after storing the Krylov
    basis.
    """
    flags = {"resume": resume, "overwrite": overwrite, "stop": stop, "plan": plan}
    on_root(_predict, run, problem, store, broadcast=False, **flags)


def check_draws(problem: Problem, draws: int | None, distance: float | None) -> None:
    """Raise InputError if --draws or --distance has a value that cannot be computed. Collective."""
    if draws is not None or distance is not None:
        on_root(_check_draws, problem, draws, distance)


def run_draws(
    run: RunFile,
    problem: Problem,
    store: Store,
    *,
    count: int,
    resume: bool,
    overwrite: bool,
    stop: StopRequest,
    distance: float | None = None,
) -> None:
    """Predict `count` draws, and write the folder `draws/`. Collective. Rank 0 works while the other ranks sleep.

    The draws follow the gradient flow, or the steps of gradient descent if [pde] dynamics says so.
    distance: from infinite width, relative to |u(0)|, for which the needed width is reported.
    Raises UsageError (a result exists already), and StoppedEarly after storing the draws so far.
    """
    flags = {"resume": resume, "overwrite": overwrite, "stop": stop, "distance": distance}
    on_root(_predict_draws, run, problem, store, count, broadcast=False, **flags)


def check_minibatches(run: RunFile, problem: Problem, count: int | None) -> None:
    """Raise InputError if --minibatches has a value that cannot be computed. Collective."""
    if count is not None:
        on_root(_check_minibatches, run, problem, count)


def run_minibatches(
    run: RunFile,
    problem: Problem,
    store: Store,
    *,
    count: int,
    resume: bool,
    overwrite: bool,
    stop: StopRequest,
) -> None:
    """Predict `count` sequences of minibatches, and write the folder `minibatches/`.

    Collective. Rank 0 works while the other ranks sleep.
    Raises InputError, ComputationError, UsageError (a result exists already), and StoppedEarly.
    """
    flags = {"resume": resume, "overwrite": overwrite, "stop": stop}
    on_root(_predict_minibatches, run, problem, store, count, broadcast=False, **flags)


def _train(run: RunFile, problem: Problem, store: Store, shard: bool, **flags: Any) -> None:
    from freqbias.nn.sharding import Shards, make_shards
    from freqbias.nn.stage import run_on_shards

    run_on_shards(run, problem, store, make_shards() if shard else Shards(), **flags)


def _predict(run: RunFile, problem: Problem, store: Store, **flags: Any) -> None:
    from freqbias.nn.ntk_stage import predict_on_root

    predict_on_root(run, problem, store, **flags)


def _check_draws(problem: Problem, draws: int | None, distance: float | None) -> None:
    from freqbias.nn.draws import check_distance, check_draws

    check_distance(distance, draws)
    if draws is not None:
        check_draws(problem, draws)


def _predict_draws(run: RunFile, problem: Problem, store: Store, count: int, **flags: Any) -> None:
    from freqbias.nn.draws_stage import predict_draws_on_root

    predict_draws_on_root(run, problem, store, count, **flags)


def _check_minibatches(run: RunFile, problem: Problem, count: int) -> None:
    from freqbias.nn.minibatches_stage import check_minibatches

    check_minibatches(problem, run.training, count)


def _predict_minibatches(run: RunFile, problem: Problem, store: Store, count: int, **flags: Any) -> None:
    from freqbias.nn.minibatches_stage import predict_minibatches_on_root

    predict_minibatches_on_root(run, problem, store, count, **flags)
