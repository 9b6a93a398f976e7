"""What a run will take: sizes, steps, memory and seconds, before anything starts.

Steps come from the same rules that the stages follow; Lanczos on the infinite-width kernel, which is cheap, tells how
many products the data operator will need, and the loss that the network would reach at infinite width. Seconds are
steps times the time of one, measured here where that is quick (a step of the training, a pair of non-uniform
transforms), else by the costs below, which were measured on one core in two dimensions.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from freqbias.errors import ComputationError
from freqbias.meshes import BoxPlan, MeshPlan
from freqbias.nn import InfiniteWidthKernel, TrainingPlan, training_memory, trajectory
from freqbias.numerics import NonUniformTransform, TensorTransform, exponential, make_tensor_transform, make_transform
from freqbias.pde import AdaptiveIntegrator, ThetaMethod, choose_integrator, memory_needed, transform_accuracy
from freqbias.problem import Pde, Problem, squared_loss
from freqbias.runtime import threads

PRODUCT = 1e-9  # seconds for an entry of the element matrices in a product, real and imaginary part
ASSEMBLY = 7e-10  # seconds for an entry at each quadrature point of its cell
SHIFT_INVERT = 7e-7  # seconds for a nonzero, factorisation and all solves
DIRECT_STEP = 3e-8  # seconds for a nonzero, one step with a factorisation at hand
MOST_PRODUCTS = 500  # of Lanczos, where it does not say
SHIFTS = 12  # factorisations of an adaptive run, each with as many solves as one by Lanczos
CG_PRODUCTS = 10  # of one implicit step of the data operator
STARTING = 3.0  # seconds to import the libraries
WRITING = 1.2e-6  # seconds for a dof, channel and output time, fields for ParaView included


@dataclass(frozen=True)
class Cost:
    """steps: of the integrator, None where not known; seconds, at one rank; memory in bytes, at its peak."""

    steps: int | None
    seconds: float
    memory: float


@dataclass(frozen=True)
class KernelFlow:
    """The infinite-width network: loss (T,) at the output times, and the Lanczos steps that took."""

    loss: np.ndarray
    steps: int


def kernel_flow(problem: Problem, tolerance: float) -> KernelFlow | None:
    """The flow of the infinite-width kernel from u = -f*; None where Lanczos does not reach the tolerance."""
    kernel = InfiniteWidthKernel(problem)
    try:
        flows = [exponential(kernel.apply, -target, problem.times, tolerance) for target in problem.samples.values]
    except ComputationError:
        return None
    loss = squared_loss(np.stack([flow.values for flow in flows], axis=1))
    return KernelFlow(loss, max(flow.steps for flow in flows))


def pde_cost(problem: Problem, settings: Pde, plan: MeshPlan, flow: KernelFlow | None) -> Cost:
    """Of the stage pde."""
    outputs, channels = len(problem.times), problem.samples.channels
    memory = memory_needed(problem, settings, plan)
    setup = ASSEMBLY * plan.entries * (plan.degree + 3) ** plan.dimension
    around = STARTING + WRITING * outputs * channels * plan.dofs
    integrator = choose_integrator(problem, settings, folded=plan.folded)
    direct, adaptive = not isinstance(integrator, ThetaMethod), isinstance(integrator, AdaptiveIntegrator)
    if isinstance(integrator, ThetaMethod):
        steps: int | None = sum(integrator.steps(problem.times))
    else:
        steps = flow.steps if flow and not adaptive else None
    if settings.operator == "local":
        each = (SHIFTS if adaptive else 1) * SHIFT_INVERT if direct else 2 * DIRECT_STEP * (steps or 0)
        return Cost(None if direct else steps, around + setup + channels * each * plan.nonzeros, memory)
    transform = _transform_seconds(problem, settings, plan)
    product = transform + 0.5 * PRODUCT * plan.entries
    products = (steps or MOST_PRODUCTS) * (1 if direct and not adaptive else CG_PRODUCTS)
    finish = 2 * transform * outputs * channels
    return Cost(steps, around + 0.5 * setup + channels * products * product + finish, memory)


def training_cost(plan: TrainingPlan) -> Cost:
    """Of the stage nn, from one real step; the first one, which also prepares the transforms, is left out."""
    walk = trajectory(plan)
    next(walk)
    seconds = 0.0
    for _ in range(min(2, plan.schedule.steps)):
        began = time.perf_counter()
        next(walk)
        seconds = time.perf_counter() - began
    needed = training_memory(plan.problem, precision=plan.settings.precision, backend=plan.backend)
    return Cost(plan.schedule.steps, seconds * plan.schedule.steps, needed)


def _transform_seconds(problem: Problem, settings: Pde, plan: MeshPlan) -> float:
    """One pair of transforms between the samples and as many frequencies as half the mesh has."""
    eps, count = transform_accuracy(problem, settings, folded=plan.folded), threads()
    if isinstance(plan, BoxPlan):
        nodes = [np.linspace(-r, r, n * plan.degree + 1) for r, n in zip(plan.half_width, plan.cells, strict=True)]
        nodes[0] = nodes[0][len(nodes[0]) // 2 :]
        frequencies = np.stack([axis.ravel() for axis in np.meshgrid(*nodes, indexing="ij")], axis=-1)
        transform: NonUniformTransform | TensorTransform = make_tensor_transform(
            problem.sites, frequencies, eps=eps, threads=count
        )
    else:
        rng, sides = np.random.default_rng(0), 2 if plan.symmetric else 1
        frequencies = rng.uniform(-1, 1, (plan.dofs // sides + 1, plan.dimension)) * plan.half_width
        transform = make_transform(problem.sites, frequencies, eps=eps, threads=count)
    values = problem.samples.values[0]

    def pair() -> None:
        transform.to_samples(transform.to_frequencies(values))

    pair()
    return _timed(pair)


def _timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
