"""The recorder of any training loop: errors, times of every optimiser, the file, and what is refused."""

import numpy as np
import pytest
import torch

import freqbias
from freqbias.errors import InputError, NotFiniteError, UsageError
from freqbias.problem import ErrorHistory

X = torch.linspace(-0.5, 0.5, 9, dtype=torch.float64)[:, None]
Y = torch.sin(3 * X)


def module(channels=1):
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(1, 8), torch.nn.Tanh(), torch.nn.Linear(8, channels)).double()


def trained(path, optimizer_class, steps=6, **options):
    """A short training by torch, with a record every two steps, and the values of the model at the records."""
    model, values = module(), []
    optimizer = optimizer_class(model.parameters(), lr=0.01, **options)
    with freqbias.Recorder(X, Y, path) as recorder:
        for step in range(steps + 1):
            if step % 2 == 0:
                recorder.record(model, step=step, optimizer=optimizer)
                values.append(model(X).detach().numpy())
            optimizer.zero_grad()
            (0.5 * (model(X) - Y).square().mean()).backward()
            optimizer.step()
    return np.array(values), recorder


@pytest.mark.parametrize(
    "optimizer, options, step_time",
    [
        (torch.optim.SGD, {}, 0.01),
        (torch.optim.SGD, {"momentum": 0.75}, 0.04),
        (torch.optim.SGD, {"momentum": 0.75, "dampening": 0.5}, 0.02),
        (type("Own", (torch.optim.SGD,), {}), {"momentum": 0.75}, 0.04),
        (torch.optim.Adam, {}, 0.01),
    ],
)
def test_file(tmp_path, optimizer, options, step_time):
    values, recorder = trained(tmp_path / "mine.nc", optimizer, **options)
    history = ErrorHistory.load(tmp_path / "mine.nc")
    np.testing.assert_allclose(history.time, step_time * np.arange(0, 7, 2), rtol=1e-12)
    np.testing.assert_array_equal(history.position, X.numpy())
    np.testing.assert_array_equal(history.error[:, 0], (values - Y.numpy())[:, :, 0])
    np.testing.assert_allclose(history.loss, 0.5 * np.mean(history.error[:, 0] ** 2, axis=1))
    assert recorder.times == history.time.tolist()
    assert ("not the time of a gradient flow" in history.attributes["time_definition"]) == (
        optimizer is torch.optim.Adam
    )


@pytest.mark.parametrize(
    "loss, channels, ratio", [("half", 3, 1.0), ("mean", 3, 2 / 3), ("mean", 1, 2.0), ("sum", 2, 18.0)]
)
def test_time_of_other_losses(tmp_path, loss, channels, ratio):
    """The gradient of the loss is `ratio` times that of 1/2 mean_q sum_c u_cq^2."""
    model, target = module(channels), torch.ones(len(X), channels, dtype=torch.float64)
    error = model(X) - target
    losses = {
        "half": 0.5 * error.square().sum(axis=1).mean(),
        "mean": error.square().mean(),
        "sum": error.square().sum(),
    }
    first, own = (
        torch.autograd.grad(each, model[0].bias, retain_graph=True)[0] for each in (losses["half"], losses[loss])
    )
    torch.testing.assert_close(own, ratio * first)
    recorder = freqbias.Recorder(X, target, tmp_path / "a.nc", loss=loss)
    for step, lr in ((0, 0.5), (2, 0.5), (3, 0.25)):  # the learning rate may change
        recorder.record(model, step=step, lr=lr)
    np.testing.assert_allclose(recorder.times, ratio * np.array([0.0, 1.0, 1.25]))


def test_functions_and_modes(tmp_path):
    """Any function of arrays, and a module with dropout, which is evaluated without it and stays in training mode."""
    recorder = freqbias.Recorder(X.numpy(), Y.numpy()[:, 0], tmp_path / "a.nc")
    recorder.record(lambda x: 2 * x[:, 0], step=0, lr=1.0)
    np.testing.assert_allclose(recorder.history().error[0, 0], 2 * X.numpy()[:, 0] - Y.numpy()[:, 0])
    model = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Dropout(0.5)).double()
    recorder = freqbias.Recorder(X, Y, tmp_path / "b.nc")
    recorder.record(model, step=0, lr=1.0)
    assert model.training
    expected = (model[0](X) - Y).detach().numpy()[:, 0]
    np.testing.assert_array_equal(recorder.history().error[0, 0], expected)


def test_schedules(tmp_path):
    """Each step counts with its own learning rate; steps without learning leave no record."""
    model = module()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda k: [0.0, 1.0, 0.5, 0.25, 0.0, 0.0][k])
    with freqbias.Recorder(X, Y, tmp_path / "mine.nc") as recorder:
        for step in range(6):
            if step != 2:
                recorder.record(model, step=step, optimizer=optimizer)
            optimizer.zero_grad()
            (model(X) - Y).square().mean().backward()
            optimizer.step()
            schedule.step() if step < 5 else None
    np.testing.assert_allclose(recorder.times, [0.0, 0.15, 0.175], rtol=1e-12)  # not after steps 1 and 5
    assert not optimizer._optimizer_step_post_hooks


def test_modes_of_parts_stay(tmp_path):
    model = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Dropout(0.5), torch.nn.Dropout(0.5)).double()
    model[1].eval()
    freqbias.Recorder(X, Y, tmp_path / "a.nc").record(model, step=0, lr=1.0)
    assert [part.training for part in model.modules()] == [True, True, False, True]


def test_end_of_the_block(tmp_path):
    """The file is written even if an exception ends the block."""
    for name, raised in (("a.nc", KeyboardInterrupt), ("d.nc", RuntimeError)):
        with pytest.raises(raised), freqbias.Recorder(X, Y, tmp_path / name) as recorder:
            recorder.record(module(), step=0, lr=1.0)
            raise raised
        assert len(ErrorHistory.load(tmp_path / name).time) == 1
    with pytest.raises(NotFiniteError, match="step 1"), freqbias.Recorder(X, Y, tmp_path / "b.nc") as recorder:
        recorder.record(module(), step=0, lr=1.0)
        recorder.record(lambda x: np.nan * x, step=1, lr=1.0)
    with pytest.raises(UsageError, match="nothing was recorded"), freqbias.Recorder(X, Y, tmp_path / "c.nc"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.nc", "b.nc", "d.nc"]
    with pytest.raises(UsageError, match="overwrite=True"):
        freqbias.Recorder(X, Y, tmp_path / "a.nc")
    freqbias.Recorder(X, Y, tmp_path / "a.nc", overwrite=True)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"step": 1, "lr": 1.0}, "give 0 for the first record"),
        ({"step": 0}, "give either lr"),
        ({"step": 0, "lr": -1.0}, "lr = -1.0"),
        ({"step": 0, "optimizer": "adam"}, "optimizer = 'adam'; give a torch optimizer"),
        ({"step": 0, "lr": "a"}, "lr = 'a'"),
        ({"step": 0.5, "lr": 1.0}, "step = 0.5"),
        ({"step": 0, "optimizer": torch.optim.SGD([Y], lr=1.0, weight_decay=0.1)}, "weight_decay"),
        ({"step": 0, "lr": 1.0, "momentum": 1.0}, "momentum = 1.0"),
        ({"step": 0, "lr": 1.0, "model": lambda x: x[1:]}, r"shape \(8, 1\)"),
        ({"step": 0, "lr": 1.0, "optimizer": torch.optim.SGD([Y], lr=1.0)}, "give either lr"),
        (
            {"step": 0, "optimizer": torch.optim.SGD([{"params": [X], "lr": 1.0}, {"params": [Y], "lr": 2.0}])},
            "different rates",
        ),
    ],
)
def test_refused(tmp_path, arguments, message):
    recorder = freqbias.Recorder(X, Y, tmp_path / "a.nc")
    with pytest.raises(InputError, match=message):
        recorder.record(**{"model": module(), **arguments})


def test_steps_increase(tmp_path):
    recorder = freqbias.Recorder(X, Y, tmp_path / "a.nc")
    recorder.record(module(), step=0, lr=1.0)
    with pytest.raises(InputError, match="a step above 0, the last recorded one"):
        recorder.record(module(), step=0, lr=1.0)


@pytest.mark.parametrize(
    "x, y, path, options, message",
    [
        (X, Y[1:], "a.nc", {}, r"\(9, 1\) and y \(8, 1\)"),
        (X, Y, "a.nc", {"loss": "mse"}, 'use "half", "mean" or "sum"'),
        (X, Y, "none/a.nc", {}, "there is no folder"),
        (X, Y, ".", {"overwrite": True}, "is a folder"),
        (X, np.nan * Y, "a.nc", {}, "y has values that are NaN"),
        (X, [["a"]] * 9, "a.nc", {}, "y is not an array of numbers"),
        (np.zeros((4, 4, 2)), np.zeros((4, 4, 3)), "a.nc", {}, "one row for each sample"),
        (np.zeros((9, 4)), Y, "a.nc", {}, "one to three coordinates"),
    ],
)
def test_refused_at_the_start(tmp_path, x, y, path, options, message):
    with pytest.raises(InputError, match=message):
        freqbias.Recorder(x, y, tmp_path / path, **options)
