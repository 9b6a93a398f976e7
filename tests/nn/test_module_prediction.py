"""The predicted training of any torch module against its training."""

import numpy as np
import pytest
import torch

from freqbias.errors import ComputationError, InputError
from freqbias.nn import predict_module
from freqbias.problem import ErrorHistory

layers = torch.nn


def wide() -> layers.Module:
    """A network so wide that training hardly leaves the linear regime."""
    torch.manual_seed(0)

    class Scaled(layers.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x / 4000**0.5

    return layers.Sequential(layers.Linear(1, 4000), layers.Tanh(), layers.Linear(4000, 2), Scaled()).double()


X = torch.linspace(-1, 1, 24, dtype=torch.float64)[:, None]
Y = torch.cat([torch.sin(3 * X), X**2], dim=1)


@pytest.mark.parametrize("flow", [False, True])
def test_prediction_of_a_training(flow):
    module, step = wide(), 0.5
    other = torch.tensor([[-0.71], [0.33], [1.2]], dtype=torch.float64)
    truth = torch.cat([torch.sin(3 * other), other**2], dim=1)
    steps = np.array([0, 10, 80])
    arguments = {"times": steps * step} if flow else {"steps": steps, "step": step}
    predicted = predict_module(module, X, Y, held_out=(other, truth), predict_at=other, **arguments)
    optimiser = torch.optim.SGD(module.parameters(), lr=step / (4 if flow else 1))
    errors = []
    for count in np.diff(steps, prepend=0) * (4 if flow else 1):
        for _ in range(count):
            optimiser.zero_grad()
            (0.5 * (module(X) - Y).square().sum(dim=1).mean()).backward()
            optimiser.step()
        errors.append([(module(z) - t).detach().numpy().T for z, t in ((X, Y), (other, truth))])
    trained, held_out = (np.array(each) for each in zip(*errors, strict=True))
    assert np.linalg.norm(trained[-1]) < 0.7 * np.linalg.norm(trained[0])
    assert np.abs(predicted.error - trained).max() < 0.01 * np.abs(trained[0]).max()
    assert np.abs(predicted.held_out_error - held_out).max() < 0.02 * np.abs(held_out[0]).max()
    np.testing.assert_allclose(predicted.prediction - truth.numpy().T, predicted.held_out_error)
    np.testing.assert_allclose(predicted.time, steps * step)
    assert predicted.loss[0] == pytest.approx(0.5 * (trained[0] ** 2).mean(axis=1).sum())


def test_prediction_of_the_linearised_module_is_exact(tmp_path):
    """A model that is linear in its parameters is trained as predicted, to rounding."""
    torch.manual_seed(0)
    features = torch.cat([torch.cos(k * X) for k in range(6)], dim=1)
    module, target, step = layers.Linear(6, 2).double(), Y, 0.1
    predicted = predict_module(module, features, target, steps=[0, 1, 7, 60], step=step, tolerance=1e-12)
    trained = [(module(features) - target).detach().numpy().T]
    for count in (1, 6, 53):
        for _ in range(count):
            (0.5 * (module(features) - target).square().sum(dim=1).mean()).backward()
            with torch.no_grad():
                for parameter in module.parameters():
                    parameter.sub_(step * parameter.grad)
                    parameter.grad = None
        trained.append((module(features) - target).detach().numpy().T)
    np.testing.assert_allclose(predicted.error, trained, atol=1e-11)
    predicted.save(tmp_path / "mine.nc")
    loaded = ErrorHistory.load(tmp_path / "mine.nc")
    np.testing.assert_array_equal(loaded.error, predicted.error)
    assert loaded.attributes["step"] == step and loaded.attributes["steps"] == 60


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "give either times, or steps"),
        ({"times": [0.0, 1.0], "steps": [0, 1], "step": 0.1}, "give either times, or steps"),
        ({"times": [1.0, 2.0]}, r"times = \[1.0, 2.0\]; give at least two numbers that increase from 0"),
        ({"times": [0.0, 1.0], "step": 0.1}, "step = 0.1 is for steps"),
        ({"steps": [0, 1.5], "step": 0.1}, "give whole numbers and a step size"),
        ({"steps": [0, 2]}, "give whole numbers and a step size"),
        ({"times": [0.0, 1.0], "y": Y[:5]}, r"y has targets of shape \(5, 2\); the module has \(24, 2\)"),
        ({"times": [0.0, 1.0], "held_out": (X, Y[:5])}, r"held_out has targets of shape \(5, 2\)"),
    ],
)
def test_arguments_that_do_not_fit(keys, message):
    module = layers.Linear(1, 2).double()
    with pytest.raises(InputError, match=message):
        predict_module(module, X, **{"y": Y, **keys})


def test_steps_that_diverge():
    with pytest.raises(ComputationError, match="diverge"):
        predict_module(layers.Linear(1, 2).double(), X, Y, steps=[0, 1000], step=50.0)
