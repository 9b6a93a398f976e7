"""The command line: options shared by all commands, the start of a command, and the entry point of a program.

Options of a single command are defined in the module of that command.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn, Protocol

import typer

from freqbias.errors import UsageError
from freqbias.runtime import logs
from freqbias.runtime.collective import on_root
from freqbias.runtime.exit_codes import exit_code_of
from freqbias.runtime.launcher import rank
from freqbias.runtime.processes import gather_processes
from freqbias.runtime.progress import announced
from freqbias.runtime.signal_watch import watch_signals
from freqbias.runtime.signals import RESUME_COMMAND, StopRequest, parse_walltime
from freqbias.runtime.standard_streams import open_closed_streams
from freqbias.runtime.store import Store
from freqbias.runtime.thread_count import limit_threads

RunPath = Annotated[Path, typer.Argument(metavar="RUN.toml", help="The run file.", show_default=False)]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...",
        help="Keys of the run file to override, for example density.sigma=12 network.width=8000.",
        show_default=False,
    ),
]


def folder(text: str) -> Path:
    """Return a path. An empty text, as from an unset variable of a job script, would be the current folder."""
    if not text:
        raise UsageError('--out "": the name of the folder is empty; give a folder, or leave --out out')
    return Path(text)


Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR",
        parser=folder,
        help="Write the results to DIR instead of out/NAME.",
        show_default=False,
    ),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Continue an unfinished result. A finished result is left unchanged.")
]
Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", help="Compute again. The old result is kept until the new one is complete."),
]
MaxWalltime = Annotated[
    str | None,
    typer.Option(
        "--max-walltime",
        metavar="TIME",
        help="After TIME, such as 90s, 15m, 1h30m or 01:30:00, save the work and stop. The exit code is then 75.",
        show_default=False,
    ),
]
Verbose = Annotated[
    int, typer.Option("-v", "--verbose", count=True, metavar="", help="Print debug messages too.", show_default=False)
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print only warnings and errors.")]
LogFile = Annotated[
    Path | None,
    typer.Option(
        "--log-file", metavar="FILE", help="Append all messages to FILE, with time stamps.", show_default=False
    ),
]
Petsc = Annotated[
    list[str] | None,
    typer.Option(
        "--petsc",
        metavar="WORD",
        help="Pass WORD to PETSc. All words after -- are passed too, for example: -- -pde_ksp_view -log_view",
        show_default=False,
    ),
]

EXIT_CODES = (
    "Exit codes: 0 success; 2 bad input or usage; 3 the computation diverged or lost accuracy; 75 stopped early, and "
    "--resume continues (for `figures`, repeat the command to continue); 1 any other error."
)


class Named(Protocol):
    """A run file: any object with a name. The result folder has the same name."""

    @property
    def name(self) -> str: ...


def new_app(help: str | None = None) -> typer.Typer:
    """Return a typer app with plain-text help, which looks the same on a terminal, in a log and under mpirun."""
    return typer.Typer(
        help=help,
        epilog=EXIT_CODES,
        rich_markup_mode=None,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


@contextmanager
def open_run[Run: Named, Problem](
    path: Path,
    overrides: Sequence[str] | None = None,
    *,
    load: Callable[[Path, Sequence[str]], Run],
    build: Callable[[Run], Problem],
    out: Path | None = None,
    max_walltime: str | None = None,
    verbose: int = 0,
    quiet: bool = False,
    log_file: Path | None = None,
    resume_command: str = RESUME_COMMAND,
) -> Iterator[tuple[Run, Problem, Store, StopRequest]]:
    """Start a command that needs a run file; yield the run file, problem, result store and stop request. Collective.

    overrides: keys of the run file to set, as KEY=VALUE.
    load, build: functions that run on rank 0. Their exceptions are raised on every rank.
    out: the result folder, out/NAME by default. The other arguments are the options above.
    Nothing is written except the log file, and that only if the run file is valid.
    """
    with start_work(max_walltime=max_walltime, verbose=verbose, quiet=quiet, resume_command=resume_command) as stop:
        run = on_root(load, path, overrides or ())
        with announced("reading the data"):
            problem = on_root(build, run)
        on_root(stop.check)
        if log_file is not None:
            logs.configure(verbosity=verbose, quiet=quiet, log_file=log_file)
        gather_processes()
        yield run, problem, Store(out or Path("out") / run.name), stop


@contextmanager
def start_work(
    *,
    max_walltime: str | None = None,
    verbose: int = 0,
    quiet: bool = False,
    log_file: Path | None = None,
    resume_command: str = RESUME_COMMAND,
) -> Iterator[StopRequest]:
    """Start the logging and the wall-time limit of a long command, and yield the stop request. Collective.

    resume_command: the command that continues the stopped work, in words for the user.
    """
    seconds = None if max_walltime is None else parse_walltime(max_walltime)
    with StopRequest(seconds, resume_command=resume_command) as stop:
        logs.configure(verbosity=verbose, quiet=quiet, log_file=log_file)
        on_root(stop.check)  # a signal may have come while the libraries were imported
        yield stop


def main(app: typer.Typer, name: str) -> NoReturn:
    """Run an app as the program `name`, and exit with the same code on all ranks."""
    open_closed_streams()
    watch_signals()
    limit_threads()
    if rank() > 0:
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115  (never closed: only rank 0 prints)
    arguments = sys.argv[1:]
    # DOLFINx reads sys.argv when it is imported, and needs text without the surrogates of bytes that are not UTF-8.
    sys.argv = [argument.encode(errors="replace").decode() for argument in sys.argv]
    sys.exit(exit_code_of(lambda: invoke(app, name, arguments)))


def invoke(app: typer.Typer, name: str, arguments: list[str]) -> int:
    """Run one command line and return its exit code. Words after `--` go to PETSc.

    Raises UsageError if the app does not accept the arguments.
    """
    if "--" in arguments:
        cut = arguments.index("--")
        arguments = [*arguments[:cut], *(f"--petsc={word}" for word in arguments[cut + 1 :])]
    command = typer.main.get_command(app)
    try:
        with command.make_context(name, arguments) as context:
            result: Any = command.invoke(context)
    except typer.Exit as ending:
        return ending.exit_code
    except Exception as error:
        if not hasattr(error, "format_message"):  # the mark of a usage error, whose class depends on typer's version
            raise
        failed = getattr(error, "ctx", None)
        command_path = failed.command_path if failed is not None else name
        message = error.format_message().rstrip(".").replace("Value error, ", "")  # pydantic's words
        raise UsageError(f"{message}; `{command_path} --help` shows the usage") from None
    return result or 0
