"""Learning rates of groups of parameters: kernels and training against the definition and the optimisers of torch."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from freqbias import nn
from freqbias.errors import InputError
from freqbias.nn.deep_layout import DeepLayout
from freqbias.nn.dense import DenseTransforms
from freqbias.nn.network_choice import make_network
from freqbias.nn.siren_layout import SirenLayout
from freqbias.numerics import Grid, Scattered
from freqbias.problem import Gaussian, Network, Problem, Rates, Samples, Training
from tests import oracle
from tests.fuzz.predictions import joint_kernel
from tests.nn.definition import definition, jacobians

GRID = Grid((6, 5), (1.0, 0.7))
POINTS = Scattered(np.random.default_rng(1).uniform(-0.6, 0.6, (7, 2)))
FROZEN = Rates(frequencies=0.0)
SIREN = {"omega_0": 4.0, "sigma_a": 0.2, "depth": 4}
CASES = {  # keys of the network, and rates
    "frozen": ({}, FROZEN),
    "frozen, not symmetric": ({"symmetric": False}, FROZEN),
    "only frequencies": ({"symmetric": False}, Rates(output=0.0)),
    "slow output": ({}, Rates(frequencies=3.0, output=0.2)),
    "diagonal, frozen": ({"diagonal": True}, FROZEN),
    "diagonal": ({"diagonal": True, "symmetric": False}, Rates(frequencies=0.3, hidden=2.5, output=0.5)),
    "diagonal, only it": ({"diagonal": True}, Rates(frequencies=0.0, hidden=2.0, output=0.0)),
    "three layers, frozen": ({"depth": 3, "activation": "relu", "hidden_width": 12}, FROZEN),
    "three layers": (
        {"depth": 3, "activation": "sine", "hidden_width": 8, "symmetric": False},
        Rates(frequencies=0.3, hidden=2.5, output=0.5),
    ),
    "three layers, last one": (
        {"depth": 3, "activation": "relu", "hidden_width": 12},
        Rates(frequencies=0.0, hidden=0.0, output=2.0),
    ),
    "four layers": ({"depth": 4, "activation": "relu", "hidden_width": 12}, Rates(frequencies=0.3, hidden=2.5)),
    "four layers, frozen": ({"depth": 4, "activation": "sine", "hidden_width": 8, "symmetric": False}, FROZEN),
    "four layers, biases": (
        {"depth": 4, "activation": "sine", "hidden_width": 8, "bias": 0.9},
        Rates(frequencies=0.5, hidden=0.3, biases=2.5),
    ),
    "three layers, only biases": (
        {"depth": 3, "activation": "sine", "hidden_width": 8, "bias": 0.9, "symmetric": False},
        Rates(frequencies=0.0, hidden=0.0, output=0.0, biases=2.0),
    ),
    "four layers, hidden ones": (
        {"depth": 4, "activation": "sine", "hidden_width": 8},
        Rates(frequencies=0.0, output=0.0),
    ),
    "SIREN": (SIREN, Rates(frequencies=0.3, hidden=2.5, output=0.5, biases=0.7)),
    "SIREN, symmetric, frozen": (SIREN | {"symmetric": True}, FROZEN),
    "SIREN of two layers": (SIREN | {"depth": 2}, Rates(output=0.0, biases=2.0)),
    "SIREN, only biases": (SIREN | {"depth": 2}, Rates(frequencies=0.0, output=0.0, biases=2.0)),
    "SIREN, only hidden ones": (SIREN, Rates(frequencies=0.0, output=0.0, biases=0.0)),
}
every_case = pytest.mark.parametrize("case", CASES)


def problem_of(case, *, sites=GRID, channels=2, scale=1.0, **changes):
    keys, rates = CASES[case]
    values = scale * np.random.default_rng(5).normal(size=(channels, sites.size))
    network = Network(**{"width": 24, "sigma_a": 1.2} | keys | changes)
    return Problem(Gaussian(1.5), Samples(sites, values), network, np.array([0.0, 1.0]), seed=2, rates=rates)


@every_case
@pytest.mark.parametrize("sites", [GRID, POINTS], ids=["grid", "scattered"])
def test_kernel_at_infinite_width(case, sites):
    targets = Scattered(np.random.default_rng(3).uniform(-0.6, 0.6, (9, 2)))
    problem = problem_of(case, sites=sites)
    joint, count, values = joint_kernel(problem, targets, oracle.gaussian(1.5)), sites.size, problem.samples.values
    # The oracle takes arccos of correlations near 1, which costs half of the digits where relu follows relu.
    accuracy = 1e-6 if problem.network.depth == 4 and problem.network.activation == "relu" else 1e-9
    kernel, bound = nn.InfiniteWidthKernel(problem), accuracy * np.abs(joint).max() * np.abs(values).max()
    np.testing.assert_allclose(kernel.apply(values), values @ joint[:count, :count] / count, rtol=0, atol=bound)
    at = kernel.at(targets)
    np.testing.assert_allclose(at.apply(values), values @ joint[:count, count:] / count, rtol=0, atol=bound)
    np.testing.assert_allclose(at.diagonal, np.diag(joint)[count:], rtol=accuracy)
    reach = problem.laws.kernel_rate_bound(problem.reach)
    assert reach >= np.linalg.eigvalsh(joint[:count, :count] / count)[-1]


@pytest.mark.parametrize(
    ("case", "by_matrix"),
    [(case, each) for case in CASES for each in (True, False) if each or "layers" in case or "SIREN" in case],
)
def test_kernel_of_the_drawn_network(case, by_matrix, monkeypatch):
    for layout in (DeepLayout, SirenLayout):
        monkeypatch.setattr(layout, "matrix_is_cheaper", lambda self, samples: by_matrix)
    problem = problem_of(case)
    (_, here), (_, there) = jacobians(problem, GRID, POINTS)
    values = problem.samples.values
    kernel = nn.EmpiricalKernel(problem)
    expected = (here @ (here.T @ values.ravel()) / GRID.size).reshape(values.shape)
    np.testing.assert_allclose(kernel.apply(values), expected, rtol=0, atol=1e-10 * np.abs(expected).max())
    at = kernel.at(POINTS)
    expected = (there @ (here.T @ values.ravel()) / GRID.size).reshape(len(values), -1)
    np.testing.assert_allclose(at.apply(values), expected, rtol=0, atol=1e-10 * np.abs(expected).max())
    diagonal = (there**2).sum(axis=1).reshape(len(values), -1).max(axis=0)
    assert (at.diagonal >= diagonal * (1 - 1e-9)).all() and (at.diagonal <= 3 * diagonal + problem.rates.output).all()
    exact = np.linalg.eigvalsh(here @ here.T / GRID.size)[-1]
    assert exact <= kernel.largest_eigenvalue() <= 1.06 * exact


def reference(problem):
    """The parameters with their groups, and their error u as a function, from the definition."""
    parameters, groups, f = definition(problem)
    x, target = torch.tensor(problem.sites.positions()), torch.tensor(problem.samples.values)
    start = f(*parameters, x=x) if problem.network.symmetric else 0
    return parameters, groups, lambda *parameters: f(*parameters, x=x) - start - target


def loss(error):
    return 0.5 * (error**2).mean(dim=1).sum()


def torch_steps(problem, name, step, count):
    """u (count + 1, C, N) of an optimiser of torch with a parameter group for each tensor."""
    parameters, groups, error = reference(problem)
    step *= 1 - 0.9 if name == "momentum" else 1
    with_rates = [
        {"params": [each.requires_grad_()], "lr": step * getattr(problem.rates, group)}
        for each, group in zip(parameters, groups, strict=True)
    ]
    momentum = {"momentum": 0.9} if name == "momentum" else {}
    optimiser = (torch.optim.Adam if name == "adam" else torch.optim.SGD)(with_rates, **momentum)
    errors = []
    for _ in range(count + 1):
        errors.append(error(*parameters))
        optimiser.zero_grad()
        loss(errors[-1]).backward()
        optimiser.step()
    return torch.stack(errors).detach().numpy()


def own_steps(problem, name, step, count, **settings):
    problem = replace(problem, times=np.array([0.0, count * step]))
    plan = nn.plan_training(problem, Training(integrator=name, step=step, **{"precision": "double"} | settings))
    return list(nn.trajectory(plan))


STEPS = [(case, "gradient-descent") for case in CASES]
STEPS += [(case, name) for case in ("slow output", "diagonal", "three layers") for name in ("momentum", "adam")]


@pytest.mark.parametrize(("case", "name"), STEPS)
def test_steps_are_those_of_torch_with_parameter_groups(case, name):
    """Frozen parameters stay to the last bit, and others move."""
    problem, step = problem_of(case), 0.02 if name == "adam" else 0.1
    snapshots = own_steps(problem, name, step, 6)
    found, expected = np.array([each.error.numpy() for each in snapshots]), torch_steps(problem, name, step, 6)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8 * np.abs(expected).max())
    assert np.abs(found[-1] - found[0]).max() > 1e-3
    first, *_, last = snapshots
    states = [last.network.groups(each.state) for each in (first, last)]
    for (rate, before), (_, after) in zip(*states, strict=True):
        assert torch.equal(before, after) == (rate == 0)


@pytest.mark.parametrize(
    ("case", "integrator", "tolerance"),
    [("slow output", "rk4", 1e-5), ("diagonal", "heun", 1e-3), ("four layers, frozen", "rk4", 1e-5)],
)
def test_runge_kutta_follows_the_flow_with_rates(case, integrator, tolerance):
    """With steps by the estimate of the local error, against another integrator of the flow by autograd."""
    problem = problem_of(case)
    history = nn.train(problem, Training(integrator=integrator, precision="double"), tolerance=tolerance)
    parameters, groups, error = reference(problem)
    rates = np.concatenate(
        [np.full(each.numel(), getattr(problem.rates, g)) for each, g in zip(parameters, groups, strict=True)]
    )

    def split(state):
        parts = torch.tensor(state).split([each.numel() for each in parameters])
        return [part.view(each.shape).requires_grad_() for part, each in zip(parts, parameters, strict=True)]

    def velocity(_, state):
        parts = split(state)
        gradient = torch.autograd.grad(loss(error(*parts)), parts)
        return -rates * torch.cat([each.ravel() for each in gradient]).numpy()

    start = torch.cat([each.ravel() for each in parameters]).numpy()
    end = solve_ivp(velocity, (0, problem.times[-1]), start, method="DOP853", rtol=1e-8, atol=1e-10).y[:, -1]
    distance = np.linalg.norm(history.error[-1] - error(*split(end)).detach().numpy())
    assert distance < tolerance * np.linalg.norm(history.error[0])


@pytest.mark.parametrize("case", ["slow output", "diagonal", "four layers, frozen"])
def test_single_precision(case):
    problem = problem_of(case)
    double, single = (
        own_steps(problem, "gradient-descent", 0.1, 5, precision=each)[-1].error for each in ("double", "single")
    )
    assert 0 < (single - double).norm() < 1e-5 * double.norm()


def test_sgd_with_the_batches_of_the_other_rates():
    """Minibatches of the same samples: the step of each group is the step with rate 1 times the rate."""
    problem = problem_of("slow output")
    states = {}
    for rates in (Rates(), problem.rates):
        first, after = own_steps(replace(problem, rates=rates, laws=None), "sgd", 0.02, 1, batch=7)
        states[rates] = list(after.network.groups(after.state - first.state))
    for (_, plain), (rate, scaled) in zip(states[Rates()], states[problem.rates], strict=True):
        torch.testing.assert_close(scaled, rate * plain, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("dimension", [1, 2])
def test_frozen_frequencies_save_their_transforms(dimension, monkeypatch):
    """A product with the kernel needs two transforms for each channel, and not 2 (1 + d)."""
    rows = []
    for name in ("to_samples", "to_frequencies"):
        original = getattr(DenseTransforms, name)
        monkeypatch.setattr(
            DenseTransforms,
            name,
            lambda self, values, original=original: rows.append(len(values)) or original(self, values),
        )
    sites, found = Grid((8,) * dimension, (1.0,) * dimension), []
    for rates in (FROZEN, Rates()):
        problem = Problem(
            Gaussian(2.0),
            Samples(sites, np.ones((2, sites.size))),
            Network(width=8, sigma_a=1.0),
            np.array([0.0, 1.0]),
            rates=rates,
        )
        network = make_network(problem, "dense", precision="double")
        rows.clear()
        network.kernel(network.start, torch.ones(2, sites.size, dtype=torch.float64))
        found.append(sum(rows))
    assert found == [2 * 2, 2 * 2 * (1 + dimension)]


def test_rates_of_problem_and_settings_must_agree():
    problem = problem_of("frozen")
    assert nn.plan_training(problem, Training(rates=FROZEN)).problem.rates == FROZEN
    assert nn.plan_training(problem).problem.rates == FROZEN
    with pytest.raises(
        InputError, match=r"rates = \{ frequencies = 0.0 \}, but the problem has rates = \{\}; give the"
    ):
        nn.plan_training(replace(problem, rates=Rates(), laws=None), Training(rates=FROZEN))
