"""PETSc's options. The words after `--` on the command line go to PETSc's database.

Our solvers read options with the prefix `pde_`: -pde_ksp_rtol, -pde_pc_type, -pde_ts_rosw_type, ...
"""

import re
from collections.abc import Sequence

from freqbias.errors import InputError, UsageError
from freqbias.runtime import log, size, under_torchrun

PREFIX = "pde_"
# Dofs up to which MUMPS is faster than CG + GAMG, by dimension. Measured, with 20 solves per factorisation. In two
# dimensions: 81 s against 185 s at 1,000,000 dofs of degree 2, and ten times as fast at 58,000 of degrees 4 and 6. In
# three: 10.7 s against 13.7 s at 36,000 dofs, and 128 s against 37 s at 118,000.
DIRECT_SOLVER_DOFS = {1: 10**9, 2: 2 * 10**6, 3: 5 * 10**4}
OPTION_NAME = re.compile(r"-{1,2}[A-Za-z]\w*")


def refuse_torchrun() -> None:
    """Raise UsageError under torchrun, whose processes share no MPI communicator."""
    if under_torchrun() and size() > 1:
        raise UsageError(
            "torchrun does not start MPI processes, which the equation is solved on: start with `uv run mpirun`"
        )


def start_petsc(options: Sequence[str] = ()) -> None:
    """Initialise PETSc, if it is not yet, and put the options into its database. Collective.

    Raises InputError if the words do not begin with an option.
    """
    if options and not OPTION_NAME.fullmatch(options[0]):
        raise InputError(f"-- {' '.join(options)}: PETSc's options begin with '-', for example -- -pde_ksp_rtol 1e-9")
    from mpi4py import MPI  # noqa: F401  # isort: skip
    import petsc4py

    petsc4py.init(["freqbias", *options])  # PETSc reads some options, such as -log_view, only at its start
    from petsc4py import PETSc

    PETSc.Options().insertString(" ".join(options))


def report_unused(options: Sequence[str]) -> None:
    """Warn of options that PETSc did not use, and delete them; otherwise PETSc would warn again when it ends."""
    from petsc4py import PETSc

    database = PETSc.Options()
    unused = [word for word in options if OPTION_NAME.fullmatch(word) and not database.used(word.lstrip("-"))]
    for word in unused:
        database.delValue(word)
    if unused:
        log.warning(
            "pde: PETSc did not use %s: the option is misspelt, or its solver did not run; the options of freqbias "
            "begin with -%s",
            ", ".join(unused),
            PREFIX,
        )
