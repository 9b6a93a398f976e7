"""Random predictions at positions without samples: their bound must never be below their error.

The exact values come from the eigenvectors of the oracle's kernel between all positions.
"""

from dataclasses import replace

import numpy as np

from freqbias.errors import InputError
from freqbias.nn import InfiniteWidthKernel, LinearisedTraining
from freqbias.numerics import Grid, Scattered, Schedule, Sites, subset
from freqbias.pde import solve
from freqbias.problem import Density, Gaussian, Laplace, Network, Pde, Problem, Samples, Uniform
from tests import oracle
from tests.fuzz.verdicts import Verdict, judge_all

STABILITY = {"gradient-descent": (1, 1), "heun": (1, 1, 1 / 2), "rk4": (1, 1, 1 / 2, 1 / 6, 1 / 24)}
ROUNDING = 1e-8  # of the transforms and of the oracle's eigenvectors


def joint_kernel(problem: Problem, targets: Sites, k) -> np.ndarray:
    """The kernel of the oracle between samples and targets, not divided by N. k: the transform of the density."""
    positions, network = np.concatenate([problem.sites.positions(), targets.positions()]), problem.network
    rates = problem.rates.model_dump()
    if network.omega_0 is not None:
        width = network.width // (2 if network.symmetric else 1)
        keys = {"sigma_a": network.sigma_a, **rates}
        return oracle.siren_kernel(positions, k, width, network.depth - 1, network.omega_0, **keys) * len(positions)
    biases = {"biases": rates.pop("biases"), "bias": network.bias or 0.0}
    if network.depth > 2:
        matrix = oracle.deep_kernel(positions, k, network.sigma_a, network.activation, network.depth, **rates, **biases)
    elif network.diagonal:
        matrix = oracle.diagonal_kernel(positions, k, network.sigma_a, **rates)
    else:
        rates.pop("hidden")
        matrix = oracle.dense_kernel(positions, k, network.sigma_a, **rates)
    return matrix * len(positions)


def random_sites(rng: np.random.Generator) -> tuple[Sites, Sites]:
    """Samples and targets: two parts of a grid, or scattered."""
    dimension = int(rng.integers(1, 4))
    if rng.random() < 0.5:
        shape = [int(n) for n in rng.integers(3, {1: 80, 2: 10, 3: 6}[dimension], dimension)]
        shape[0] = max(shape[0], 8)
        grid = Grid(tuple(shape), tuple(rng.uniform(0.5, 3, dimension)))
        order = rng.permutation(grid.size)
        cut = int(rng.integers(4, grid.size - 3))
        return subset(grid, np.sort(order[:cut])), subset(grid, np.sort(order[cut:]))
    points = rng.uniform(-0.5, 0.5, (90, dimension)) * rng.uniform(0.5, 2)
    cut = int(rng.integers(10, 60))
    return Scattered(points[:cut]), Scattered(points[cut:])


def random_density(rng: np.random.Generator, dimension: int):
    """A density, and its transform by the oracle. It is narrower in 3-D, where meshes are large."""
    width = rng.uniform(0.5, {1: 6, 2: 4, 3: 1}[dimension])
    pairs: list[tuple[Density, object]] = [
        (Gaussian(width), oracle.gaussian(width)),
        (Laplace(width / 2), oracle.laplace(width / 2)),
        (Uniform(2 * width), oracle.uniform(2 * width)),
    ]
    return pairs[rng.integers(len(pairs))]


def random_problem(rng: np.random.Generator):
    """A problem, its targets, and the kernel between all positions by the oracle."""
    sites, targets = random_sites(rng)
    density, k = random_density(rng, sites.dimension)
    values = 10 ** rng.uniform(-2, 2) * rng.normal(size=(int(rng.integers(1, 3)), sites.size))
    times = np.array([0.0, *np.sort(10 ** rng.uniform(-1, 3, 3))])
    network = Network(width=2, sigma_a=float(rng.uniform(0, 2)))
    problem = Problem(density, Samples(sites, values), network, times)
    return problem, targets, joint_kernel(problem, targets, k)


def kernel_prediction(number: int) -> Verdict:
    """By Lanczos on the kernel at infinite width: flow, gradient descent, Heun and Runge-Kutta."""
    rng = np.random.default_rng(number)
    problem, targets, joint = random_problem(rng)
    count, start, times = problem.sites.size, -problem.samples.values, problem.times
    kernel = InfiniteWidthKernel(problem)
    training, at = LinearisedTraining(kernel, start), kernel.at(targets)
    largest = np.linalg.eigvalsh(joint[:count, :count] / count)[-1]
    for kind, taylor in {"flow": None, **STABILITY}.items():
        tolerance = 10 ** rng.uniform(-7, -2)
        if taylor is None:
            found = training.follow_flow(times, tolerance=tolerance).at(at)
            exact, _ = oracle.prediction(joint, count, start, times, lambda values, t: np.exp(-t * values))
        else:
            step = rng.uniform(0.2, 1.9) / largest
            schedule = Schedule(np.arange(4) * 30 * step, step)
            found = training.follow_steps(schedule, taylor, tolerance=tolerance).at(at)
            exact, _ = oracle.prediction(
                joint, count, start, range(0, 120, 30),
                lambda values, s: np.polyval(taylor[::-1], -step * values) ** s,  # noqa: B023
            )  # fmt: skip
        errors = np.abs(found.values - exact).max(axis=(1, 2))
        rounding = ROUNDING * np.abs(exact).max() + 1e-12 * np.abs(start).max()
        if not (errors <= found.bound + rounding).all():
            return Verdict("wrong", f"{kind}: the errors are {errors}, but the bounds {found.bound}")
    return Verdict("right")


def pde_prediction(number: int) -> Verdict:
    """By the equation: Lanczos, gradient descent, three tolerances. The bound includes the mesh."""
    rng = np.random.default_rng(number)
    problem, targets, joint = random_problem(rng)
    count, start, times = problem.sites.size, -problem.samples.values, problem.times
    problem = replace(problem, predict_at=targets)
    settings = {"tolerance": float(10 ** rng.uniform(-4, -2)), "degree": int(rng.choice([4, 6]))}
    if rng.random() < 0.3:
        step = rng.uniform(0.2, 1.9) / np.linalg.eigvalsh(joint[:count, :count] / count)[-1]
        counts = np.cumsum([0, *rng.integers(1, 300, 3)])
        problem = replace(problem, times=counts * step)
        settings |= {"dynamics": "gradient-descent", "step": float(step)}
        exact, _ = oracle.prediction(joint, count, start, counts, lambda values, s: (1 - step * values) ** s)
    else:
        exact, _ = oracle.prediction(joint, count, start, times, lambda values, t: np.exp(-t * values))
    try:
        found = solve(problem, Pde(**settings))
    except InputError:  # the tails of Laplace laws need too much memory in 3-D
        return Verdict("too large")
    errors = np.abs(found.prediction - exact).max(axis=(1, 2))
    rounding = ROUNDING * (np.abs(exact).max() + np.abs(start).max())
    if not (errors <= found.prediction_bound + rounding).all():
        return Verdict("wrong", f"{settings}: the errors are {errors}, but the bounds {found.prediction_bound}")
    ratio = float((found.prediction_bound[1:] / np.maximum(errors[1:], 1e-300)).max())
    return Verdict("within 100" if ratio < 100 else "right")


def judge(number: int) -> Verdict:
    kernel, pde = kernel_prediction(number), pde_prediction(number)
    return kernel if kernel.failure else pde


def run(first: int, count: int) -> bool:
    return judge_all("predictions", judge, first, count)
