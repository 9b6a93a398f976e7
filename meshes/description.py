"""A mesh in words, and as points and cells for other programs."""

import numpy as np

from meshes.rule import Plan
from problem import Problem


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
