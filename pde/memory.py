"""An estimate of the memory that the stage `pde` needs. If the machine has less, the command refuses to start.

The estimate is a sum of measured parts. The table compares it with the measured peak of the resident set. Both are in
MiB, on one rank, for 10 output times. With the local operator their number does not matter. With the data operator,
every rank has u at all of them:

    operator  d  degree     dofs   measured  estimate
    local     1       4  325,849        494     564
    local     2       2  251,001        359     398  (geometric multigrid, as all below)
    local     2       2  641,601        688     721
    local     2       6  255,025        323     357
    local     3       1  531,441       1969    2066
    local     3       2  531,441        602     722
    local     3       3  226,981        306     356
    local     3       4  389,017        403     452
    local     3       6  614,125        542     580
    local     3       6  366,517        442     466  (a ball)
    data      2       2  251,001        255     282
    data      2       6  167,281        216     250
    data      3       4  531,441        367     382
    data      3       6  1,295,029      587     652
    data      3       6  366,517        326     335  (a ball)
"""

from contextlib import suppress
from dataclasses import replace
from math import log2, prod

from freqbias.errors import ComputationError, InputError
from freqbias.meshes import BoxPlan, MeshPlan, plan_mesh
from freqbias.numerics import cupy_on_gpu
from freqbias.pde.axes import cell_degrees
from freqbias.pde.kernel_defect import probe_count
from freqbias.pde.petsc_options import uses_factorisation, uses_geometric_multigrid
from freqbias.problem import MeanSquare, Mesh, Pde, Problem, drawing_memory
from freqbias.runtime import available_memory, local_size, size

Candidate = tuple[float, Pde, Mesh]  # a value of one key, and the settings with this value

LIBRARY_BYTES = 200e6  # for each rank: Python and the modules that it imports
SPACE_BYTES = {1: 500, 2: 500, 3: 1400}  # for each dof, by dimension: mesh, numbering and nodes
MULTIGRID_BYTES = 90.0  # for each nonzero: GAMG in three dimensions
CELL_BYTES = 200.0  # for each dof of a mesh without matrices: mesh, numbering and nodes
LEVEL_BYTES = 80.0  # for each node of a level of geometric multigrid: numbering and vectors
ASSEMBLED_BYTES = 48.0  # for each entry of the cells' matrices on the first level with assembled matrices
NODE_BYTES = 80  # for each node to which a rank transforms: its frequency, phase and values
KRYLOV_VECTORS = 30
# For each dof and channel: v at one output time, what is being written of it. For the data operator also the mesh of
# both halves.
OUTPUT_BYTES = {"local": 100, "data": 260}
ROOT_BYTES = 60  # for each dof and channel on rank 0, if it needs a whole state and its copy, or sorts all nodes
V_BYTES = 16  # of v for each dof, channel and output time, where `solve` returns all of them together
PETSC_MAX_ENTRIES = 2**31 - 1  # on one rank
TOLERANCES = [m * 10.0**e for e in range(-8, 0) for m in (1, 2, 5)]  # the tolerances that a remedy may name


def plan_within_memory(problem: Problem, settings: Pde, mesh: Mesh) -> MeshPlan:
    """Return the plan of the mesh. Raises InputError as `plan_mesh` and `check_memory` do, and if a GPU is missing.

    Call this function through `on_root`, because ranks may see different files and different amounts of memory.
    """
    if settings.device == "cuda":
        cupy_on_gpu(0)
    plan = plan_mesh(problem, settings, mesh)
    check_memory(problem, settings, mesh, plan)
    return plan


def check_memory(problem: Problem, settings: Pde, mesh: Mesh, plan: MeshPlan) -> None:
    """Raise InputError if the plan needs more memory than the machine has, or more matrix entries than PETSc allows.

    The message names settings that fit.
    """
    exceeded = exceeded_limit(problem, settings, plan, adaptive=mesh.adaptive)
    if exceeded is None:
        return
    candidates: dict[str, list[Candidate]] = {}
    if mesh.path is None and mesh.size is None:
        key = f"[pde] tolerance = {settings.tolerance:g}"
        looser = [t for t in TOLERANCES if t > settings.tolerance * (1 + 1e-9)]
        candidates["tolerance"] = [(t, settings.model_copy(update={"tolerance": t}), mesh) for t in looser]
        degrees = range(8, 1, -1)
    elif mesh.size is not None:
        key = f"[mesh] size = {mesh.size:g}"
        sizes = [float(f"{mesh.size * 1.25**k:.2g}") for k in range(1, 60)]
        candidates["size"] = [(h, settings, mesh.model_copy(update={"size": h})) for h in sizes]
        degrees = range(0)
    else:
        key = f"[mesh] path = {mesh.path!r}"
        degrees = range(settings.degree - 1, 0, -1)
    candidates["degree"] = [(p, settings.model_copy(update={"degree": p}), mesh) for p in degrees]
    remedies = [remedy for name, values in candidates.items() if (remedy := _first_that_fits(problem, name, values))]
    advice = f"use {' or '.join(remedies)}" if remedies else _no_remedy(problem, plan)
    raise InputError(f"{key}: the mesh of {plan.dofs:,} dofs {exceeded}; {advice}")


def exceeded_limit(
    problem: Problem, settings: Pde, plan: MeshPlan, *, adaptive: bool = False, growth: float = 1.0
) -> str | None:
    """Return the limit that a mesh exceeds, as the end of a sentence, or None.

    growth: the number of cells of the mesh, divided by that of the plan.
    """
    needed, available = memory_needed(problem, settings, plan, growth=growth), available_memory()
    if adaptive:
        needed = max(needed, memory_to_refine(problem, plan, growth=growth))
    if needed > available:
        return f"needs about {format_bytes(needed)} of memory, but this machine has only {format_bytes(available)}"
    entries = plan.cell_count * _last_entries(plan) if _uses_levels(problem, plan) else growth * plan.nonzeros
    if settings.operator == "local" and entries > PETSC_MAX_ENTRIES * size():
        return f"needs {entries:,.0f} matrix entries, but PETSc allows at most {PETSC_MAX_ENTRIES:,} on each rank"
    return None


def _first_that_fits(problem: Problem, name: str, candidates: list[Candidate]) -> str | None:
    for value, settings, mesh in candidates:
        with suppress(InputError):  # this degree has no rule
            plan = plan_mesh(problem, settings, mesh)
            if exceeded_limit(problem, settings, plan, adaptive=mesh.adaptive) is None:
                return f"{name} = {value:g} ({format_bytes(memory_needed(problem, settings, plan))})"
    return None


def _no_remedy(problem: Problem, plan: MeshPlan) -> str:
    """Return the advice for the case that no setting helps. The advice says why the mesh is so large."""
    reach, half_width = problem.reaches.max(), max(plan.half_width)
    return (
        "no setting of [pde] or [mesh] makes the mesh small enough: the spectrum v varies over a length of 1/|x_i|, "
        f"the samples extend to |x_i| = {reach:.4g}, and [density] needs a mesh up to |xi_i| = {half_width:.4g}; check "
        "the units of [data] and [density] and the origin of x, or use fewer output times or a machine with more memory"
    )


def memory_needed(problem: Problem, settings: Pde, plan: MeshPlan, *, growth: float = 1.0) -> float:
    """Return an upper bound of the peak memory on the machine of rank 0, in bytes.

    growth: the number of cells of the mesh, divided by that of the plan.
    """
    channels, outputs, dofs = problem.samples.channels, len(problem.times), growth * plan.dofs
    if settings.operator == "local":
        parts = channels * (1 if plan.symmetric else 2)  # v, or Re v and Im v
        shared, per_rank = _local_operator_bytes(problem, plan, growth) + 8.0 * KRYLOV_VECTORS * parts * dofs, 0.0
    else:  # the mesh is half of the box, and every rank holds all samples
        shared = 0.5 * _data_operator_bytes(plan, growth)
        vectors = KRYLOV_VECTORS + channels * outputs * (3 if problem.targets else 1)
        if problem.targets or plan.folded:  # rows of the exact kernel
            vectors += probe_count(problem.sites.size) * (2 if problem.targets else 1)
        per_rank = 8.0 * problem.sites.size * vectors
        per_rank += 0.5 * NODE_BYTES * dofs if size() > 1 else 0.0  # each rank may transform to all nodes
    if problem.initial_error is None and settings.initial in ("auto", "network"):  # every rank draws the network
        per_rank += drawing_memory(problem.network, channels=channels, dimension=problem.dimension)
    shared += OUTPUT_BYTES[settings.operator] * channels * dofs
    on_root = ROOT_BYTES * channels * dofs if size() > 1 and _gathers_on_root(settings, plan) else 0.0
    return local_size() * (LIBRARY_BYTES + per_rank + shared / size()) + on_root


def _gathers_on_root(settings: Pde, plan: MeshPlan) -> bool:
    """Return whether rank 0 holds whole states, as checkpoints, or sorts the nodes of the whole mesh."""
    return not isinstance(plan, BoxPlan) or (settings.operator == "local" and settings.integrator != "lanczos")


def memory_to_refine(problem: Problem, plan: MeshPlan, *, growth: float = 1.0) -> float:
    """Return an upper bound of the peak memory in one round of a refinement, in bytes.

    A round needs two operators, of degrees p and p + 1, and Re v and Im v for both at all output times. growth: the
    number of cells of the mesh, divided by that of the plan.
    """
    finer = replace(plan, degree=plan.degree + 1)  # type: ignore[type-var]
    states = 16.0 * problem.samples.channels * len(problem.times) * growth
    shared = sum(_local_operator_bytes(problem, each, growth) + states * each.dofs for each in (plan, finer))
    return local_size() * (LIBRARY_BYTES + shared / size())


def check_spectrum(problem: Problem, settings: Pde, plan: MeshPlan) -> None:
    """Raise InputError if v and the states at all output times need more memory than is available now."""
    outputs, state = len(problem.times), 0 if settings.operator == "data" else 8 if plan.symmetric else 16
    needed = (V_BYTES + state) * problem.samples.channels * plan.dofs * outputs
    available = available_memory()
    if needed > available:
        raise InputError(
            f"the spectrum of {plan.dofs:,} dofs at {outputs} output times needs about {format_bytes(needed)} of "
            f"memory, but this machine has only {format_bytes(available)}; use fewer output times, or the command "
            "`freqbias pde`, which writes one output time after the other"
        )


def check_assembled(plan: MeshPlan) -> None:
    """Raise ComputationError if assembled matrices and their solver need more memory than is available now."""
    needed, available = local_size() * _assembled_bytes(plan, 1.0) / size(), available_memory()
    if needed > available:
        raise ComputationError(
            f"the laws vary by a large factor within one cell, so M + shift B must be assembled, which needs about "
            f"{format_bytes(needed)} of memory, but this machine has only {format_bytes(available)}; use a smaller "
            "[mesh] size, with which the cells resolve the laws"
        )
    if plan.nonzeros > PETSC_MAX_ENTRIES * size():
        raise ComputationError(
            f"the laws vary by a large factor within one cell, so M + shift B must be assembled, which needs "
            f"{plan.nonzeros:,} matrix entries, but PETSc allows at most {PETSC_MAX_ENTRIES:,} on each rank; use a "
            "smaller [mesh] size, with which the cells resolve the laws, or more ranks"
        )


def _uses_levels(problem: Problem, plan: MeshPlan) -> bool:
    """Return whether the local operator has levels of multigrid in place of assembled matrices."""
    return isinstance(problem.loss, MeanSquare) and uses_geometric_multigrid(plan)


def _local_operator_bytes(problem: Problem, plan: MeshPlan, growth: float) -> float:
    """Return the bytes of the local operator on all ranks: mesh, matrices and solver."""
    if _uses_levels(problem, plan):
        return _cell_bytes(plan, growth) + _multigrid_bytes(plan)
    return SPACE_BYTES[plan.dimension] * growth * plan.dofs + _assembled_bytes(plan, growth)


def _assembled_bytes(plan: MeshPlan, growth: float) -> float:
    """Return the bytes of assembled matrices and of their solver."""
    dofs, nonzeros = growth * plan.dofs, growth * plan.nonzeros
    return 36.0 * nonzeros + _solver_bytes(plan.dimension, plan.degree, dofs, nonzeros)


def _multigrid_bytes(plan: MeshPlan) -> float:
    """Return the bytes of the levels of geometric multigrid."""
    nodes = sum(prod(degrees) for degrees in cell_degrees(plan))  # of all levels, for each cell
    return plan.cell_count * (LEVEL_BYTES * nodes + ASSEMBLED_BYTES * _last_entries(plan))


def _last_entries(plan: MeshPlan) -> int:
    """Return the number of entries of a cell's matrix on the level from which multigrid has assembled matrices."""
    return prod(degree + 1 for degree in cell_degrees(plan)[-1]) ** 2


def _data_operator_bytes(plan: MeshPlan, growth: float) -> float:
    """Return the bytes of the data operator on the whole mesh, without vectors."""
    if plan.cubical:
        return _cell_bytes(plan, growth)
    return SPACE_BYTES[plan.dimension] * growth * plan.dofs + 8.0 * growth * plan.entries


def _cell_bytes(plan: MeshPlan, growth: float) -> float:
    """Return the bytes of a mesh and of the laws, and where cells are curved the metric, at its quadrature points."""
    numbers = 2 if plan.affine else 2 + plan.dimension * (plan.dimension + 1) // 2
    return growth * (CELL_BYTES * plan.dofs + 8.0 * numbers * plan.quadrature_points)


def _solver_bytes(dimension: int, degree: int, n: float, nonzeros: float) -> float:
    """Return the bytes of a factor, or of GAMG on large meshes, for n dofs.

    With nested dissection, a Cholesky factor has of the order of n log n entries in 2-D and n^(4/3) in 3-D.
    """
    if not uses_factorisation(n, dimension=dimension, degree=degree):
        return MULTIGRID_BYTES * nonzeros
    return 8.0 * {1: 3 * nonzeros, 2: 8 * n * log2(n + 1), 3: 17 * n ** (4 / 3) + 1.5 * nonzeros}[dimension]


def format_bytes(count: float) -> str:
    """Return a number of bytes as text, for example "123 MiB" or "4.5 GiB"."""
    return f"{max(1.0, count / 2**20):.0f} MiB" if count < 2**30 else f"{count / 2**30:,.1f} GiB"
