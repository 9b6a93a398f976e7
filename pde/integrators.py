"""The choice of the integrator, and the division of the tolerance among the parts of the computation."""

from typing import Any

from freqbias.errors import InputError
from freqbias.meshes import is_narrow
from freqbias.numerics import OperatorRows
from freqbias.pde.adaptive import AdaptiveIntegrator
from freqbias.pde.krylov import GradientDescentIntegrator, LanczosIntegrator, ShiftInvertIntegrator
from freqbias.pde.protocols import Integrator
from freqbias.pde.theta import ThetaMethod, automatic_step
from freqbias.problem import Pde, Problem, decay_rate_bound

# Shares of the tolerance. The remaining share is left for the mesh.
INTEGRATION_SHARE = 0.2  # Lanczos, for which a higher accuracy costs little
STEPPING_SHARE = 0.5  # the stepping integrators
TRANSFORM_SHARE = 5e-2  # the non-uniform transforms
NARROW_SHARE = 1e-2  # factor of TRANSFORM_SHARE for narrow densities
LONG_FLOW = 500.0  # if decay rate times last output time is larger, the errors of the transforms add up


def choose_integrator(problem: Problem, settings: Pde, *, folded: bool, norm_share: float = 1.0) -> Integrator:
    """Return the integrator named in the settings, with a share of settings.tolerance.

    folded: `MeshPlan.folded` of the mesh. norm_share: `TrainingLoss.norm_share` of u(0), for integrators that work in
    the norm of the training loss. Raises InputError if the integrator cannot follow the training.
    """
    if settings.operator == "local" and not problem.loss.is_multiplier:
        raise InputError(
            '[pde] operator = "local" is for the mean square and for Sobolev losses with equal weights and without '
            'cutoff; use operator = "data", or leave [training] weights and cutoff out'
        )
    if problem.decay.rate and settings.integrator != "lanczos":
        raise InputError(
            f'[pde] integrator = "{settings.integrator}" does not follow the weight decay of the training; use '
            'integrator = "lanczos"'
        )
    if problem.gauss_newton is not None:
        given = (settings.operator, settings.integrator, settings.dynamics)
        if given != ("data", "lanczos", "flow"):
            raise InputError(
                f'[pde] operator = "{given[0]}", integrator = "{given[1]}" and dynamics = "{given[2]}" are not for the '
                'damped Gauss-Newton method; use operator = "data", integrator = "lanczos" and dynamics = "flow"'
            )
    fastest = fastest_rate(problem, operator=settings.operator, folded=folded)
    flow: dict[str, Any] = {
        "integrate": bool(problem.targets),
        "metric": problem.loss.metric,
        "decay": problem.decay.rate,
    }
    share = INTEGRATION_SHARE if settings.integrator == "lanczos" else STEPPING_SHARE
    tolerance = share * settings.tolerance * (1.0 if in_metric(settings) else norm_share)
    match settings.integrator:
        case "lanczos" if settings.dynamics == "gradient-descent":
            assert settings.step != "auto"  # checked with the settings
            return GradientDescentIntegrator(tolerance, settings.step, **flow)
        case "lanczos" if settings.operator == "data":
            return LanczosIntegrator(tolerance, damping=problem.gauss_newton, **flow)
        case "lanczos":
            return ShiftInvertIntegrator(tolerance, fastest, problem.decay.rate)
        case "adaptive":
            return AdaptiveIntegrator(tolerance)
    theta = 0.5 if settings.integrator == "crank-nicolson" else 1.0
    if settings.step == "auto":
        return ThetaMethod(theta, automatic_step(theta, problem.times, tolerance, fastest))
    return ThetaMethod(theta, settings.step)


def in_metric(settings: Pde) -> bool:
    """Return whether the integrator itself knows the inner product of the training loss."""
    return (settings.operator, settings.integrator) == ("data", "lanczos")


def fastest_rate(problem: Problem, *, operator: str, folded: bool) -> float:
    """Return an upper bound of the operator's decay rates [1/time]."""
    sites = problem.sites
    if isinstance(sites, OperatorRows):
        return decay_rate_bound(problem.laws, sites, problem.loss)
    kernel = problem.laws.kernel_rate_bound(problem.reach) * problem.loss.largest
    if sites.lattice is None:
        return kernel
    local = problem.laws.local_rate_bound(1 / sites.closest_density, problem.reach) * problem.loss.largest
    if operator == "local":
        return local
    return kernel if folded else min(kernel, local + problem.laws.atom * problem.loss.largest)


def transform_accuracy(problem: Problem, settings: Pde, *, folded: bool) -> float:
    """Return the relative accuracy of the non-uniform transforms.

    Every product with the data operator uses the transforms. In modes that do not decay until the last output time T,
    the error of one product is multiplied by T. For a narrow density nearly all modes are of this kind, and the error
    of the kernel is measured.
    """
    duration = 0.0
    if settings.operator == "data" and problem.gauss_newton is not None:
        duration = problem.times[-1] / problem.gauss_newton
    elif settings.operator == "data":
        duration = problem.times[-1] * fastest_rate(problem, operator="data", folded=folded)
    share = TRANSFORM_SHARE * (NARROW_SHARE if is_narrow(problem) else 1.0)
    return share * settings.tolerance / max(1.0, duration / LONG_FLOW)
