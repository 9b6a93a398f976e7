"""`freqbias sweep --dry-run`: what a sweep would compute, with time and memory."""

from collections import Counter, defaultdict
from statistics import fmean

from freqbias.compare.commands.cost import IMPORT_SECONDS, Cost, kernel_flow, pde_cost, training_cost
from freqbias.compare.style import aligned
from freqbias.compare.sweep import SweepFolder, Task
from freqbias.errors import InputError
from freqbias.meshes import plan_mesh
from freqbias.nn import plan_training
from freqbias.pde import INTEGRATION_SHARE, format_bytes
from freqbias.problem import build, counted
from freqbias.runtime import Progress, duration

MOST_TIMED = 6  # tasks of each stage; the others are expected to take as long
OTHERS = {"ntk": "not predicted", "compare": "about 1 s", "design": "not predicted"}
COMPARE_SECONDS = 1.0  # without figures


def dry_run(sweep: SweepFolder, processes: int) -> str:
    """Return as text what is left to compute. processes: the number of processes that would share the work."""
    left = [task for index, task in enumerate(sweep.tasks) if not sweep.has_result(index)]
    total, open_tasks = Counter(task.stage for task in sweep.tasks), defaultdict[str, list[Task]](list)
    for task in left:
        open_tasks[task.stage].append(task)
    rows = [("stage", "left", "time each", "time", "memory each")]
    seconds, memory = 0.0, 0.0
    with Progress("timing", total=sum(stage in ("pde", "nn") for stage in open_tasks), unit="stages") as progress:
        for stage in sweep.plan.stages:
            if not (tasks := open_tasks[stage]):
                rows.append((stage, f"0 of {total[stage]}", "", "", ""))
            elif stage in OTHERS:
                others = COMPARE_SECONDS * len(tasks) if stage == "compare" else 0.0
                seconds += others
                count = f"{len(tasks)} of {total[stage]}"
                rows.append((stage, count, OTHERS[stage], duration(others) if others else "", ""))
            else:
                timed = tasks[:: -(-len(tasks) // MOST_TIMED)]
                costs = [_cost(sweep, task) for task in timed]
                each = fmean(cost.seconds - IMPORT_SECONDS[stage] for cost in costs)
                most = max(cost.memory for cost in costs)
                seconds, memory = seconds + each * len(tasks), max(memory, most)
                rows.append(
                    (
                        stage,
                        f"{len(tasks)} of {total[stage]}",
                        f"{each:.2g} s",
                        duration(each * len(tasks)),
                        format_bytes(most),
                    )
                )
                progress.advance()
    return "\n".join([
        f"{counted(len(sweep.plan.runs), 'run')}, {counted(len(left), 'stage')} left; results would go to {sweep.root}",
        "", aligned(rows), "",
        f"all but ntk and design take about {duration(seconds / processes)} with {counted(processes, 'worker')}, which "
        f"need about {format_bytes(memory * processes)} of memory",
    ])  # fmt: skip


def _cost(sweep: SweepFolder, task: Task) -> Cost:
    """Return the predicted cost of a task pde or nn. Raises InputError, which names the run."""
    run = sweep.plan.runs[task.run]
    try:
        problem = build(run)
        if task.stage == "nn":
            return training_cost(plan_training(problem, run.training, tolerance=run.training_tolerance))
        flow = kernel_flow(problem, INTEGRATION_SHARE * run.pde.tolerance)
        return pde_cost(problem, run.pde, plan_mesh(problem, run.pde, run.mesh), flow)
    except InputError as error:
        raise InputError(f"{task}: {error}") from error
