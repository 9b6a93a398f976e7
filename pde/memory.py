"""What the stage `pde` takes of the memory, told before anything starts; more than there is is refused.

The model is a sum of what was measured: the peak of the resident set on one rank, in MiB, for 10 output times.

    operator  d  degree     dofs   measured  model
    local     1       4  325,849        681     858
    local     2       2   62,001        431     468
    local     2       2  246,015        889    1037
    local     2       4  439,565       1674    1951
    local     2       6   90,601        682     703
    local     2       6  251,995       1406    1470
    local     3       2   31,713        519     553
    local     3       2   62,361        792     878
    data      2       2  608,399        798     867
    data      2       6  139,129        409     448
    data      2       6  139,129        557     595  (40 output times)
    data      3       4   35,937        334     369
    data      3       6  117,649        608     674
"""

from contextlib import suppress
from dataclasses import replace
from math import log2

from freqbias.errors import InputError
from freqbias.meshes import MeshPlan, plan_mesh
from freqbias.problem import Mesh, Pde, Problem
from freqbias.runtime import available_memory, local_size, size

Try = tuple[float, Pde, Mesh]  # a value, and the settings with it

LIBRARIES = 300e6  # bytes of a rank: Python and what it imports
SPACE = {1: 500, 2: 500, 3: 1400}  # bytes for a dof: mesh, numbering, nodes
# Dofs up to which MUMPS is faster than CG + GAMG, by dimension. Measured, with 20 solves for one factorisation: in the
# plane 81 s against 185 s at 1,000,000 dofs of degree 2, and ten times as fast at 58,000 of degrees 4 and 6; in space
# 10.7 s against 13.7 s at 36,000 dofs, and 128 s against 37 s at 118,000.
DIRECT = {1: 10**9, 2: 2 * 10**6, 3: 5 * 10**4}
MULTIGRID = 4200.0  # bytes for a dof, of GAMG in space
BASIS = 40  # vectors of a Krylov space
WRITING = (264, 36)  # bytes for a dof and channel, at the end on rank 0: of each, and of each for every output time
MOST_NONZEROS = 2**31 - 1
TOLERANCES = [m * 10.0**e for e in range(-8, 0) for m in (1, 2, 5)]  # that may fit: those a person would try


def memory_needed(problem: Problem, settings: Pde, layout: MeshPlan, *, growth: float = 1.0) -> float:
    """Bytes at the peak, from above, on the machine of rank 0. growth: cells of the mesh over those of the plan."""
    channels, outputs, n = problem.samples.channels, len(problem.times), growth * layout.dofs
    if settings.operator == "local":
        shared, each = local_operator(layout, growth), 0.0
    else:  # half of the box; the data are on every rank
        shared = 0.5 * SPACE[layout.dimension] * n + 4.0 * layout.entries
        each = 8.0 * problem.samples.values[0].size * (BASIS + channels * outputs)
    root = channels * n * (WRITING[0] + WRITING[1] * outputs)
    return local_size() * (LIBRARIES + each + shared / size()) + root


def memory_to_refine(problem: Problem, layout: MeshPlan, *, growth: float = 1.0) -> float:
    """The same for a round of a refinement: two operators at once, of the degree and the next, and Re v and Im v of
    both at all output times."""
    finer = replace(layout, degree=layout.degree + 1)  # type: ignore[type-var]
    states = 16.0 * problem.samples.channels * len(problem.times) * growth
    shared = sum(local_operator(each, growth) + states * each.dofs for each in (layout, finer))
    return local_size() * (LIBRARIES + shared / size())


def local_operator(layout: MeshPlan, growth: float) -> float:
    """Bytes of the local operator on all ranks: mesh, matrices, solver and Krylov space."""
    n, nonzeros, dimension = growth * layout.dofs, growth * layout.nonzeros, layout.dimension
    return SPACE[dimension] * n + 36.0 * nonzeros + factor(dimension, n, nonzeros) + 8.0 * BASIS * n


def factor(dimension: int, n: float, nonzeros: float) -> float:
    """Bytes of the Cholesky factor by nested dissection, n log n in the plane, n^(4/3) in space; or of multigrid."""
    if dimension == 3 and n > DIRECT[3]:
        return MULTIGRID * n
    return 8.0 * {1: 3 * nonzeros, 2: 8 * n * log2(n + 1), 3: 17 * n ** (4 / 3)}[dimension]


def affordable_plan(problem: Problem, settings: Pde, mesh: Mesh) -> MeshPlan:
    """The plan of the mesh, where it can be had. Raises InputError as `plan` and `check_memory` do. What they look at,
    a file and the memory of a machine, may differ between ranks: call it through `on_root`."""
    layout = plan_mesh(problem, settings, mesh)
    check_memory(problem, settings, mesh, layout)
    return layout


def check_memory(problem: Problem, settings: Pde, mesh: Mesh, layout: MeshPlan) -> None:
    """Raises InputError where the matrix or the memory of this machine would not suffice, and names what fits."""
    stands = obstacle(problem, settings, layout, adaptive=mesh.adaptive)
    if stands is None:
        return
    tries: dict[str, list[Try]] = {}
    if mesh.path is None and mesh.size is None:
        key = f"[pde] tolerance = {settings.tolerance:g}"
        looser = [t for t in TOLERANCES if t > settings.tolerance * (1 + 1e-9)]
        tries["tolerance"] = [(t, settings.model_copy(update={"tolerance": t}), mesh) for t in looser]
        degrees = range(8, 1, -1)
    elif mesh.size is not None:
        key = f"[mesh] size = {mesh.size:g}"
        sizes = [float(f"{mesh.size * 1.25**k:.2g}") for k in range(1, 60)]
        tries["size"] = [(h, settings, mesh.model_copy(update={"size": h})) for h in sizes]
        degrees = range(0)
    else:
        key = f"[mesh] path = {mesh.path!r}"
        degrees = range(settings.degree - 1, 0, -1)
    tries["degree"] = [(p, settings.model_copy(update={"degree": p}), mesh) for p in degrees]
    fitting = [remedy for name, asked in tries.items() if (remedy := _first_that_fits(problem, name, asked))]
    remedies = f"use {' or '.join(fitting)}" if fitting else _why(problem, layout)
    raise InputError(f"{key}: the mesh of {layout.dofs:,} dofs {stands}; {remedies}")


def _why(problem: Problem, layout: MeshPlan) -> str:
    """Where no setting helps: what makes the mesh as large as it is."""
    reach, half_width = problem.sites.reach.max(), max(layout.half_width)
    return (
        f"no setting of [pde] or [mesh] makes it fit: samples as far out as |x_i| = {reach:.4g} make v vary over "
        f"1/|x_i|, and [density] makes the mesh reach |xi_i| = {half_width:.4g}; check their units and the origin of "
        "x, or use fewer output times or a machine with more memory"
    )


def obstacle(
    problem: Problem, settings: Pde, layout: MeshPlan, *, adaptive: bool = False, growth: float = 1.0
) -> str | None:
    """What stands against a mesh of growth times the plan's cells, in words."""
    needed, available = memory_needed(problem, settings, layout, growth=growth), available_memory()
    if adaptive:
        needed = max(needed, memory_to_refine(problem, layout, growth=growth))
    if needed > available:
        return f"needs about {gibibytes(needed)} of memory, and this machine has {gibibytes(available)}"
    if settings.operator == "local" and growth * layout.nonzeros > MOST_NONZEROS * size():
        return f"makes {growth * layout.nonzeros:,.0f} matrix entries, and PETSc counts {MOST_NONZEROS:,} a rank"
    return None


def _first_that_fits(problem: Problem, name: str, tries: list[Try]) -> str | None:
    for value, settings, mesh in tries:
        with suppress(InputError):  # no rule for this degree
            layout = plan_mesh(problem, settings, mesh)
            if obstacle(problem, settings, layout, adaptive=mesh.adaptive) is None:
                return f"{name} = {value:g} ({gibibytes(memory_needed(problem, settings, layout))})"
    return None


def gibibytes(count: float) -> str:
    """A number of bytes, in words."""
    return f"{max(1.0, count / 2**20):.0f} MiB" if count < 2**30 else f"{count / 2**30:,.1f} GiB"
