from .builder import build
from .description import cells_in_words, describe, vertices
from .file import _quadrature
from .layers import merged
from .mesh_rule import plan_mesh, tail_radius
from .plans import BoxPlan, FilePlan, LayeredPlan, MeshPlan

__all__ = [
    "BoxPlan",
    "FilePlan",
    "LayeredPlan",
    "MeshPlan",
    "_quadrature",
    "build",
    "cells_in_words",
    "describe",
    "merged",
    "plan_mesh",
    "tail_radius",
    "vertices",
]
