"""The commands `freqbias nn`, also `python -m freqbias.nn`, and `freqbias ntk`."""

from typing import Annotated

import typer

from freqbias.runtime import LogFile, MaxWalltime, Out, Overwrite, Quiet, Resume, RunPath, Verbose, commandline

Shard = Annotated[bool, typer.Option("--shard", help="Share the neurons out among all processes.")]


def nn_command(
    path: RunPath,
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

    Writes nn/error.nc to the result folder: the network's error on the samples at every output time. Under mpirun
    rank 0 trains while the others sleep; with --shard all share the neurons, under torchrun too.
    """
    from freqbias import problem

    with commandline.open_run(
        path, load=problem.load, build=problem.build, out=out,
        max_walltime=max_walltime, verbose=verbose, quiet=quiet, log_file=log_file,
    ) as (run, statement, store, stop):  # fmt: skip
        from freqbias.nn.stage import run_nn  # takes seconds to import: only once the run file is found good

        run_nn(run, statement, store, resume=resume, overwrite=overwrite, stop=stop, shard=shard)


def ntk_command(
    path: RunPath,
    out: Out = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    max_walltime: MaxWalltime = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    log_file: LogFile = None,
) -> None:
    """Predict the training by its kernels.

    Writes infinite-width.nc and empirical.nc to the folder ntk of the results: the error as the kernel at infinite
    width, and the drawn network's own, would have it at every output time. Takes seconds, and needs no training.
    """
    from freqbias import problem

    with commandline.open_run(
        path, load=problem.load, build=problem.build, out=out,
        max_walltime=max_walltime, verbose=verbose, quiet=quiet, log_file=log_file,
    ) as (run, statement, store, stop):  # fmt: skip
        from freqbias.nn.ntk_stage import run_ntk

        run_ntk(run, statement, store, resume=resume, overwrite=overwrite, stop=stop)
