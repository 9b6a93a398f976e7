"""The command `freqbias sweep`: many runs of one run file with other values of some keys."""

import shlex
import sys
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from freqbias.errors import UsageError
from freqbias.runtime import (
    LogFile,
    MaxWalltime,
    Out,
    Overwrite,
    Quiet,
    Resume,
    RunPath,
    Verbose,
    commandline,
    configure,
    log,
    on_root,
    parse_walltime,
    size,
)

if TYPE_CHECKING:
    from freqbias.compare.sweep import SweepFolder

SCRIPT = """#!/usr/bin/env bash
#SBATCH --job-name=freqbias-sweep
#SBATCH --array=1-{tasks}
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=4
#SBATCH --time={time}
#SBATCH --signal=B:USR1@120
#SBATCH --output=freqbias-%A-%a.log
exec {freqbias} {words} --task "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT"
"""

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
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print what is left to compute, with time and memory. Write nothing.")
]
Submit = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=1, show_default=False,
        help="Print a batch script for Slurm that computes the sweep as an array of N jobs. Write nothing.",
    ),
]  # fmt: skip
CollectOut = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="DIR", parser=commandline.folder, show_default=False,
        help="The folder for sweep.nc, sweep.csv and sweep.png. The default is OUT, if this is the folder of a sweep.",
    ),
]  # fmt: skip
Folders = Annotated[
    list[Path], typer.Argument(metavar="OUT...", help="Result folders, or folders of sweeps.", show_default=False)
]


def sweep_command(
    path: RunPath,
    axes: Axes = None,
    zipped: Zip = None,
    stages: Stages = None,
    out: Out = None,
    jobs: Jobs = None,
    ranks_per_run: RanksPerRun = 1,
    task: Share = None,
    dry_run: DryRun = False,
    submit: Submit = None,
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
    from freqbias.compare.sweep import SweepFolder, process_count, run_sweep
    from freqbias.problem import load_sweep

    share = _share(task)
    with commandline.start_work(max_walltime=max_walltime, verbose=verbose, quiet=quiet, log_file=log_file) as stop:
        together = [keys.split(",") for keys in zipped or ()]
        chosen = () if stages is None else stages.split(",")
        plan = on_root(load_sweep, path, axes or (), zipped=together, stages=chosen)
        root = out or Path("out") / plan.name
        _refuse_contradictions(submit, overwrite=overwrite, dry_run=dry_run, task=task)
        if submit is not None:
            on_root(lambda: print(_script(submit, max_walltime), end=""), broadcast=False)
            return 0
        if dry_run:
            from freqbias.compare.commands.sweep_cost import dry_run as estimate

            configure(quiet=True)  # of the plans of all timed runs
            processes = max(1, size() // ranks_per_run) if size() > 1 else process_count(plan, jobs)
            sweep_folder = SweepFolder(root, plan)
            on_root(sweep_folder.check, resume=not overwrite, overwrite=overwrite)
            on_root(lambda: print(estimate(sweep_folder, processes)), broadcast=False)
            return 0
        sweep = run_sweep(
            plan, root, resume=resume, overwrite=overwrite, stop=stop, jobs=jobs, ranks_per_run=ranks_per_run,
            share=share,
        )  # fmt: skip
        return 0 if sweep is None else on_root(_end, sweep, quiet)


def collect_command(
    folders: Folders, out: CollectOut = None, overwrite: Overwrite = False, verbose: Verbose = 0, quiet: Quiet = False
) -> None:
    """Collect any finished results in one table.

    \b
      freqbias collect out/a out/b out/c --out out/all

    Writes sweep.nc, sweep.csv and sweep.png. The table has a dimension for each key of the run files that differs.
    """
    from freqbias.compare.sweep import collect_folders, end_table

    with commandline.start_work(verbose=verbose, quiet=quiet):
        own = len(folders) == 1 and (folders[0] / "runs").is_dir()
        if out is None and not own:
            raise UsageError("--out is missing; give the folder for the table, for example --out out/all")
        target = out or folders[0]
        if out is not None and (out / "sweep.nc").exists() and not overwrite:
            raise UsageError(f"{out / 'sweep.nc'} exists already: choose another --out, or replace it with --overwrite")
        data = on_root(collect_folders, folders, target, broadcast=False)
        if data is not None and not quiet:
            print(end_table(data))


def _end(sweep: "SweepFolder", quiet: bool) -> int:
    """Collect the results if no other command is still working on the sweep, and return the exit code."""
    from freqbias.compare.sweep import collect_sweep, end_table, log_warnings

    if sweep.is_complete:
        data = collect_sweep(sweep)
        if not quiet:
            print(end_table(data))
    for warning in log_warnings(sweep.log, sweep.log_begin):
        log.warning("%s", warning)
    return sweep.exit_code


def _refuse_contradictions(submit: int | None, *, overwrite: bool, dry_run: bool, task: str | None) -> None:
    if submit is None:
        return
    if overwrite:
        raise UsageError("--overwrite contradicts --submit: each job would delete what the others compute")
    if dry_run:
        raise UsageError("--dry-run contradicts --submit, which only prints a script: give one of them")
    if task is not None:
        raise UsageError(f"--task {task} contradicts --submit, whose script gives each job its task: leave --task out")


def _script(tasks: int, max_walltime: str | None) -> str:
    """Return a batch script that computes this sweep as a job array."""
    words = sys.argv[1:]
    if "--submit" in words:
        del words[words.index("--submit") : words.index("--submit") + 2]
    words = [word for word in words if not word.startswith("--submit=")]
    words += [] if "--resume" in words else ["--resume"]
    time = "04:00:00" if max_walltime is None else _clock(parse_walltime(max_walltime) + 300)
    return SCRIPT.format(tasks=tasks, time=time, freqbias=Path(sys.argv[0]).resolve(), words=shlex.join(words))


def _clock(seconds: float) -> str:
    minutes = ceil(seconds / 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:00"


def _share(task: str | None) -> tuple[int, int]:
    """Return K and N of "K/N"."""
    if task is None:
        return 1, 1
    number, slash, shares = task.partition("/")
    if not (slash and number.isdecimal() and shares.isdecimal() and 1 <= int(number) <= int(shares)):
        raise UsageError(f"--task {task}: write K/N with K from 1 to N, for example --task 3/16")
    return int(number), int(shares)
