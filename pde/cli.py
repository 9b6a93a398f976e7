"""The command `freqbias pde` (also `python -m freqbias.pde`)."""

from freqbias.runtime import (
    LogFile,
    MaxWalltime,
    Out,
    Overrides,
    Overwrite,
    Petsc,
    Quiet,
    Resume,
    RunPath,
    Verbose,
    commandline,
    log_findings,
)


def pde_command(
    path: RunPath,
    overrides: Overrides = None,
    out: Out = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    max_walltime: MaxWalltime = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    log_file: LogFile = None,
    petsc: Petsc = None,
) -> None:
    """Solve the equation for the spectrum of the network's error.

    Writes pde/spectrum.nc and pde/fields.pvd (for ParaView) to the result folder. Both contain the spectrum on the mesh
    at every output time. Under mpirun all ranks share the work.
    """
    from freqbias.problem import build, load

    with commandline.open_run(
        path, overrides, load=load, build=build, out=out,
        max_walltime=max_walltime, verbose=verbose, quiet=quiet, log_file=log_file,
    ) as (run, problem, store, stop):  # fmt: skip
        log_findings(problem.notes, problem.warnings)
        from freqbias.pde.petsc_options import refuse_torchrun, start_petsc

        refuse_torchrun()
        start_petsc(petsc or [])  # before the next import, which would start PETSc without these options
        # This import takes seconds, so it comes after the check of the run file.
        from freqbias.pde.stage import run_pde

        run_pde(run, problem, store, resume=resume, overwrite=overwrite, stop=stop, petsc=petsc or [])
