"""Predict the cost of a run: steps, memory and seconds of the stages pde and nn.

Steps are computed by the rules of the stages. Lanczos on the infinite-width kernel is cheap. This predicts the loss and
the number of products that the data operator needs. The predicted time is the number of steps times the time of one
step. A training step and a pair of non-uniform transforms are quick, so they are timed here. The costs of all other
work are constants below, measured on one core in 2-D.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from freqbias.errors import ComputationError
from freqbias.meshes import BoxPlan, MeshPlan
from freqbias.nn import (
    EmpiricalKernel,
    InfiniteWidthKernel,
    NoiseResponse,
    TrainingPlan,
    gauss_newton_shift,
    linearised_training,
    planned_schedule,
    training_memory,
    trajectory,
    with_noise_level,
)
from freqbias.numerics import Schedule, exponential, make_tensor_transform, make_transform
from freqbias.pde import (
    AdaptiveIntegrator,
    ThetaMethod,
    choose_integrator,
    memory_needed,
    transform_accuracy,
    uses_geometric_multigrid,
)
from freqbias.problem import NoisePrediction, Pde, Problem, initial_errors, squared_loss
from freqbias.runtime import threads

PRODUCT = 1e-9  # seconds per entry of the element matrices, for one product with a complex vector
ASSEMBLY = 7e-10  # seconds per entry of the element matrices and quadrature point of its cell
SUMS = 1.2e-8  # seconds per quadrature point without these matrices, for one product with a complex vector
LAWS = 1.5e-7  # seconds per quadrature point, for mesh and laws
SHIFT_INVERT = 7e-7  # seconds per nonzero, for one factorisation and its solves
DIRECT_STEP = 3e-8  # seconds per nonzero, for one step with a factorisation in memory
# Seconds per dof for multigrid, by dimension: for its preparation and the solves of one Lanczos run, and for one step.
MULTIGRID = {2: 9e-6, 3: 1.6e-5}
MULTIGRID_STEP = {2: 6e-7, 3: 1.4e-6}
MOST_PRODUCTS = 500  # largest number of Lanczos products; also the guess where the number is unknown
FACTORISATIONS = 12  # in an adaptive run; one of them with its solves costs SHIFT_INVERT
CG_PRODUCTS = 10  # products per implicit step of the data operator
SHORTER = 2.0  # ratio of planned and actual first steps above which the network is far from its linearisation
WIDE = 1000  # neurons; for wider networks the steps are planned with the kernel at infinite width
IMPORT_SECONDS = {"pde": 1.5, "nn": 2.5}
LONGEST_PREDICTION = 5.0  # seconds for the prediction of the held-out loss by the kernel of the drawn network
WRITING = 1.2e-6  # seconds per dof, channel and output time, ParaView files included


@dataclass(frozen=True)
class Cost:
    """The cost of one stage: integrator steps (None if unknown), seconds on one rank, and peak memory in bytes.

    is_lower_bound: whether steps and seconds may be much larger. failure: why the first steps fail, if they do.
    """

    steps: int | None
    seconds: float
    memory: float
    is_lower_bound: bool = False
    failure: str = ""


@dataclass(frozen=True)
class KernelFlow:
    """The error u (T, C, N) at the output times, as the infinite-width kernel predicts.

    steps: the number of Lanczos steps. noise: the prediction for noisy labels, or None.
    """

    error: np.ndarray
    steps: int
    noise: NoisePrediction | None = None

    @property
    def loss(self) -> np.ndarray:
        """(T,)."""
        return squared_loss(self.error)


def kernel_flow(problem: Problem, tolerance: float) -> KernelFlow | None:
    """Solve the gradient flow du/dt = -K u from the initial error, with the infinite-width kernel K.

    Return None if Lanczos does not reach the tolerance in MOST_PRODUCTS steps.
    """
    kernel = InfiniteWidthKernel(problem)
    try:
        flows = [
            exponential(
                kernel.apply, error, problem.times, tolerance, metric=problem.loss.metric,
                decay=problem.decay.rate, shift=gauss_newton_shift(problem), max_steps=MOST_PRODUCTS,
            )
            for error in initial_errors(problem)
        ]  # fmt: skip
    except ComputationError:
        return None
    error = np.stack([flow.values for flow in flows], axis=1)
    steps = max(flow.steps for flow in flows)
    return KernelFlow(error, steps, _noise_prediction(problem, kernel, error))


def _noise_prediction(problem: Problem, kernel: InfiniteWidthKernel, error: np.ndarray) -> NoisePrediction | None:
    """Return the prediction for noisy labels. Return None if they have no noise, or if Lanczos needs too long."""
    if (noise := with_noise_level(problem).noise) is None:
        return None
    response = NoiseResponse(
        kernel, noise, problem.sites.size, seed=problem.seed, metric=problem.loss.metric, decay=problem.decay.rate,
        shift=gauss_newton_shift(problem),
    )  # fmt: skip
    try:
        return response.predict(lambda each, **options: each.follow_flow(problem.times, **options), error, None, {})
    except ComputationError:
        return None


def held_out_errors(plan: TrainingPlan, tolerance: float, nn: Cost, products: int) -> tuple[np.ndarray, str] | None:
    """Return the predicted errors on the held-out samples, (T, C, N'), and the name of the kernel that predicts them.

    This is the kernel of the drawn network, or that at infinite width if the former needs too long. The errors are
    those of the planned steps, or of the flow for optimisers whose steps are not predicted.
    nn: the cost of the training. products: the expected number of products with the kernel.
    Return None if no samples are held out, or if Lanczos does not reach the tolerance.
    """
    problem, follow = plan.problem, plan.integrator.follow
    if (held_out := problem.held_out) is None:
        return None
    step_seconds = (nn.seconds - IMPORT_SECONDS["nn"]) / max(1, nn.steps or 1)
    quick = 3 * step_seconds * (products + 2 * len(problem.times)) <= LONGEST_PREDICTION
    kernel: EmpiricalKernel | InfiniteWidthKernel = EmpiricalKernel(problem) if quick else InfiniteWidthKernel(problem)
    start = kernel.start if isinstance(kernel, EmpiricalKernel) else initial_errors(problem)
    try:
        training = linearised_training(problem, kernel, start)
        if follow is None:
            path = training.follow_flow(problem.times, tolerance=tolerance)
        else:
            path = follow(training, planned_schedule(plan, kernel, start), tolerance=tolerance)
    except ComputationError:
        return None
    name = "the kernel of the drawn network" if quick else "the kernel at infinite width"
    return path.at(kernel.at(held_out.sites)).values - held_out.values, name


def pde_cost(problem: Problem, settings: Pde, plan: MeshPlan, flow: KernelFlow | None) -> Cost:
    """Return the cost of the stage pde. flow: the result of `kernel_flow`, None if unknown."""
    outputs, channels, dimension = len(problem.times), problem.samples.channels, plan.dimension
    memory = memory_needed(problem, settings, plan)
    local = settings.operator == "local"
    multigrid = local and uses_geometric_multigrid(plan)
    lanczos_run = MULTIGRID[dimension] * plan.dofs if multigrid else SHIFT_INVERT * plan.nonzeros
    implicit_step = MULTIGRID_STEP[dimension] * plan.dofs if multigrid else DIRECT_STEP * plan.nonzeros
    points = plan.quadrature_points
    per_point = LAWS if multigrid or (plan.cubical and not local) else ASSEMBLY * plan.entries / plan.cell_count
    overhead = IMPORT_SECONDS["pde"] + WRITING * outputs * channels * plan.dofs
    integrator = choose_integrator(problem, settings, folded=plan.folded)
    steps: int | None = None
    match integrator:
        case ThetaMethod():
            steps = sum(integrator.steps(problem.times))
            solving, products = 2 * implicit_step * steps, CG_PRODUCTS * steps
        case AdaptiveIntegrator():
            solving, products = FACTORISATIONS * lanczos_run, CG_PRODUCTS * MOST_PRODUCTS
        case _:
            steps = flow.steps if flow else None
            solving, products = lanczos_run, steps or MOST_PRODUCTS
    if local:
        steps = steps if isinstance(integrator, ThetaMethod) else None
        return Cost(steps, overhead + per_point * points + channels * solving, memory)
    transforms = _seconds_of_transforms(problem, settings, plan)
    product = transforms + 0.5 * (SUMS * points if plan.cubical else PRODUCT * plan.entries)
    outputs_on_mesh = 2 * transforms * outputs * channels
    return Cost(steps, overhead + 0.5 * per_point * points + channels * products * product + outputs_on_mesh, memory)


def training_cost(plan: TrainingPlan) -> Cost:
    """Return the cost of the stage nn. Time the second step, because the first step also prepares the transforms.

    The number of steps is that of the linearised training, or that of the actual training if this begins with much
    shorter steps. Then the values are large for the width, and the steps may become still shorter.
    """
    snapshots, seconds = trajectory(plan), 0.0
    memory = training_memory(plan.problem, precision=plan.settings.precision, backend=plan.backend)
    last = next(snapshots)
    for _ in range(min(2, plan.schedule.steps)):
        start = time.perf_counter()
        try:
            last = next(snapshots, last)
        except ComputationError as failure:
            return Cost(plan.schedule.steps, IMPORT_SECONDS["nn"], memory, failure=str(failure))
        seconds = time.perf_counter() - start
    planned, begun = _planned_schedule(plan), last.step_control.schedule(plan.problem.times)
    shorter = planned.step_size(0) > SHORTER * begun.step_size(last.step - 1)
    steps = begun.steps if shorter else planned.steps
    return Cost(steps, IMPORT_SECONDS["nn"] + seconds * steps, memory, is_lower_bound=shorter)


def _planned_schedule(plan: TrainingPlan) -> Schedule:
    problem = plan.problem
    if problem.network.width > WIDE:
        return planned_schedule(plan, InfiniteWidthKernel(problem), initial_errors(problem))
    kernel = EmpiricalKernel(problem, device=plan.device, backend=plan.backend)
    return planned_schedule(plan, kernel, kernel.start)


def _seconds_of_transforms(problem: Problem, settings: Pde, plan: MeshPlan) -> float:
    """Time one transform from the samples to the nodes of half the mesh, and one transform back, in seconds."""
    eps, count = transform_accuracy(problem, settings, folded=plan.folded), threads()
    if isinstance(plan, BoxPlan):
        nodes = [np.linspace(-r, r, n * plan.degree + 1) for r, n in zip(plan.half_width, plan.cells, strict=True)]
        nodes[0] = nodes[0][len(nodes[0]) // 2 :]
        frequencies = np.stack([axis.ravel() for axis in np.meshgrid(*nodes, indexing="ij")], axis=-1)
        transform = make_tensor_transform(problem.sites, frequencies, eps=eps, threads=count)
    else:
        rng, sides = np.random.default_rng(0), 2 if plan.symmetric else 1
        frequencies = rng.uniform(-1, 1, (plan.dofs // sides + 1, plan.dimension)) * plan.half_width
        transform = make_transform(problem.sites, frequencies, eps=eps, threads=count)
    values = problem.samples.values[0]

    def pair() -> None:
        transform.to_samples(transform.to_frequencies(values))

    pair()  # the first call also makes plans and tables
    return _seconds(pair)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
