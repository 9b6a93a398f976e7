from .adaptive import AdaptiveIntegrator
from .cli import pde_command
from .disk_space import check_disk, disk_needed
from .fields import law_values, write_collection, write_fields
from .integrators import INTEGRATION_SHARE, TRANSFORM_SHARE, choose_integrator, fastest_rate, transform_accuracy
from .krylov import GradientDescentIntegrator, LanczosIntegrator, ShiftInvertIntegrator
from .local_operator import LocalOperator
from .memory import check_memory, format_bytes, memory_needed, plan_within_memory
from .petsc_options import refuse_torchrun, start_petsc, uses_geometric_multigrid
from .protocols import IntegrationRecord
from .snapshot import SpectrumSnapshot
from .solver import Solver, initial_errors, solve
from .stage import run_pde
from .theta import ThetaMethod
from .vtu import VtuGrid

__all__ = [
    "INTEGRATION_SHARE",
    "TRANSFORM_SHARE",
    "AdaptiveIntegrator",
    "GradientDescentIntegrator",
    "IntegrationRecord",
    "LanczosIntegrator",
    "LocalOperator",
    "ShiftInvertIntegrator",
    "Solver",
    "SpectrumSnapshot",
    "ThetaMethod",
    "VtuGrid",
    "check_disk",
    "check_memory",
    "choose_integrator",
    "disk_needed",
    "fastest_rate",
    "format_bytes",
    "initial_errors",
    "law_values",
    "memory_needed",
    "pde_command",
    "plan_within_memory",
    "refuse_torchrun",
    "run_pde",
    "solve",
    "start_petsc",
    "transform_accuracy",
    "uses_geometric_multigrid",
    "write_collection",
    "write_fields",
]
