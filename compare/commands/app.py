"""The `freqbias` command, which ties all rooms together. Importing it imports none of the heavy libraries."""

from pathlib import Path
from typing import Annotated

import typer

from freqbias.nn import nn_command, ntk_command
from freqbias.pde import pde_command
from freqbias.runtime import LogFile, MaxWalltime, Out, Overwrite, Petsc, Quiet, Resume, RunPath, Verbose, commandline

OWN_ERRORS = "Compare your own network: its errors in the format of error.nc, in place of those of `freqbias nn`."
ErrorFile = Annotated[Path | None, typer.Option("--error", metavar="FILE.nc", help=OWN_ERRORS, show_default=False)]
OptionalRunPath = Annotated[
    Path | None,
    typer.Argument(
        metavar="RUN.toml", help="The run file; without one, the figure 4 that freqbias ships.", show_default=False
    ),
]


ResultFolder = Annotated[
    Path, typer.Argument(metavar="OUT", help="The result folder, such as out/NAME.", show_default=False)
]
Numbers = Annotated[
    list[int] | None,
    typer.Argument(
        metavar="[N]...", min=1, max=6, help="Which figures, for example 2 4; all, if not given.", show_default=False
    ),
]
FiguresOut = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="The folder of all results: DIR/NAME of a run, DIR/figures.")
]
Quick = Annotated[bool, typer.Option("--quick", help="Narrower networks: to see them all in minutes.")]


def shipped_run_files() -> Path:
    """The folder `runs`, which stands beside `compare` in the checkout and in the wheel."""
    return Path(__file__).resolve().parents[2] / "runs"


def shipped_run_file() -> Path:
    """The figure 4 that freqbias ships."""
    return shipped_run_files() / "figure4.toml"


def run_command(
    path: OptionalRunPath = None,
    out: Out = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    max_walltime: MaxWalltime = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    log_file: LogFile = None,
    petsc: Petsc = None,
) -> None:
    """Everything: pde, nn, ntk, compare, and a summary.

    Results go to out/NAME/ (or --out), one folder a stage: pde, nn, ntk, compare. Under mpirun the equation is solved
    on all ranks, and the network trained on rank 0 while the others sleep.
    """
    from freqbias import problem
    from freqbias.compare.stages import print_summary, run_all
    from freqbias.runtime import on_root

    with commandline.open_run(
        path or shipped_run_file(), load=problem.load, build=problem.build, out=out,
        max_walltime=max_walltime, verbose=verbose, quiet=quiet, log_file=log_file,
    ) as (run, statement, store, stop):  # fmt: skip
        run_all(run, statement, store, resume=resume, overwrite=overwrite, stop=stop, petsc=petsc or [])
        if not quiet:
            on_root(print_summary, store, broadcast=False)


def compare_command(
    path: RunPath,
    error: ErrorFile = None,
    out: Out = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    max_walltime: MaxWalltime = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    log_file: LogFile = None,
) -> None:
    """Network against finite elements: figures, errors.

    Writes spectra.nc, metrics.csv, kappa.csv and fields.pvd to the folder compare of the results, and the pictures
    figure4, kappa and, with predictions, split. Needs the results of `freqbias pde` and `freqbias nn` (or --error) in
    the same result folder; the predictions are those of `freqbias ntk`.
    """
    from freqbias import problem

    with commandline.open_run(
        path, load=problem.load, build=problem.build, out=out,
        max_walltime=max_walltime, verbose=verbose, quiet=quiet, log_file=log_file,
    ) as (run, statement, store, stop):  # fmt: skip
        from freqbias.compare.stages import run_compare

        run_compare(run, statement, store, resume=resume, overwrite=overwrite, stop=stop, error_file=error)


def figures_command(
    numbers: Numbers = None,
    out: FiguresOut = Path("out"),
    quick: Quick = False,
    max_walltime: MaxWalltime = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    log_file: LogFile = None,
) -> None:
    """The figures of the paper, as DIR/figures/figureN.png and .pdf.

    Results that are there, in DIR/NAME as `freqbias run` leaves them, are used; the others are computed first, and
    gone on from where they were interrupted. With --quick all names end in -quick.
    """
    from freqbias.compare.paper import FIGURES, PaperRun, make

    with commandline.prepared(
        max_walltime=max_walltime, verbose=verbose, quiet=quiet, log_file=log_file, again="the same command"
    ) as stop:
        make(numbers or list(FIGURES), PaperRun(shipped_run_files(), out, quick), stop)


def kappa_command(
    path: RunPath,
    error: ErrorFile = None,
    start: Annotated[
        float | None,
        typer.Option("--from", metavar="T1", help="The window's first time; the start.", show_default=False),
    ] = None,
    end: Annotated[
        float | None, typer.Option("--to", metavar="T2", help="Its last time; the end.", show_default=False)
    ] = None,
    floor: Annotated[
        float | None,
        typer.Option(
            metavar="F",
            help="No rate where less than this share of the largest |v(0)| is left: 0.01, or what scattered samples "
            "leave at every frequency.",
            show_default=False,
        ),
    ] = None,
    bands: Annotated[int, typer.Option(metavar="N", help="Bands of |xi|.")] = 12,
    directions: Annotated[
        int | None,
        typer.Option(metavar="N", help="Sectors of the angle in 2-D (4); in 3-D the 3 axes.", show_default=False),
    ] = None,
    out: Out = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    log_file: LogFile = None,
) -> None:
    """How fast each frequency is learnt.

    Writes kappa.nc, kappa.csv, bands.csv and kappa.png to the folder kappa of the results: the frequency learning rate
    -d/dt log |v| at every instant, its mean and a fit over a window of time, by frequency, band and direction, beside
    theory. Needs the result of `freqbias pde`; those of nn and ntk are measured where they are there.
    """
    from freqbias import problem

    with commandline.open_run(
        path, load=problem.load, build=problem.build, out=out, verbose=verbose, quiet=quiet, log_file=log_file
    ) as (run, statement, store, _):
        from freqbias.compare.stages import Options, run_kappa

        options = Options(start, end, floor, bands, directions)
        run_kappa(run, statement, store, resume=resume, overwrite=overwrite, options=options, error_file=error)


def view_command(
    folder: ResultFolder,
    resume: Resume = False,
    overwrite: Overwrite = False,
    max_walltime: MaxWalltime = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    log_file: LogFile = None,
) -> None:
    """A finished result to look at: ParaView, a picture, a movie.

    Writes to OUT/view, from the finished stage pde and, where that is there, compare:

    \b
      view.png                the spectra of finite elements and network, and their difference, at four times
      view.gif                the same, with a frame for each output time
      open_in_paraview.py     all fields side by side: paraview --script=OUT/view/open_in_paraview.py
      spectra.pvd, laws.pvd   what it opens; the array "units" of their field data says what the fields are in

    One dimension: curves over the frequency; two: maps; three: the planes through the largest |v(0)|. No window is
    needed.
    """
    from freqbias.compare.stages import run_view

    with commandline.prepared(max_walltime=max_walltime, verbose=verbose, quiet=quiet, log_file=log_file) as stop:
        run_view(folder, resume=resume, overwrite=overwrite, stop=stop)


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
    from freqbias import problem
    from freqbias.compare.stages import run_mesh

    with commandline.open_run(
        path, load=problem.load, build=problem.build, out=out, verbose=verbose, quiet=quiet, log_file=log_file
    ) as (run, statement, store, _):
        description = run_mesh(run, statement, store, resume=resume, overwrite=overwrite)
        if not quiet:
            print(description)


def check_command(path: RunPath) -> None:
    """Is the run file valid; what will it take.

    Predicts mesh, memory, steps and time before anything starts, and writes nothing.
    """
    from freqbias import problem
    from freqbias.runtime import on_root

    with commandline.open_run(path, load=problem.load, build=problem.build, quiet=True) as (run, statement, store, _):
        from freqbias.compare.commands.check import (
            report,  # takes seconds, which a run file that is not valid need not wait for
        )

        on_root(lambda: print(report(run, statement, store.root)), broadcast=False)


def doctor_command() -> int:
    """What works here, what is missing, how to mend it.

    Tries libraries, MPI, ranks, threads, memory, GPU and compiler; exit code 2 where the main job cannot run.
    """
    from freqbias.compare.commands.doctor import diagnose

    return diagnose()


TEACHING = """The frequency bias of neural networks: a PDE in frequency space, solved by finite elements, against
the trained network.

\b
  freqbias run runs/figure4.toml                      everything, for one run file
  freqbias check my.toml                              is it valid, how long will it take
  uv run mpirun -n 4 freqbias pde my.toml             one stage, in parallel
  freqbias view out/my                                a finished result: ParaView, a picture, a movie
  freqbias figures --quick                            the figures of the paper

A run file states the problem: density of the first-layer frequencies, data, network, output times. Results go to
out/NAME/, or --out: a folder a stage, each with a manifest of its keys, hashes and versions. A finished result is never
overwritten unless told so; an unfinished one is gone on from with --resume.
"""


def build_app() -> typer.Typer:
    app = commandline.new_app(TEACHING)
    app.command("run")(run_command)
    app.command("check")(check_command)
    app.command("mesh")(mesh_command)
    app.command("pde")(pde_command)
    app.command("nn")(nn_command)
    app.command("ntk")(ntk_command)
    app.command("compare")(compare_command)
    app.command("kappa")(kappa_command)
    app.command("figures")(figures_command)
    app.command("view")(view_command)
    app.command("doctor")(doctor_command)
    return app


def main() -> None:
    """The entry point of `freqbias`."""
    commandline.main(build_app(), "freqbias")
