"""Rank and size from the launcher's environment variables, so that MPI starts only when it is needed."""

import os

# (rank, size, ranks on this node) of MPICH and Intel MPI, Open MPI, MVAPICH, and `srun --mpi=pmix`. SLURM_PROCID proves
# nothing: Slurm also sets it in a batch script, where one process runs, however many tasks are allocated.
_LAUNCHERS = (
    ("PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE"),
    ("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_LOCAL_SIZE"),
    ("PMIX_RANK", "SLURM_STEP_NUM_TASKS", "SLURM_STEP_TASKS_PER_NODE"),
)
# The same variables of torchrun, whose processes do not use MPI. RANK and WORLD_SIZE prove nothing without the third:
# cluster schedulers set both for single processes too.
_TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")


def integer_variable(variable: str) -> int | None:
    """The leading integer of an environment variable ("4", "4,2", "4(x3)"), or None."""
    digits = os.environ.get(variable, "").strip().split(",")[0].split("(")[0]
    return int(digits) if digits.isdecimal() else None


def _from_environment() -> tuple[int, int, int]:
    """(rank, size, ranks on this node); (0, 1, 1) without a launcher."""
    for rank_variable, size_variable, local_variable in [_TORCHRUN] if under_torchrun() else _LAUNCHERS:
        rank, size = integer_variable(rank_variable), integer_variable(size_variable)
        if rank is not None and size is not None:
            return rank, size, integer_variable(local_variable) or size
    return 0, 1, 1


def under_torchrun() -> bool:
    """True if torchrun started this process and no MPI launcher did."""
    return all(integer_variable(name) is not None for name in _TORCHRUN) and not any(
        integer_variable(launcher[0]) is not None for launcher in _LAUNCHERS
    )


def rank() -> int:
    """Number of this process, from 0; 0 without a launcher."""
    return _from_environment()[0]


def size() -> int:
    """Number of processes that the launcher started; 1 without a launcher."""
    return _from_environment()[1]


def local_size() -> int:
    """Number of those processes on this machine."""
    return _from_environment()[2]
