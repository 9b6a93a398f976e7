"""The command `freqbias nn`, also `python -m nn`."""

from runtime import commandline
from runtime.commandline import LogFile, MaxWalltime, Out, Overwrite, Quiet, Resume, RunPath, Verbose


def nn_command(
    path: RunPath,
    out: Out = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    max_walltime: MaxWalltime = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    log_file: LogFile = None,
) -> None:
    """Train the network.

    Writes nn/error.nc to the result folder: the network's error on the samples at every output time. Under mpirun
    rank 0 trains while the others sleep.
    """
    import problem

    with commandline.open_run(
        path, load=problem.load, build=problem.build, out=out,
        max_walltime=max_walltime, verbose=verbose, quiet=quiet, log_file=log_file,
    ) as (run, statement, store, stop):  # fmt: skip
        from nn.stage import run_stage  # takes seconds to import: only once the run file is found good

        run_stage(run, statement, store, resume=resume, overwrite=overwrite, stop=stop)
