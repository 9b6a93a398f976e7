"""PETSc's options: the words after `--` on the command line are put into PETSc's database of options.

The solvers of freqbias read options with the prefix `pde_`: -pde_ksp_rtol, -pde_pc_type, -pde_ts_rosw_type, ...
"""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from freqbias.errors import InputError, UsageError
from freqbias.meshes import MeshPlan
from freqbias.runtime import log, size, under_torchrun

PREFIX = "pde_"
# The largest number of dofs for which MUMPS is faster than CG + GAMG, by dimension. In three dimensions it is this
# number times the degree of the elements. The times below were measured with about 20 solves per factorisation. Two
# dimensions: MUMPS took 81 s and CG + GAMG 185 s for 1,000,000 dofs of degree 2. For 58,000 dofs of degrees 4 and 6,
# MUMPS was ten times as fast. Three dimensions, MUMPS and CG + GAMG: 17 s and 4 s for 149,000 dofs of degree 2; 46 s
# and 18 s for 227,000 of degree 3; 10 s and 15 s for 118,000 of degree 4; 12 s and 36 s for 118,000 of degree 6.
DIRECT_SOLVER_DOFS = {1: 10**9, 2: 2 * 10**6, 3: 3 * 10**4}
# The number of dofs above which CG + geometric multigrid is faster than MUMPS, by dimension. Measured, in microseconds
# per dof of a whole run to 1e-4, MUMPS and multigrid. Two dimensions: 10 and 12 for 10,000 dofs of degree 2; 11 and 10
# for 40,000; 19 and 12 for 15,000 of degree 6. Three dimensions: 49 and 34 for 5,000 of degree 2; 56 and 18 for 36,000;
# 87 and 68 for 5,000 of degree 4; 176 and 15 for 118,000.
MULTIGRID_DOFS = {1: 10**9, 2: 2 * 10**4, 3: 4 * 10**3}
# The grading of a mesh above which multigrid is not used. Cells of very unequal sides beside other cells need more
# iterations: 14 to 1e-10 at a grading of 5, 46 to 1e-6 at 25, and 367 at 2500.
MAX_GRADING = 10.0
OPTION_NAME = re.compile(r"-{1,2}[A-Za-z]\w*")

_started = False
"""Whether `init` was called. Each call adds a collective call at the end of the program, also if PETSc runs already.
Groups of ranks that call it unequally often would wait for each other there."""


def uses_geometric_multigrid(plan: MeshPlan) -> bool:
    """Return whether systems on the mesh are solved by geometric multigrid, unless the user chose a preconditioner."""
    petsc = sys.modules.get("petsc4py.PETSc")  # not loaded by commands that only predict costs
    if petsc is not None and petsc.Options().getString(f"{PREFIX}pc_type", "mg") != "mg":
        return False
    return plan.cubical and plan.dofs > MULTIGRID_DOFS[plan.dimension] and plan.grading <= MAX_GRADING


def uses_factorisation(dofs: float, *, dimension: int, degree: int) -> bool:
    """Return whether systems with assembled matrices are solved by a factorisation (MUMPS), and not by CG + GAMG."""
    return dofs <= DIRECT_SOLVER_DOFS[dimension] * (degree if dimension == 3 else 1)


@contextmanager
def default_options(values: Mapping[str, str | int]) -> Iterator[None]:
    """Put options into PETSc's database during the `with` block, unless the user has set them."""
    from petsc4py import PETSc

    database = PETSc.Options()
    added = [name for name in values if not database.hasName(name)]
    for name in added:
        database[name] = values[name]
    try:
        yield
    finally:
        for name in added:
            database.delValue(name)


def refuse_torchrun() -> None:
    """Raise UsageError under torchrun, because processes started by torchrun do not share an MPI communicator."""
    if under_torchrun() and size() > 1:
        raise UsageError(
            "torchrun does not start MPI processes, but the equation needs MPI; start the command with `uv run mpirun`"
        )


def start_petsc(options: Sequence[str] = ()) -> None:
    """Initialise PETSc if it is not yet initialised, and put the options into PETSc's database. Collective.

    Raises InputError if the first word is not the name of an option.
    """
    if options and not OPTION_NAME.fullmatch(options[0]):
        raise InputError(f"-- {' '.join(options)}: PETSc's options begin with '-', for example -- -pde_ksp_rtol 1e-9")
    global _started  # noqa: PLW0603
    from mpi4py import MPI  # noqa: F401  # isort: skip
    import petsc4py

    if not _started:
        petsc4py.init(["freqbias", *options])  # PETSc reads some options, for example -log_view, only in this call
        _started = True
    from petsc4py import PETSc

    PETSc.Options().insertString(" ".join(options))


def report_unused(options: Sequence[str]) -> None:
    """Warn of options that PETSc did not use, and delete these options. Otherwise PETSc would warn again at its end."""
    from petsc4py import PETSc

    database = PETSc.Options()
    unused = [word for word in options if OPTION_NAME.fullmatch(word) and not database.used(word.lstrip("-"))]
    for word in unused:
        database.delValue(word)
    if unused:
        log.warning(
            "pde: PETSc did not use %s: the option is misspelt, or the solver that reads it did not run; the solvers "
            "of freqbias read only options that begin with -%s",
            ", ".join(unused),
            PREFIX,
        )
