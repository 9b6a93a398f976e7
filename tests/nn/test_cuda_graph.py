"""The recorded gradient; `pytest -m cuda`. Elsewhere a stand-in replays it on the memory of the recording."""

import logging
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from freqbias.nn import cuda_graph, plan_training, training, trajectory
from freqbias.nn.cuda_graph import inner_slope
from freqbias.nn.network_choice import make_network
from freqbias.nn.sharding import Shards
from freqbias.numerics import Grid
from freqbias.problem import Gaussian, Network, Problem, Training, waves

GRID = Grid((16, 12), (1.0, 1.0))
PROBLEM = Problem(
    Gaussian(2.0), waves(GRID, [[2.0, 1.0]], window=0.2), Network(width=40, sigma_a=1.0), np.array([0.0, 2.0, 5.0])
)


class Recording:
    """Calls the function on one tensor that never moves, and gives copies of its result."""

    def __init__(self, function, example):
        self.argument, self.function, self.calls = example.clone(), function, 0

    def __call__(self, argument):
        self.calls += 1
        self.argument.copy_(argument)
        return self.function(self.argument).clone()


def plan_of(device="cpu", **settings):
    chosen = Training(backend="separable", precision="double", device=device, **settings)
    return plan_training(PROBLEM, chosen, tolerance=1e-3)


@pytest.fixture
def recorded(monkeypatch):
    made = []
    monkeypatch.setattr(cuda_graph, "_pays", lambda plan: True)
    monkeypatch.setattr(cuda_graph, "RecordedFunction", lambda *both: made.append(Recording(*both)) or made[-1])
    return made


@pytest.mark.parametrize("settings", [{}, {"integrator": "heun"}, {"integrator": "rk4", "step": 0.05}], ids=str)
def test_trainings_are_the_same(settings, recorded, monkeypatch):
    found = list(trajectory(plan_of(**settings)))
    assert recorded[0].calls > 3
    monkeypatch.setattr(cuda_graph, "_pays", lambda plan: False)
    expected = list(trajectory(plan_of(**settings)))
    assert len(recorded) == 1
    assert [each.loss for each in found] == [each.loss for each in expected]
    assert torch.equal(found[-1].state, expected[-1].state)


def network_of(plan):
    return make_network(PROBLEM, plan.backend, precision="double")


def constant(value):
    return lambda argument: value


FAULTS = {
    "twice the gradient": lambda function, example: lambda argument: 2 * function(argument),
    "always that of the recording": lambda function, example: constant(function(example)),
    "NaN": lambda function, example: lambda argument: torch.nan * function(argument),
}


@pytest.mark.parametrize("fault", ["cannot be recorded", *FAULTS])
def test_what_fails_is_not_used(fault, recorded, monkeypatch, caplog):
    def wrong(function, example):
        if fault == "cannot be recorded":
            raise RuntimeError("an operation cannot be recorded")
        return FAULTS[fault](function, example)

    monkeypatch.setattr(cuda_graph, "RecordedFunction", wrong)
    plan = plan_of()
    network = network_of(plan)
    with caplog.at_level(logging.DEBUG, logger="freqbias"):
        assert inner_slope(plan, network) == network.negative_gradient
    assert ("cannot be recorded" if fault == "cannot be recorded" else "differs by") in caplog.text


def test_the_recorded_network_is_another_one(recorded):
    """A replay does not tell a network that its state has changed."""
    plan = plan_of()
    network = network_of(plan)
    assert inner_slope(plan, network) is recorded[0]
    assert recorded[0].function.__self__ is not network


def test_where_it_pays():
    on_gpu = replace(plan_of(), device=torch.device("cuda:0"))
    assert cuda_graph._pays(on_gpu)
    assert not cuda_graph._pays(plan_of())
    assert not cuda_graph._pays(replace(on_gpu, backend="dense"))
    descent = replace(plan_of(integrator="gradient-descent", step=0.01), device=on_gpu.device)
    assert not cuda_graph._pays(descent), "its steps have no inner slopes"
    shared = Shards()
    shared.comm = SimpleNamespace(size=2)
    assert not cuda_graph._pays(replace(on_gpu, shards=shared)), "a sum over processes cannot be recorded"
    many = replace(PROBLEM, network=Network(width=2_000_000, sigma_a=1.0))
    assert not cuda_graph._pays(replace(on_gpu, problem=many)), "the work takes longer than its launch"


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here, or no -m cuda")
@pytest.mark.parametrize("precision", ["single", "double"])
def test_graph_on_a_gpu(precision, caplog):
    settings = Training(backend="separable", precision=precision, device="cuda")
    with caplog.at_level(logging.DEBUG, logger="freqbias"):
        found = training.train(PROBLEM, settings)
    assert "recorded as a CUDA graph" in caplog.text and "not recorded" not in caplog.text
    expected = training.train(PROBLEM, settings.model_copy(update={"device": "cpu"}))
    np.testing.assert_allclose(found.error, expected.error, rtol=0, atol=1e-3 * np.abs(expected.error).max())
