"""PETSc's options: what stands after `--` on the command line goes to PETSc's own database, where the solvers of this
program look for names with the prefix `pde_`: -pde_ksp_rtol, -pde_pc_type, -pde_ts_rosw_type, ...
"""

import re
from collections.abc import Sequence

from freqbias.errors import InputError, UsageError
from freqbias.runtime import by_torchrun, log, size

PREFIX = "pde_"
NAME = re.compile(r"-{1,2}[A-Za-z]\w*")


def refuse_torchrun() -> None:
    """Raise UsageError under torchrun, whose processes share no MPI communicator."""
    if by_torchrun() and size() > 1:
        raise UsageError(
            "torchrun's processes are not MPI's, among which the equation is shared out: start with `uv run mpirun`"
        )


def start_petsc(options: Sequence[str] = ()) -> None:
    """Start PETSc unless it runs, and put these command-line options into its database. Collective.

    Raises InputError if the first word is not an option.
    """
    if options and not NAME.fullmatch(options[0]):
        raise InputError(f"-- {' '.join(options)}: PETSc's options begin with '-', for example -- -pde_ksp_rtol 1e-9")
    from mpi4py import MPI  # noqa: F401  # isort: skip
    import petsc4py

    petsc4py.init(["freqbias", *options])  # some, as -log_view, are read at its start alone
    from petsc4py import PETSc

    PETSc.Options().insertString(" ".join(options))


def report_unused(options: Sequence[str]) -> None:
    """Warn of options that nothing has asked for, and drop them: PETSc would warn again at its end."""
    from petsc4py import PETSc

    database = PETSc.Options()
    unused = [word for word in options if NAME.fullmatch(word) and not database.used(word.lstrip("-"))]
    for word in unused:
        database.delValue(word)
    if unused:
        log.warning(
            "pde: PETSc did not use %s: misspelt, or of a solver that did not run; the names of this program's begin "
            "with -%s",
            ", ".join(unused),
            PREFIX,
        )
