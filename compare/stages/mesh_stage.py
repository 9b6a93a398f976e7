"""The stage `mesh`, which describes the frequency mesh in words and writes mesh.vtu."""

from freqbias.meshes import CELL_TYPES, MeshPlan, describe, vertices
from freqbias.pde import plan_within_memory
from freqbias.problem import Problem, RunFile, stage_keys
from freqbias.runtime import Store, announced, on_root


def run_mesh(run: RunFile, problem: Problem, store: Store, *, resume: bool, overwrite: bool) -> str:
    """Write `mesh/mesh.vtu` and return a description of the mesh. Collective. Rank 0 works.

    Raises InputError if the keys give no mesh that fits in memory, and UsageError if `mesh/` exists but may not be
    replaced.
    """
    plan = on_root(plan_within_memory, problem, run.pde, run.mesh)
    on_root(_run_mesh, run, plan, store, resume=resume, overwrite=overwrite)
    return describe(problem, plan)


def _run_mesh(run: RunFile, plan: MeshPlan, store: Store, *, resume: bool, overwrite: bool) -> None:
    import meshio

    with (
        store.open("mesh", keys=stage_keys(run, "mesh"), resume=resume, overwrite=overwrite) as stage,
        announced("mesh: writing the mesh"),
    ):
        if stage.finished:
            return
        points, cells = vertices(plan)
        with stage.writing("mesh.vtu") as path:
            meshio.Mesh(points, {CELL_TYPES[plan.cell_type].meshio[0]: cells}).write(path)
        stage.finish()
