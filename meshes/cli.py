"""The command `freqbias mesh`."""

from runtime import commandline
from runtime.commandline import LogFile, Out, Overwrite, Quiet, Resume, RunPath, Verbose


def mesh_command(
    path: RunPath,
    out: Out = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    log_file: LogFile = None,
) -> None:
    """Write and describe the frequency mesh.

    The mesh follows from [pde] tolerance unless [mesh] says otherwise; mesh/mesh.vtu opens in ParaView. `freqbias
    pde` makes its own and does not need this.
    """
    import problem
    from meshes.stage import run_stage

    with commandline.open_run(
        path, load=problem.load, build=problem.build, out=out, verbose=verbose, quiet=quiet, log_file=log_file
    ) as (run, statement, store, _):
        print(run_stage(run, statement, store, resume=resume, overwrite=overwrite))
