"""An estimate of the bytes that the stage `pde` writes. If the disk has less, the command refuses to start."""

import shutil
from pathlib import Path

from freqbias.errors import UsageError
from freqbias.meshes import MeshPlan
from freqbias.pde.memory import format_bytes
from freqbias.problem import Pde, Problem

ITEM = 8  # bytes of a real number, and of an index
FIELD_BYTES = 16  # for each dof, channel and output time: four numbers of single precision
GRID_BYTES = 16  # for each dof and output time: the mesh and the laws, compressed. Measured in 2-D at degree 2
CHECKED = 2**27  # smaller results are not checked


def disk_needed(problem: Problem, settings: Pde, plan: MeshPlan) -> float:
    """Return the bytes of spectrum.nc, of the fields, and of the checkpoints if the integrator needs them.

    Krylov bases, which runs of more than a minute store, are left out, and so is the refinement of adaptive meshes.
    """
    outputs, channels, dofs = len(problem.times), problem.samples.channels, plan.dofs
    cells = dofs * (1 + 1 / plan.degree) ** plan.dimension  # the nodes of all cells, if they are boxes
    size = ITEM * (2.0 * outputs * channels * dofs + plan.dimension * dofs + cells)
    values = dofs if plan.symmetric else 2 * dofs  # of a state
    if settings.operator == "data":
        values = problem.sites.size
        size += ITEM * outputs * channels * values
    if settings.integrator != "lanczos":
        size += ITEM * outputs * channels * values
    if settings.fields:
        size += outputs * dofs * (FIELD_BYTES * channels + GRID_BYTES)
    return size


def check_disk(problem: Problem, settings: Pde, plan: MeshPlan, folder: Path) -> None:
    """Raise UsageError if the disk has too little space for the results. folder: theirs, which may not exist yet."""
    needed, existing = disk_needed(problem, settings, plan), folder.absolute()
    try:
        while not existing.exists():
            existing = existing.parent
        free = shutil.disk_usage(existing).free
        unfinished = [path.stat() for path in (folder / "pde.partial").rglob("*") if path.is_file()]
        needed -= sum(512 * found.st_blocks for found in unfinished)  # parts of the result, or deleted before
    except OSError:  # whatever opens the result says what is wrong with the folder
        return
    if needed > max(free, CHECKED):
        fields = ", [pde] fields = false" if settings.fields else ""
        raise UsageError(
            f"the stage pde writes about {format_bytes(needed)}, but the disk of {folder} has only "
            f"{format_bytes(free)} free; use fewer output times{fields}, a larger [pde] tolerance, or another --out"
        )
