"""Run a sweep."""

from pathlib import Path

from freqbias.compare.sweep.folder import SweepFolder
from freqbias.compare.sweep.processes import work_alone, work_with
from freqbias.errors import UsageError
from freqbias.meshes import plan_mesh
from freqbias.pde import check_memory, refuse_torchrun, start_petsc
from freqbias.problem import SweepPlan, build, counted
from freqbias.runtime import StopRequest, divide, log, on_root, processes_alone, size, threads_beside


def run_sweep(
    plan: SweepPlan,
    root: Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    stop: StopRequest,
    jobs: int | None = None,
    ranks_per_run: int = 1,
    share: tuple[int, int] = (1, 1),
) -> SweepFolder | None:
    """Compute the stages of all runs, and return the folder of the sweep, or None on ranks other than the first.

    Collective. jobs: the number of processes, by default one for each core that the machine has; only without mpirun.
    ranks_per_run: the number of ranks that compute a stage together, under mpirun.
    share: (K, N): compute share K of N of the runs only.
    Raises InputError and UsageError before anything is written, and StoppedEarly. The failure of a run is written down,
    and does not stop the others.
    """
    if overwrite and share[1] > 1:
        raise UsageError("--overwrite contradicts --task: each task would delete what the others compute")
    ranks = size()
    if ranks > 1 and jobs not in (None, 1):
        raise UsageError(f"--jobs {jobs} contradicts mpirun, which started {ranks} processes; leave --jobs out")
    if ranks == 1 and ranks_per_run > 1:
        raise UsageError(f"--ranks-per-run {ranks_per_run} needs mpirun: uv run mpirun -n 4 freqbias sweep ...")
    if ranks % ranks_per_run:
        raise UsageError(
            f"--ranks-per-run {ranks_per_run}: {ranks} ranks do not divide evenly; start mpirun with a multiple of "
            f"{ranks_per_run} ranks, or use another --ranks-per-run"
        )
    if ranks > 1:
        refuse_torchrun()
    sweep = on_root(_open, plan, root, resume=resume, overwrite=overwrite)
    chosen = [index for index, task in enumerate(sweep.tasks) if _in_share(task.users, share)]
    chosen = sorted(
        {need for index in chosen for need in (*sweep.tasks[index].needs, *sweep.tasks[index].after, index)}
    )
    log.info(
        "%s: %s, %s; results go to %s",
        plan.name, counted(len(plan.runs), "run"), counted(len(sweep.tasks), "stage"), sweep.root,
    )  # fmt: skip
    sweep.retry(chosen)
    sweep.chosen = tuple(chosen)
    if ranks > 1:
        start_petsc()  # collective over all ranks, before they divide
        first = divide(ranks_per_run) == 0
        work_alone(sweep, stop, tasks=chosen)
        return sweep if first else None
    jobs = process_count(plan, jobs)
    if jobs == 1:
        work_alone(sweep, stop, tasks=chosen)
    else:
        work_with(jobs, threads_beside(jobs), sweep, stop, tasks=chosen)
    return sweep


def process_count(plan: SweepPlan, jobs: int | None = None) -> int:
    """Return the number of processes: `jobs`, or one for each core, but not more than runs."""
    return jobs or min(processes_alone(), len(plan.runs))


def _in_share(users: tuple[int, ...], share: tuple[int, int]) -> bool:
    number, shares = share
    return any(user % shares == number - 1 for user in users)


def _open(plan: SweepPlan, root: Path, *, resume: bool, overwrite: bool) -> SweepFolder:
    """Check the sweep, and make its folders."""
    sweep = SweepFolder(root, plan)
    finished = sweep.check(resume=resume, overwrite=overwrite)
    run = plan.runs[0]
    problem = build(run)  # what is wrong with the data of the first run is wrong with all
    if "pde" in plan.stages:
        check_memory(problem, run.pde, run.mesh, plan_mesh(problem, run.pde, run.mesh))
    sweep.prepare(overwrite=overwrite)
    if finished:
        log.info("%d of %d stages are finished already", finished, len(sweep.tasks))
    return sweep
