"""Momentum, Adam and minibatch descent by torch.optim, each with its definition of time.

momentum  theta <- theta - eta v,  v <- mu v + grad L  (Polyak's heavy ball). Step s is at t = s eta / (1 - mu), so that
          the limit of small eta is the gradient flow. A step of h in time has the learning rate eta = (1 - mu) h.
sgd       theta <- theta - eta grad L_B,  L_B the loss on a random minibatch, t = s eta. The mean over minibatches takes
          the steps of gradient descent, as long as the network stays close to its start.
adam      Kingma and Ba, arXiv 1412.6980, learning rate eta. t = s eta counts the steps and is no gradient-flow time,
          since Adam rescales the gradient of every weight. The equation does not describe it.

On a mode that decays as exp(-lambda t), momentum follows the two-term recursion
y_{s+1} = (1 + mu - (1 - mu) z) y_s - mu y_{s-1},  z = h lambda,  y_1 = (1 - (1 - mu) z) y_0.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from freqbias.nn.runge_kutta import RUNGE_KUTTA, NegativeGradient, solve_for_step
from freqbias.problem import Training

MOMENTUM = 0.9  # default of [training] momentum


class TorchStepper:
    """A torch optimiser with the state as its one parameter."""

    def __init__(self, make: Callable[[torch.Tensor], torch.optim.Optimizer], rate: float) -> None:
        """make: the optimiser of a parameter. rate: learning rate over step size in time."""
        self._make, self._rate = make, rate
        self._optimiser: torch.optim.Optimizer | None = None
        self._loaded: Mapping[str, torch.Tensor] = {}

    def load_buffers(self, buffers: Mapping[str, torch.Tensor]) -> None:
        """Start with the buffers of an earlier optimiser."""
        self._loaded = buffers

    def advance(
        self, negative_gradient: NegativeGradient, state: torch.Tensor, h: float, first: torch.Tensor
    ) -> torch.Tensor:
        """The state one step of h in time later; first: -grad L at the state."""
        if self._optimiser is None:
            self._parameter = torch.empty_like(state)
            self._optimiser = self._make(self._parameter)
            if self._loaded:
                self._optimiser.state[self._parameter] = {name: each.clone() for name, each in self._loaded.items()}
        self._parameter.copy_(state)
        self._parameter.grad = -first
        self._optimiser.param_groups[0]["lr"] = self._rate * h
        self._optimiser.step()
        return self._parameter.clone()

    def buffers(self) -> dict[str, torch.Tensor]:
        """A copy of the optimiser's buffers. Before the first step, the loaded ones."""
        if self._optimiser is None:
            return dict(self._loaded)
        buffers = self._optimiser.state[self._parameter].items()
        return {name: value.clone() for name, value in buffers if torch.is_tensor(value)}


@dataclass(frozen=True)
class Momentum:
    """Polyak's heavy ball; mu: its momentum."""

    mu: float
    taylor: None = None

    def make_stepper(self) -> TorchStepper:
        return TorchStepper(lambda state: torch.optim.SGD([state], momentum=self.mu, foreach=False), 1 - self.mu)

    def is_stable(self, z: float) -> bool:
        """Whether no mode with h lambda <= z grows: (1 - mu) z <= 2 (1 + mu)."""
        return (1 - self.mu) * z <= 2 * (1 + self.mu)

    def decay_error(self, z: float) -> float:
        """max over s of |y_s - exp(-s z)|, with y_s from the roots r of r^2 = (1 + mu - (1 - mu) z) r - mu."""
        steps = np.unique(np.ceil(np.geomspace(1, max(10 / (1 - self.mu), 50 / z), 2000)))
        rate = (1 - self.mu) * z
        plus, minus = np.roots([1, -(1 + self.mu - rate), self.mu]).astype(complex)
        weight = (1 - rate - minus) / (plus - minus)
        values = (weight * plus**steps + (1 - weight) * minus**steps).real
        return float(np.abs(values - np.exp(-steps * z)).max())

    def largest_step(self, tolerance: float) -> float:
        """The z = h lambda at which `decay_error` equals the tolerance."""
        return solve_for_step(tolerance, self.decay_error, order=1, guess=tolerance * (1 - self.mu))


@dataclass(frozen=True)
class MinibatchDescent:
    """Descent along minibatch gradients. Step size and stability are those of the mean, which is gradient descent; the
    tolerance does not cover the noise of the minibatches."""

    taylor: None = None

    def make_stepper(self) -> TorchStepper:
        return TorchStepper(lambda state: torch.optim.SGD([state], foreach=False), 1.0)

    def is_stable(self, z: float) -> bool:
        return RUNGE_KUTTA["gradient-descent"].is_stable(z)

    def largest_step(self, tolerance: float) -> float:
        return RUNGE_KUTTA["gradient-descent"].largest_step(tolerance)


@dataclass(frozen=True)
class Adam:
    taylor: None = None

    def make_stepper(self) -> TorchStepper:
        return TorchStepper(lambda state: torch.optim.Adam([state], foreach=False), 1.0)

    def is_stable(self, z: float) -> bool:
        """Always true: the learning rate bounds each weight's change, whatever lambda_max is."""
        return True

    def largest_step(self, tolerance: float) -> float:
        raise ValueError("adam does not follow the gradient flow: no step keeps a tolerance")


def make_optimiser(settings: Training) -> Momentum | MinibatchDescent | Adam:
    """The optimiser of [training] integrator, which is "momentum", "sgd" or "adam"."""
    if settings.integrator == "momentum":
        return Momentum(MOMENTUM if settings.momentum is None else settings.momentum)
    return MinibatchDescent() if settings.integrator == "sgd" else Adam()


def batch_weights(samples: int, batch: int, *, seed: int, step: int) -> np.ndarray:
    """The sample weights (N,) that turn the mean over all samples into the mean over a random minibatch.

    N / batch on a uniformly drawn subset, 0 elsewhere. Seed and step determine the draw: checkpoints need not store it.
    """
    random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(step,)))
    weights = np.zeros(samples)
    weights[random.choice(samples, batch, replace=False)] = samples / batch
    return weights
