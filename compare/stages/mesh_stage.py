"""The stage `mesh` of a result: the frequency mesh, described in words and written for ParaView and other programs."""

from freqbias.meshes import CELL_TYPES, MeshPlan, describe, vertices
from freqbias.pde import plan_within_memory
from freqbias.problem import Problem, RunFile, stage_keys
from freqbias.runtime import Store, on_root


def run_mesh(run: RunFile, problem: Problem, store: Store, *, resume: bool, overwrite: bool) -> str:
    """Write `mesh/mesh.vtu` and return its description; collective: rank 0 works.

    Raises InputError, and UsageError where a result is in the way.
    """
    layout = on_root(plan_within_memory, problem, run.pde, run.mesh)
    on_root(_write, run, layout, store, resume=resume, overwrite=overwrite)
    return describe(problem, layout)


def _write(run: RunFile, layout: MeshPlan, store: Store, *, resume: bool, overwrite: bool) -> None:
    import meshio

    with store.open("mesh", keys=stage_keys(run, "mesh"), resume=resume, overwrite=overwrite) as stage:
        if stage.finished:
            return
        points, cells = vertices(layout)
        with stage.writing("mesh.vtu") as path:
            meshio.Mesh(points, {CELL_TYPES[layout.cell_type].meshio[0]: cells}).write(path)
        stage.finish()
