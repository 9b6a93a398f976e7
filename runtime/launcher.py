"""Which process this is, from the launcher's environment: nothing starts MPI before it is needed."""

import os

# (rank, size, ranks on this node) as set by MPICH and Intel MPI, Open MPI, MVAPICH, and `srun --mpi=pmix`. SLURM_PROCID
# alone would not do: it is also set in a batch script, where one process runs however many tasks were allocated.
_LAUNCHERS = (
    ("PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE"),
    ("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_LOCAL_SIZE"),
    ("PMIX_RANK", "SLURM_STEP_NUM_TASKS", "SLURM_STEP_TASKS_PER_NODE"),
)
# The same by torchrun, whose processes are no MPI's: what stands in for COMM_WORLD there is torch.distributed. The
# first two alone would not do: schedulers of clusters set them around a process that nothing has joined to others.
_TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")


def integer_variable(variable: str) -> int | None:
    """The leading integer of an environment variable ("4", "4,2", "4(x3)"), or None."""
    digits = os.environ.get(variable, "").strip().split(",")[0].split("(")[0]
    return int(digits) if digits.isdecimal() else None


def _launched() -> tuple[int, int, int]:
    """(rank, size, ranks on this node); (0, 1, 1) without a launcher."""
    for rank_variable, size_variable, local_variable in [_TORCHRUN] if by_torchrun() else _LAUNCHERS:
        rank_here, size_here = integer_variable(rank_variable), integer_variable(size_variable)
        if rank_here is not None and size_here is not None:
            return rank_here, size_here, integer_variable(local_variable) or size_here
    return 0, 1, 1


def by_torchrun() -> bool:
    """Whether torchrun started this process, and no MPI did."""
    return all(integer_variable(name) is not None for name in _TORCHRUN) and not any(
        integer_variable(launcher[0]) is not None for launcher in _LAUNCHERS
    )


def rank() -> int:
    """This process's number among those that the launcher started, 0 without a launcher."""
    return _launched()[0]


def size() -> int:
    """The number of processes that the launcher started, 1 without a launcher."""
    return _launched()[1]


def size_here() -> int:
    """The number of those processes that run on this machine."""
    return _launched()[2]
