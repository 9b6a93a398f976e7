from .compare_stage import read_comparison, run_compare
from .design_stage import design_keys, run_design
from .kappa_stage import Options, run_kappa
from .mesh_stage import run_mesh
from .pipeline import print_summary, run_all, stage_function
from .sources import recorded_sources
from .view_stage import run_view, write_spectra

__all__ = [
    "Options",
    "design_keys",
    "print_summary",
    "read_comparison",
    "recorded_sources",
    "run_all",
    "run_compare",
    "run_design",
    "run_kappa",
    "run_mesh",
    "run_view",
    "stage_function",
    "write_spectra",
]
