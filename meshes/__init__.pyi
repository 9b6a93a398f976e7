from .box_plan import BoxPlan
from .builder import build
from .cell_types import CELL_TYPES, CellType
from .description import cells_in_words, describe, vertices
from .file_plan import FilePlan
from .half_width import is_narrow, tail_half_width
from .layered_plan import LayeredPlan
from .layers import merge_nodes
from .mesh_rule import plan_mesh
from .plan import MeshPlan

__all__ = [
    "CELL_TYPES",
    "BoxPlan",
    "CellType",
    "FilePlan",
    "LayeredPlan",
    "MeshPlan",
    "build",
    "cells_in_words",
    "describe",
    "is_narrow",
    "merge_nodes",
    "plan_mesh",
    "tail_half_width",
    "vertices",
]
