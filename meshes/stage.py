"""The stage `mesh` of a result: the frequency mesh, described in words and written for ParaView and other programs."""

import numpy as np

from meshes.rule import Plan, plan
from problem import Problem, RunFile, stage_keys
from runtime import Store, on_root


def describe(problem: Problem, layout: Plan) -> str:
    """What the mesh is and why, one line a fact."""
    unit = f"cycles/{problem.unit}" if problem.unit else "cycles per unit length"
    rows = {
        "cells": " x ".join(map(str, layout.cells))
        + {1: " intervals", 2: " quadrilaterals", 3: " hexahedra"}[layout.dimension],
        "degree": f"{layout.degree} (Lagrange, Gauss-Lobatto points)",
        "dofs": f"{layout.dofs:,}",
        "half-width": ", ".join(f"{r:.6g}" for r in layout.half_width) + f" {unit}",
        "cell size": ", ".join(f"{h:.6g}" for h in layout.size) + f" {unit}",
        "limit of the data": ", ".join(f"{f:.6g}" for f in problem.grid.nyquist) + f" {unit} (points / (2 extent))",
        "laws": "folded onto the limit of the data" if layout.folded else "as they are",
    }
    return "\n".join(f"{name:<18} {value}" for name, value in rows.items())


def run_stage(run: RunFile, problem: Problem, store: Store, *, resume: bool, overwrite: bool) -> str:
    """Write `mesh/mesh.vtu` and return its description; rank 0 works. Raises InputError, UsageError (a result in the
    way)."""
    layout = plan(problem, run.pde, run.mesh)
    on_root(_write, run, layout, store, resume=resume, overwrite=overwrite)
    return describe(problem, layout)


def _write(run: RunFile, layout: Plan, store: Store, *, resume: bool, overwrite: bool) -> None:
    import meshio

    with store.open("mesh", keys=stage_keys(run, "mesh"), resume=resume, overwrite=overwrite) as stage:
        if stage.finished:
            return
        points, cells = vertices(layout)
        kind = {1: "line", 2: "quad", 3: "hexahedron"}[layout.dimension]
        with stage.writing("mesh.vtu") as path:
            meshio.Mesh(points, {kind: cells}).write(path)
        stage.finish()


def vertices(layout: Plan) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 3) and cells (c, 2^d) of the box mesh, in VTK's order."""
    axes = [np.linspace(-r, r, n + 1) for r, n in zip(layout.half_width, layout.cells, strict=True)]
    points = np.zeros((int(np.prod([n + 1 for n in layout.cells])), 3))
    points[:, : layout.dimension] = np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")], axis=-1)
    corners = {1: [[0], [1]], 2: [[0, 0], [1, 0], [1, 1], [0, 1]]}
    square = corners[2]
    corners[3] = [[*c, z] for z in (0, 1) for c in square]
    first = np.stack(np.meshgrid(*[np.arange(n) for n in layout.cells], indexing="ij"), axis=-1).reshape(
        -1, layout.dimension
    )
    shape = tuple(n + 1 for n in layout.cells)
    cells = [np.ravel_multi_index(tuple((first + corner).T), shape) for corner in corners[layout.dimension]]
    return points, np.stack(cells, axis=1)
