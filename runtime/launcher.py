"""Rank and size from the launcher's environment variables, so that MPI starts only when it is needed."""

import os

# Variables with (rank, size, ranks on this node) of MPICH and Intel MPI, Open MPI, MVAPICH, and `srun --mpi=pmix`.
# SLURM_PROCID does not prove that srun started this process: Slurm also sets it in a batch script, where one process
# runs for any number of allocated tasks.
_LAUNCHERS = (
    ("PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE"),
    ("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_LOCAL_SIZE"),
    ("PMIX_RANK", "SLURM_STEP_NUM_TASKS", "SLURM_STEP_TASKS_PER_NODE"),
)
# torchrun sets these three variables. Its processes do not use MPI. RANK and WORLD_SIZE alone do not identify torchrun:
# cluster schedulers set them for single processes too.
_TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")


def integer_variable(variable: str) -> int | None:
    """Return the leading integer of an environment variable such as "4", "4,2" or "4(x3)", or None without one."""
    digits = os.environ.get(variable, "").strip().split(",")[0].split("(")[0]
    return int(digits) if digits.isdecimal() else None


def _from_environment() -> tuple[int, int, int]:
    """Return (rank, size, ranks on this node). Without a launcher, this is (0, 1, 1)."""
    for rank_variable, size_variable, local_variable in [_TORCHRUN] if under_torchrun() else _LAUNCHERS:
        rank, size = integer_variable(rank_variable), integer_variable(size_variable)
        if rank is not None and size is not None:
            return rank, size, integer_variable(local_variable) or size
    return 0, 1, 1


def under_torchrun() -> bool:
    """Whether torchrun, and no MPI launcher, started this process."""
    return all(integer_variable(name) is not None for name in _TORCHRUN) and not any(
        integer_variable(launcher[0]) is not None for launcher in _LAUNCHERS
    )


_group: tuple[int, int] | None = None  # rank and size in the group of this process


def set_group(rank: int, size: int) -> None:
    """Let `rank` and `size` mean the place of this process in a group of processes (`freqbias.runtime.divide`)."""
    global _group  # noqa: PLW0603
    _group = rank, size


def divided() -> bool:
    """Whether the processes work in groups."""
    return _group is not None


def rank() -> int:
    """The number of this process in its group, counted from 0. Without a launcher, 0."""
    return _group[0] if _group else _from_environment()[0]


def size() -> int:
    """The number of processes in the group of this process: by default all that the launcher started, or 1."""
    return _group[1] if _group else _from_environment()[1]


def local_size() -> int:
    """The number of processes that the launcher started on this machine."""
    return _from_environment()[2]
