from .interpolation import project
from .l2_projection import l2_project, onto_mesh, solution_on_mesh
from .mass_norm import MassNorm, chunks, symmetric_box, weighted_squares
from .matching import match_positions
from .quadrature import Box, Quadrature, lagrange_element

__all__ = [
    "Box",
    "MassNorm",
    "Quadrature",
    "chunks",
    "l2_project",
    "lagrange_element",
    "match_positions",
    "onto_mesh",
    "project",
    "solution_on_mesh",
    "symmetric_box",
    "weighted_squares",
]
