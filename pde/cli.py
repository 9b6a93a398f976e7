"""The command `freqbias pde`, also `python -m freqbias.pde`."""

from freqbias.runtime import LogFile, MaxWalltime, Out, Overwrite, Petsc, Quiet, Resume, RunPath, Verbose, commandline


def pde_command(
    path: RunPath,
    out: Out = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    max_walltime: MaxWalltime = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    log_file: LogFile = None,
    petsc: Petsc = None,
) -> None:
    """Solve the equation.

    Writes pde/spectrum.nc and pde/fields.pvd (for ParaView) to the result folder: the spectrum of the error on the
    mesh at every output time. Under mpirun all ranks share the work.
    """
    from freqbias import problem

    with commandline.open_run(
        path, load=problem.load, build=problem.build, out=out,
        max_walltime=max_walltime, verbose=verbose, quiet=quiet, log_file=log_file,
    ) as (run, statement, store, stop):  # fmt: skip
        from freqbias.pde.petsc_options import start_petsc

        start_petsc(petsc or [])  # before what follows starts it
        from freqbias.pde.stage import run_pde  # takes seconds to import: only once the run file is found good

        run_pde(run, statement, store, resume=resume, overwrite=overwrite, stop=stop, petsc=petsc or [])
