"""The `freqbias` command. This module imports no heavy library, so that `freqbias --help` answers at once."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from freqbias.compare.commands.evaluate_command import evaluate_command
from freqbias.compare.commands.result_commands import (
    compare_command,
    figures_command,
    kappa_command,
    report_command,
    view_command,
)
from freqbias.compare.commands.run_files import shipped_run_file
from freqbias.compare.commands.sweep_command import collect_command, sweep_command
from freqbias.nn import nn_command, ntk_command
from freqbias.pde import pde_command
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
    StopRequest,
    Verbose,
    commandline,
    version_of,
)

TEACHING = """Predict how a neural network learns, and compare with the trained network.

A network trained by gradient descent learns low frequencies first. freqbias solves a partial differential equation
(PDE) for the spectrum of the training error, trains the network, and compares the solution with the network.

\b
  freqbias run runs/figure4.toml            run everything for one run file
  freqbias check my.toml                    check a run file, predict time and memory
  freqbias run my.toml density.sigma=12     run it with another value of a key
  freqbias design my.toml                   choose density and width by predicted loss
  freqbias sweep my.toml density.sigma=4,8  run it with several values of keys, and collect the results
  uv run mpirun -n 4 freqbias pde my.toml   solve the PDE on four ranks
  freqbias report out/my                    write an interactive report, one HTML file
  freqbias evaluate out/my --points 512     evaluate the trained network on a finer grid
  freqbias view out/my                      make pictures, a movie and ParaView files
  freqbias figures --quick                  draw the figures of the paper

A run file describes the problem: the density of the first-layer frequencies, the data, the network and the output
times. Results go to out/NAME/, or to the folder given by --out. Each stage writes a folder of its own, with a manifest
that lists run-file keys, file hashes and versions. --resume continues an unfinished run. Only --overwrite replaces a
finished result.
"""

ANY_DENSITY = {"kind": "gaussian", "sigma": 1.0}  # of a run file without [density], which `design` ignores

OptionalRunPath = Annotated[
    Path | None,
    typer.Argument(
        metavar="RUN.toml", help="The run file; by default that of figure 4 of the paper.", show_default=False
    ),
]


def run_command(
    path: OptionalRunPath = None,
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
    """Run the stages pde, nn, ntk and compare, and print a summary.

    Results go to out/NAME/, or to the folder given by --out. Each stage writes a folder of its own. Under mpirun, all
    ranks solve the equation. Then rank 0 alone trains the network, while the other ranks sleep.
    """
    from freqbias.compare.stages import print_summary, run_all
    from freqbias.problem import build, load
    from freqbias.runtime import on_root

    if path is not None and "=" in path.name and not path.exists():  # of the shipped run file
        path, overrides = None, [str(path), *(overrides or [])]
    with commandline.open_run(
        path or shipped_run_file(), overrides, load=load, build=build, out=out,
        max_walltime=max_walltime, verbose=verbose, quiet=quiet, log_file=log_file,
    ) as (run, problem, store, stop):  # fmt: skip
        seconds = run_all(run, problem, store, resume=resume, overwrite=overwrite, stop=stop, petsc=petsc or [])
        if not quiet:
            on_root(print_summary, store, seconds, broadcast=False)


def check_command(path: RunPath, overrides: Overrides = None) -> None:
    """Check a run file and predict the cost of the run.

    Prints the mesh, the number of steps, the memory and the computing time. Warns of settings that rarely make sense.
    Writes no files.
    """
    from freqbias.errors import InputError
    from freqbias.problem import build, load
    from freqbias.runtime import log_findings, on_root

    with commandline.open_run(
        path, overrides, load=load, build=build, quiet=True, resume_command="the same command"
    ) as (
        run,
        problem,
        store,
        stop,
    ):
        # This import takes seconds. It comes after the check of the run file, so that a bad file is refused at once.
        from freqbias.compare.commands.check import report

        on_root(stop.check)
        try:
            on_root(lambda: print(report(run, problem, store.root)), broadcast=False)
        except InputError:
            log_findings((), problem.warnings)  # they may be the cause
            raise


Verify = Annotated[
    bool, typer.Option("--verify", help="Train the best candidate and its neighbours, and report the regret.")
]


def design_command(
    path: RunPath,
    overrides: Overrides = None,
    out: Out = None,
    verify: Verify = False,
    resume: Resume = False,
    overwrite: Overwrite = False,
    max_walltime: MaxWalltime = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    log_file: LogFile = None,
) -> None:
    """Choose the density and the width by the predicted loss.

    Compares densities, widths and numbers of steps without training: the kernel of each drawn network predicts the loss
    on held-out samples ([data] held_out), or by cross-validation. The section [design] of the run file says what to
    compare. The section [density] may be missing. Writes design.csv, design.png, design.pdf and run.toml, the run file
    of the best candidate, to the folder design/ of the results.
    """
    from freqbias.problem import build, load
    from freqbias.runtime import log_findings

    with commandline.open_run(
        path, overrides, load=partial(load, density=ANY_DENSITY), build=build, out=out,
        max_walltime=max_walltime, verbose=verbose, quiet=quiet, log_file=log_file,
    ) as (run, problem, store, stop):  # fmt: skip
        log_findings(problem.notes, problem.warnings)
        from freqbias.compare.stages import run_design  # slow to import

        text = run_design(run, problem, store, resume=resume, overwrite=overwrite, stop=stop, train=verify)
        if not quiet and text is not None:
            print(text)


def mesh_command(
    path: RunPath,
    overrides: Overrides = None,
    out: Out = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    log_file: LogFile = None,
) -> None:
    """Describe the frequency mesh and save it for ParaView.

    Writes mesh/mesh.vtu to the result folder. The mesh follows from [pde] tolerance, unless the section [mesh] sets the
    mesh. `freqbias pde` does not need this command.
    """
    from freqbias.compare.stages import run_mesh
    from freqbias.problem import build, load
    from freqbias.runtime import log_findings

    with commandline.open_run(
        path, overrides, load=load, build=build, out=out, verbose=verbose, quiet=quiet, log_file=log_file
    ) as (run, problem, store, _):
        log_findings(problem.notes, problem.warnings)
        description = run_mesh(run, problem, store, resume=resume, overwrite=overwrite)
        if not quiet:
            print(description)


def doctor_command() -> int:
    """Test this installation and say how to repair it.

    Tests the libraries, MPI, GPU and C compiler, and reports threads and memory. The exit code is 2 if `freqbias run`
    cannot work.
    """
    from freqbias.compare.commands.doctor import diagnose

    with StopRequest(resume_command="the same command") as stop:
        return diagnose(stop)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"freqbias {version_of('freqbias')}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
]


def _options(version: Version = False) -> None:
    pass


def build_app() -> typer.Typer:
    """Return the typer app with all commands, in the order of --help."""
    app = commandline.new_app()
    app.callback(help=TEACHING)(_options)
    app.command("run")(run_command)
    app.command("check")(check_command)
    app.command("design")(design_command)
    app.command("sweep")(sweep_command)
    app.command("collect")(collect_command)
    app.command("mesh")(mesh_command)
    app.command("pde")(pde_command)
    app.command("nn")(nn_command)
    app.command("ntk")(ntk_command)
    app.command("compare")(compare_command)
    app.command("kappa")(kappa_command)
    app.command("evaluate")(evaluate_command)
    app.command("figures")(figures_command)
    app.command("view")(view_command)
    app.command("report")(report_command)
    app.command("doctor")(doctor_command)
    return app


def main() -> None:
    """Run the command line of this process."""
    commandline.main(build_app(), "freqbias")
