"""The command `freqbias sweep`: many runs of one run file with other values of some keys."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from freqbias.errors import UsageError
from freqbias.runtime import LogFile, MaxWalltime, Out, Overwrite, Quiet, Resume, RunPath, Verbose, commandline, on_root

if TYPE_CHECKING:
    from freqbias.compare.sweep import SweepFolder

Axes = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE,VALUE...]...",
        help="Keys of the run file with their values, for example density.sigma=4,8,16 seed='range(5)'. Also "
        "linspace(1,9,5) and geomspace(1,64,7).",
        show_default=False,
    ),
]
Zip = Annotated[
    list[str] | None,
    typer.Option(
        "--zip", metavar="KEY,KEY", help="Keys whose values go together, instead of all combinations.",
        show_default=False,
    ),
]  # fmt: skip
Stages = Annotated[
    str | None,
    typer.Option(
        metavar="STAGE,STAGE", show_default=False,
        help="The stages to run: pde, nn, ntk, compare, design. The default is pde,nn,ntk,compare.",
    ),
]  # fmt: skip
Jobs = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=1, show_default=False,
        help="The number of processes, which share the cores. The default is one for each core.",
    ),
]  # fmt: skip
RanksPerRun = Annotated[
    int, typer.Option(metavar="N", min=1, help="Under mpirun: the number of ranks that work on a run together.")
]
Share = Annotated[
    str | None,
    typer.Option(
        "--task", metavar="K/N", show_default=False,
        help="Compute share K of N only, for the task K of a job array with N tasks.",
    ),
]  # fmt: skip


def sweep_command(
    path: RunPath,
    axes: Axes = None,
    zipped: Zip = None,
    stages: Stages = None,
    out: Out = None,
    jobs: Jobs = None,
    ranks_per_run: RanksPerRun = 1,
    task: Share = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    max_walltime: MaxWalltime = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    log_file: LogFile = None,
) -> int:
    """Run all combinations of several values of some keys.

    \b
      freqbias sweep my.toml density.sigma=4,8,16 network.width=1000,10000 seed='range(5)'

    The section [sweep] of the run file can say the same. Each run gets a result folder, DIR/runs/ID. A stage that a
    swept key does not affect runs only once. The command collects the results in DIR/sweep.nc and DIR/sweep.csv. A run
    that fails is written down and does not stop the others. --resume continues a sweep, extends it by more values, and
    lets several commands work on the same sweep at once.
    """
    from freqbias.compare.sweep import run_sweep
    from freqbias.problem import load_sweep

    share = _share(task)
    with commandline.start_work(
        max_walltime=max_walltime, verbose=verbose, quiet=quiet, log_file=log_file
    ) as stop:
        plan = on_root(
            load_sweep, path, axes or (),
            zipped=[keys.split(",") for keys in zipped or ()], stages=stages.split(",") if stages else (),
        )  # fmt: skip
        sweep = run_sweep(
            plan, out or Path("out") / plan.name, resume=resume, overwrite=overwrite, stop=stop, jobs=jobs,
            ranks_per_run=ranks_per_run, share=share,
        )  # fmt: skip
        return 0 if sweep is None else on_root(_end, sweep, quiet)


def _end(sweep: "SweepFolder", quiet: bool) -> int:
    """Collect the results if no other command is still working on the sweep, and return the exit code."""
    from freqbias.compare.sweep import collect_sweep, end_table

    if sweep.is_complete:
        data = collect_sweep(sweep)
        if not quiet:
            print(end_table(data))
    return sweep.exit_code


def _share(task: str | None) -> tuple[int, int]:
    """Return K and N of "K/N"."""
    if task is None:
        return 1, 1
    number, slash, shares = task.partition("/")
    if not (slash and number.isdecimal() and shares.isdecimal() and 1 <= int(number) <= int(shares)):
        raise UsageError(f"--task {task}: write K/N with K from 1 to N, for example --task 3/16")
    return int(number), int(shares)
