from .linear_cells import LinearCells, law_fields
from .paraview import paraview_script, paraview_sweep_script
from .record import View, load_view, read_view, spectrum_fields, view_sources
from .view_figure import draw_view
from .view_movie import animate_view

__all__ = [
    "LinearCells",
    "View",
    "animate_view",
    "draw_view",
    "law_fields",
    "load_view",
    "paraview_script",
    "paraview_sweep_script",
    "read_view",
    "spectrum_fields",
    "view_sources",
]
