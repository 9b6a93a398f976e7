"""What all commands share: their options, the opening of a run, and the top of the program."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn, Protocol

import typer

from freqbias.errors import UsageError
from freqbias.runtime import logs
from freqbias.runtime.collective import on_root
from freqbias.runtime.exit_codes import exit_code_of
from freqbias.runtime.launcher import rank
from freqbias.runtime.signals import RESUME_COMMAND, StopRequest, parse_walltime
from freqbias.runtime.store import Store
from freqbias.runtime.thread_count import limit_threads

RunPath = Annotated[Path, typer.Argument(metavar="RUN.toml", help="The run file.", show_default=False)]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="The result folder itself; out/NAME if not given.", show_default=False),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from what is there; do nothing where all is finished.")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Compute again; the old result stays until the new one is complete.")
]
MaxWalltime = Annotated[
    str | None,
    typer.Option(
        "--max-walltime",
        metavar="TIME",
        help="Stop in good order after 90s, 15m, 1h30m or 01:30:00 (exit 75).",
        show_default=False,
    ),
]
Verbose = Annotated[int, typer.Option("-v", "--verbose", count=True, metavar="", help="Say more.", show_default=False)]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing but warnings and errors.")]
LogFile = Annotated[
    Path | None,
    typer.Option("--log-file", metavar="FILE", help="Append what is said, with times, to FILE.", show_default=False),
]
Petsc = Annotated[
    list[str] | None,
    typer.Option(
        "--petsc",
        metavar="WORD",
        help="A word for PETSc; all that stands after -- is taken so: -- -pde_ksp_view -log_view",
        show_default=False,
    ),
]

EXIT_CODES = (
    "Exit codes: 0 done; 2 bad input or usage; 3 the computation diverged or lost accuracy; "
    "75 stopped early: --resume goes on, of `figures` the same command."
)


class Named(Protocol):
    @property
    def name(self) -> str: ...


def new_app(help: str | None = None) -> typer.Typer:
    """An app whose help is plain text: the same on a terminal, in a log and under mpirun."""
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
    *,
    load: Callable[[Path], Run],
    build: Callable[[Run], Problem],
    out: Path | None = None,
    max_walltime: str | None = None,
    verbose: int = 0,
    quiet: bool = False,
    log_file: Path | None = None,
) -> Iterator[tuple[Run, Problem, Store, StopRequest]]:
    """The opening of every command; collective. Yields run file, problem, result store and stop request.

    load and build run on rank 0; what they raise is raised on every rank. Nothing but the log file is written, and
    that only once the run file is found good.
    """
    with prepared(max_walltime=max_walltime, verbose=verbose, quiet=quiet) as stop:
        run = on_root(load, path)
        problem = on_root(build, run)
        if log_file is not None:
            logs.configure(verbosity=verbose, quiet=quiet, log_file=log_file)
        yield run, problem, Store(out or Path("out") / run.name), stop


@contextmanager
def prepared(
    *,
    max_walltime: str | None = None,
    verbose: int = 0,
    quiet: bool = False,
    log_file: Path | None = None,
    again: str = RESUME_COMMAND,
) -> Iterator[StopRequest]:
    """What every command that works for long begins with; collective. Yields its stop request; again: see there."""
    seconds = None if max_walltime is None else parse_walltime(max_walltime)
    with StopRequest(seconds, resume_command=again) as stop:
        logs.configure(verbosity=verbose, quiet=quiet, log_file=log_file)
        yield stop


def main(app: typer.Typer, name: str) -> NoReturn:
    """Run an app as a program called `name`, and leave with one exit code, the same on all ranks."""
    limit_threads()
    if rank() > 0:
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115  (for good: rank 0 alone prints)
    sys.exit(exit_code_of(lambda: invoke(app, name, sys.argv[1:])))


def invoke(app: typer.Typer, name: str, arguments: list[str]) -> int:
    """Run one command line and return its exit code; what stands after `--` are words for PETSc. Raises UsageError for
    what the app does not understand."""
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
        if not hasattr(error, "format_message"):  # typer's usage errors, wherever this version of it keeps their class
            raise
        where = getattr(error, "ctx", None)
        asked = where.command_path if where is not None else name
        raise UsageError(f"{error.format_message().rstrip('.')}; `{asked} --help` shows what there is") from None
    return result or 0
