"""The commands `freqbias nn` (also `python -m freqbias.nn`) and `freqbias ntk`."""

from typing import Annotated

import typer

from freqbias.runtime import (
    LogFile,
    MaxWalltime,
    Out,
    Overrides,
    Overwrite,
    Quiet,
    Resume,
    RunPath,
    Verbose,
    commandline,
    log_findings,
    on_root,
)

DrawCount = Annotated[
    int | None,
    typer.Option(
        "--draws",
        metavar="N",
        help="Also predict N random networks with other seeds; 39 give a band of 95 %.",
        show_default=False,
    ),
]
Distance = Annotated[
    float | None,
    typer.Option(
        "--distance",
        metavar="RATIO",
        help="With --draws, say which width keeps 95 % of networks this near to infinite width, relative to the "
        "initial error.",
        show_default=False,
    ),
]
Minibatches = Annotated[
    int | None,
    typer.Option(
        "--minibatches",
        metavar="N",
        help="Also predict the training for N random sequences of minibatches, at least 39; they give a band of 95 %.",
        show_default=False,
    ),
]
Shard = Annotated[bool, typer.Option("--shard", help="Divide the neurons among all processes.")]


def nn_command(
    path: RunPath,
    overrides: Overrides = None,
    out: Out = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    max_walltime: MaxWalltime = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    log_file: LogFile = None,
    shard: Shard = False,
) -> None:
    """Train the network.

    Writes nn/error.nc to the result folder. This file contains the error of the network on the samples at every output
    time. Under mpirun rank 0 trains while the other ranks sleep. With --shard the neurons are divided among all
    processes of mpirun or torchrun.
    """
    from freqbias.problem import build, load

    with commandline.open_run(
        path, overrides, load=load, build=build, out=out,
        max_walltime=max_walltime, verbose=verbose, quiet=quiet, log_file=log_file,
    ) as (run, problem, store, stop):  # fmt: skip
        log_findings(problem.notes, problem.warnings)
        from freqbias.nn.run import run_nn

        run_nn(run, problem, store, resume=resume, overwrite=overwrite, stop=stop, shard=shard)


def ntk_command(
    path: RunPath,
    overrides: Overrides = None,
    out: Out = None,
    draws: DrawCount = None,
    distance: Distance = None,
    minibatches: Minibatches = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    max_walltime: MaxWalltime = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    log_file: LogFile = None,
) -> None:
    """Predict the training with the neural tangent kernel (NTK).

    Writes ntk/infinite-width.nc and ntk/empirical.nc to the result folder. Both contain a predicted error on the
    samples at every output time. The first uses the kernel at infinite width, the second the kernel of the drawn
    network. The command takes seconds and needs no training. With --draws N, draws/draws.nc contains the predictions
    for N random networks. They give a band for the network that is trained, which figure 4 of `compare` shows, and the
    width for a given distance from infinite width. With --minibatches N, minibatches/minibatches.nc contains the
    predictions for N random sequences of minibatches.
    """
    from freqbias.problem import build, load

    with commandline.open_run(
        path, overrides, load=load, build=build, out=out,
        max_walltime=max_walltime, verbose=verbose, quiet=quiet, log_file=log_file,
    ) as (run, problem, store, stop):  # fmt: skip
        log_findings(problem.notes, problem.warnings)
        from freqbias.nn.run import check_draws, check_minibatches, run_draws, run_minibatches, run_ntk

        check_draws(problem, draws, distance)
        check_minibatches(run, problem, minibatches)
        finished = (draws, minibatches) != (None, None) and on_root(store.has, "ntk") and not overwrite
        run_ntk(run, problem, store, resume=resume or finished, overwrite=overwrite, stop=stop)
        if draws is not None:
            run_draws(
                run, problem, store,
                count=draws, resume=resume, overwrite=overwrite, stop=stop, distance=distance,
            )  # fmt: skip
        if minibatches is not None:
            run_minibatches(run, problem, store, count=minibatches, resume=resume, overwrite=overwrite, stop=stop)
