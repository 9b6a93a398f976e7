from .bands import (
    Energy,
    amplitude,
    band_energy,
    bands,
    direction_energy,
    directions,
    energy_in_bands,
    energy_in_directions,
)
from .frequency_mesh import FrequencyMesh, mesh_gaps
from .interpolation import project
from .l2_projection import errors_on_mesh, l2_project, solution_on_mesh
from .mass_norm import MassNorm, chunks, symmetric_box, weighted_squares
from .quadrature import Box, Quadrature, lagrange_element
from .signal import VISIBLE, has_signal, inside_nyquist, leakage, signal_floor, signal_reach
from .target import target_outside_mesh

__all__ = [
    "VISIBLE",
    "Box",
    "Energy",
    "FrequencyMesh",
    "MassNorm",
    "Quadrature",
    "amplitude",
    "band_energy",
    "bands",
    "chunks",
    "direction_energy",
    "directions",
    "energy_in_bands",
    "energy_in_directions",
    "errors_on_mesh",
    "has_signal",
    "inside_nyquist",
    "l2_project",
    "lagrange_element",
    "leakage",
    "mesh_gaps",
    "project",
    "signal_floor",
    "signal_reach",
    "solution_on_mesh",
    "symmetric_box",
    "target_outside_mesh",
    "weighted_squares",
]
