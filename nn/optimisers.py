"""Momentum, Adam and minibatch descent by torch.optim, each with its definition of time.

momentum  theta <- theta - eta v,  v <- mu v + grad L  (Polyak's heavy ball): step s is at t = s eta / (1 - mu), so that
          its flow for small eta is the gradient flow. A step of h in time has the rate eta = (1 - mu) h.
sgd       theta <- theta - eta grad L_B,  L_B the loss of a batch of samples drawn anew for each step: t = s eta. Its
          mean takes the steps of gradient descent, as long as the network stays close to its start.
adam      Kingma and Ba, arXiv 1412.6980, rate eta: t = s eta counts its steps and is no gradient-flow time, since it
          scales every weight's slope on its own. The equation does not describe it.

On a mode that decays as exp(-lambda t), momentum follows the two-term recursion
y_{s+1} = (1 + mu - (1 - mu) z) y_s - mu y_{s-1},  z = h lambda,  y_1 = (1 - (1 - mu) z) y_0.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from freqbias.nn.runge_kutta import RUNGE_KUTTA, NegativeGradient, largest_within
from freqbias.problem import Training

MOMENTUM = 0.9  # where [training] gives none


class TorchStepper:
    """A torch optimiser of the state as one parameter; its buffers are its memory, which it goes on from."""

    def __init__(self, make: Callable[[torch.Tensor], torch.optim.Optimizer], rate: float) -> None:
        """rate: of the optimiser, over the step in time."""
        self._make, self._rate = make, rate
        self._optimiser: torch.optim.Optimizer | None = None
        self._known: Mapping[str, torch.Tensor] = {}

    def restore(self, memory: Mapping[str, torch.Tensor]) -> None:
        """Go on from what `memory` was."""
        self._known = memory

    def advance(
        self, negative_gradient: NegativeGradient, state: torch.Tensor, h: float, first: torch.Tensor
    ) -> torch.Tensor:
        """The state a step of h in time later; first: minus the gradient there."""
        if self._optimiser is None:
            self._parameter = torch.empty_like(state)
            self._optimiser = self._make(self._parameter)
            if self._known:
                self._optimiser.state[self._parameter] = {name: each.clone() for name, each in self._known.items()}
        self._parameter.copy_(state)
        self._parameter.grad = -first
        self._optimiser.param_groups[0]["lr"] = self._rate * h
        self._optimiser.step()
        return self._parameter.clone()

    def memory(self) -> dict[str, torch.Tensor]:
        """A copy of the buffers; empty before the first step."""
        if self._optimiser is None:
            return dict(self._known)
        buffers = self._optimiser.state[self._parameter].items()
        return {name: value.clone() for name, value in buffers if torch.is_tensor(value)}


@dataclass(frozen=True)
class Momentum:
    """The heavy ball; mu: its momentum."""

    mu: float
    taylor: None = None

    def begin(self) -> TorchStepper:
        return TorchStepper(lambda state: torch.optim.SGD([state], momentum=self.mu, foreach=False), 1 - self.mu)

    def damps(self, z: float) -> bool:
        """Whether no mode with h lambda up to z grows."""
        return (1 - self.mu) * z <= 2 * (1 + self.mu)

    def decay_error(self, z: float) -> float:
        """max over s of |y_s - exp(-s z)|, by the roots of the recursion."""
        steps = np.unique(np.ceil(np.geomspace(1, max(10 / (1 - self.mu), 50 / z), 2000)))
        rate = (1 - self.mu) * z
        plus, minus = np.roots([1, -(1 + self.mu - rate), self.mu]).astype(complex)
        share = (1 - rate - minus) / (plus - minus)
        values = (share * plus**steps + (1 - share) * minus**steps).real
        return float(np.abs(values - np.exp(-steps * z)).max())

    def largest_step(self, tolerance: float) -> float:
        """The z at which `decay_error` is the tolerance."""
        return largest_within(tolerance, self.decay_error, order=1, guess=tolerance * (1 - self.mu))


@dataclass(frozen=True)
class Batches:
    """Descent along the gradients of batches. The step that a tolerance asks for is that of its mean; the noise that a
    batch adds comes on top."""

    taylor: None = None

    def begin(self) -> TorchStepper:
        return TorchStepper(lambda state: torch.optim.SGD([state], foreach=False), 1.0)

    def damps(self, z: float) -> bool:
        return RUNGE_KUTTA["gradient-descent"].damps(z)

    def largest_step(self, tolerance: float) -> float:
        return RUNGE_KUTTA["gradient-descent"].largest_step(tolerance)


@dataclass(frozen=True)
class Adam:
    taylor: None = None

    def begin(self) -> TorchStepper:
        return TorchStepper(lambda state: torch.optim.Adam([state], foreach=False), 1.0)

    def damps(self, z: float) -> bool:
        """Its rate bounds each weight's change: lambda_max says nothing about it."""
        return True

    def largest_step(self, tolerance: float) -> float:
        raise ValueError("adam does not follow the gradient flow: no step keeps a tolerance")


def optimiser(settings: Training) -> Momentum | Batches | Adam:
    """That of the settings, whose integrator is one of torch.optim's."""
    if settings.integrator == "momentum":
        return Momentum(MOMENTUM if settings.momentum is None else settings.momentum)
    return Batches() if settings.integrator == "sgd" else Adam()


def batch_weights(samples: int, batch: int, *, seed: int, step: int) -> np.ndarray:
    """The weights (N,) that make the mean over the samples that of a batch: N / batch on a subset, drawn evenly.

    Seed and step fix the draw, so that nothing of it needs to be kept.
    """
    random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(step,)))
    weights = np.zeros(samples)
    weights[random.choice(samples, batch, replace=False)] = samples / batch
    return weights
