from .adaptive import AdaptiveIntegrator
from .cli import pde_command
from .fields import write_collection, write_fields
from .integrators import INTEGRATION_SHARE, TRANSFORM_SHARE, choose_integrator, transform_accuracy
from .memory import affordable_plan, check_memory, gibibytes, memory_needed
from .petsc_options import refuse_torchrun, start_petsc
from .solver import Solver, SpectrumSnapshot, solve
from .stage import run_pde
from .theta import ThetaMethod

__all__ = [
    "INTEGRATION_SHARE",
    "TRANSFORM_SHARE",
    "AdaptiveIntegrator",
    "Solver",
    "SpectrumSnapshot",
    "ThetaMethod",
    "affordable_plan",
    "check_memory",
    "choose_integrator",
    "gibibytes",
    "memory_needed",
    "pde_command",
    "refuse_torchrun",
    "run_pde",
    "solve",
    "start_petsc",
    "transform_accuracy",
    "write_collection",
    "write_fields",
]
