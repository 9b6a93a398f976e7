"""The commands that turn results into figures and tables: compare, kappa, figures and view."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from freqbias.compare.commands.run_files import shipped_run_files
from freqbias.errors import UsageError
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
    on_root,
)

ErrorFile = Annotated[
    Path | None,
    typer.Option(
        "--error",
        metavar="FILE.nc",
        help="A file with the errors of your own network, in the format of error.nc. By default, the errors that "
        "`freqbias nn` wrote.",
        show_default=False,
    ),
]
ErrorFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--error",
        metavar="FILE.nc",
        help="A file with the errors of your own network, in the format of error.nc, as freqbias.Recorder writes it. "
        "Repeat it for more trainings. By default, the errors that `freqbias nn` wrote.",
        show_default=False,
    ),
]
Match = Annotated[
    Literal["time", "loss"],
    typer.Option(
        help="Compare your own errors with the equation at equal time or at equal loss. The time of Adam, for example, "
        "is not that of the equation."
    ),
]
WindowStart = Annotated[
    float | None,
    typer.Option("--from", metavar="T1", help="The start of the time window; by default 0.", show_default=False),
]
WindowEnd = Annotated[
    float | None,
    typer.Option(
        "--to", metavar="T2", help="The end of the time window; by default the last output time.", show_default=False
    ),
]
Floor = Annotated[
    float | None,
    typer.Option(
        metavar="F",
        help="Leave the rate undefined where |v| at the start of the time window is below this fraction of the maximum "
        "of |v(0)|. The default is 0.01, or more if scattered samples add noise to all frequencies.",
        show_default=False,
    ),
]
Bands = Annotated[int, typer.Option(metavar="N", help="The number of bands of |xi|.")]
Directions = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="The number of sectors of the angle in 2-D, by default 4. In 3-D always 3, one for each axis.",
        show_default=False,
    ),
]
FigureNumbers = Annotated[
    list[int] | None,
    typer.Argument(
        metavar="[N]...",
        help="The figures to draw, for example 2 4; by default all figures.",
        show_default=False,
    ),
]
FiguresOut = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="DIR",
        parser=commandline.folder,
        help="The folder for runs (DIR/NAME) and figures (DIR/figures).",
    ),
]
Quick = Annotated[bool, typer.Option("--quick", help="Use narrower networks, so that the figures take only minutes.")]
ResultFolder = Annotated[
    Path, typer.Argument(metavar="OUT", help="The result folder, such as out/NAME.", show_default=False)
]

ReportFolders = Annotated[
    list[Path], typer.Argument(metavar="OUT...", help="Result folders, or folders of sweeps.", show_default=False)
]
ReportOut = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="FILE.html", help="The file to write; by default OUT/report.html.", show_default=False
    ),
]

Runs = Annotated[
    list[str] | None,
    typer.Option("--run", metavar="ID", help="Of a sweep: a run to show. Repeat it for more runs.", show_default=False),
]


def compare_command(
    path: RunPath,
    overrides: Overrides = None,
    error: ErrorFiles = None,
    match: Match = "time",
    out: Out = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    max_walltime: MaxWalltime = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    log_file: LogFile = None,
) -> None:
    """Compare the trained network with the PDE solution.

    Reads the results of `freqbias pde` and `freqbias nn` in the result folder, and the predictions of `freqbias ntk` if
    they exist. Files given by --error replace the results of nn and ntk. Writes to the folder compare: spectra.nc,
    metrics.csv, kappa.csv, fields.pvd (for ParaView) and the pictures figure4 and kappa. With predictions, the command
    also draws the picture split. With several files, trainings.csv and the picture trainings show all of them.
    """
    from freqbias.problem import build, load

    with commandline.open_run(
        path, overrides, load=load, build=build, out=out,
        max_walltime=max_walltime, verbose=verbose, quiet=quiet, log_file=log_file,
    ) as (run, problem, store, stop):  # fmt: skip
        from freqbias.compare.stages import run_compare

        run_compare(
            run, problem, store, resume=resume, overwrite=overwrite, stop=stop, error_files=error or [], match=match
        )


def kappa_command(
    path: RunPath,
    overrides: Overrides = None,
    error: ErrorFile = None,
    start: WindowStart = None,
    end: WindowEnd = None,
    floor: Floor = None,
    bands: Bands = 12,
    directions: Directions = None,
    out: Out = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    log_file: LogFile = None,
) -> None:
    """Measure how fast each frequency is learnt.

    The learning rate is kappa = -d/dt log |v(xi, t)|, where v is the spectrum of the error. Needs the result of
    `freqbias pde`. Also measures the results of `freqbias nn` and `freqbias ntk` if they exist. Writes to the folder
    kappa of the results:

    \b
      kappa.nc    the rate of each frequency between output times
      kappa.csv   the mean rate of each frequency over the time window, and a fit
      bands.csv   the rate of each band of |xi| and of each direction
      kappa.png   a picture of the rates

    Each file also contains the theoretical rates.
    """
    from freqbias.problem import build, load

    with commandline.open_run(
        path, overrides, load=load, build=build, out=out, verbose=verbose, quiet=quiet, log_file=log_file
    ) as (run, problem, store, _):
        from freqbias.compare.stages import Options, run_kappa

        options = Options(start, end, floor, bands, directions)
        run_kappa(run, problem, store, resume=resume, overwrite=overwrite, options=options, error_file=error)


def figures_command(
    numbers: FigureNumbers = None,
    out: FiguresOut = Path("out"),
    quick: Quick = False,
    max_walltime: MaxWalltime = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    log_file: LogFile = None,
) -> None:
    """Draw the figures of the paper.

    Writes DIR/figures/figureN.png and .pdf. Uses the finished results in DIR/NAME, such as those of `freqbias run`, and
    first computes the results that are missing. Repeat the command to continue after an interruption. With --quick, the
    names of all runs and figures end in -quick.
    """
    from freqbias.compare.paper import FIGURES, PaperRuns, make_figures

    with commandline.start_work(
        max_walltime=max_walltime, verbose=verbose, quiet=quiet, log_file=log_file, resume_command="the same command"
    ) as stop:
        make_figures(numbers or FIGURES, PaperRuns(shipped_run_files(), out, quick), stop)


def report_command(
    folders: ReportFolders,
    out: ReportOut = None,
    overwrite: Overwrite = False,
    verbose: Verbose = 0,
    quiet: Quiet = False,
) -> None:
    """Write an interactive report of results: one HTML file that opens offline.

    \b
      freqbias report out/my                           of a run: OUT/report.html
      freqbias report out/sweep                        of a sweep: a table that sorts and filters
      freqbias report out/a out/b --out both.html      of several runs, to compare them

    The figures answer to the mouse and follow a slider over time. The report also contains the run file, versions and
    hashes. An earlier report in OUT is replaced.
    """
    from freqbias.compare.report import write_report

    with commandline.start_work(verbose=verbose, quiet=quiet):
        if out is not None and out.exists() and not overwrite:
            raise UsageError(f"{out} exists already: choose another --out, or replace it with --overwrite")
        on_root(write_report, folders, out)


def view_command(
    folder: ResultFolder,
    run: Runs = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    max_walltime: MaxWalltime = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    log_file: LogFile = None,
) -> None:
    """Make a picture, a movie and ParaView files of a finished result.

    Reads the result of the stage pde, and that of the stage compare if it exists. Writes to OUT/view:

    \b
      view.png                the spectra of PDE and network, and their difference, at four times
      view.gif                a movie of these spectra, with one frame per output time
      open_in_paraview.py     a script: paraview --script=OUT/view/open_in_paraview.py shows all fields
      spectra.pvd, laws.pvd   the fields; the field data "units" gives their units

    A 1-D result is drawn as curves over frequency, and a 2-D result as maps. A 3-D result is drawn on three planes
    through the frequency with the largest |v(0)|. The command opens no window.

    For the folder of a sweep, writes ID.pvd for the runs of --run, by default for the six with the lowest loss, and
    open_in_paraview.py, which shows them side by side.
    """
    from freqbias.compare.stages import run_view

    with commandline.start_work(max_walltime=max_walltime, verbose=verbose, quiet=quiet, log_file=log_file) as stop:
        if (folder / "runs").is_dir():
            from freqbias.compare.sweep import view_sweep

            on_root(view_sweep, folder, run or (), resume=resume, overwrite=overwrite, stop=stop)
            return
        if run:
            raise UsageError(f"--run {run[0]}: {folder} is not the folder of a sweep; leave --run out")
        run_view(folder, resume=resume, overwrite=overwrite, stop=stop)
