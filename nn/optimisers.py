"""Momentum, Adam and minibatch descent by torch.optim, each with a definition of time.

theta are the parameters, eta is the learning rate, and t is the time after s steps.

momentum  theta <- theta - eta v,  v <- mu v + grad L  (Polyak's heavy ball). t = s eta / (1 - mu), so that the limit of
          small eta is the gradient flow. A step of size h in time has the learning rate eta = (1 - mu) h. Nesterov's
          momentum, theta <- theta - eta (grad L + mu v), has the same limit.
sgd       theta <- theta - eta grad L_B,  L_B the loss on a random minibatch. t = s eta. Minibatches are independent,
          so in the linearised network the mean over all minibatches follows the steps of gradient descent exactly. The
          same holds for momentum.
adam      Kingma and Ba, arXiv 1412.6980. t = s eta is not the time of a gradient flow, because Adam rescales the
          gradient of every weight. The equation does not describe this training. The learning rate of a group of
          parameters multiplies the steps, as those of the parameter groups of torch.optim do.

If the exact flow of a mode is y = exp(-lambda t), momentum gives the values y_s of a two-term recursion. With
z = h lambda and p = (1 - mu) z,

    y_{s+1} = (1 + mu - p) y_s - mu y_{s-1},                 y_1 = (1 - p) y_0               (Polyak),
    y_{s+1} = (1 + mu) (1 - p) y_s - mu (1 - p) y_{s-1},     y_1 = (1 - (1 + mu) p) y_0      (Nesterov).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch.optim.adam import adam
from torch.optim.sgd import sgd

from freqbias.nn.linearised import TOLERANCE, LinearisedPath, LinearisedTraining
from freqbias.nn.runge_kutta import RUNGE_KUTTA, NegativeGradient, Step, solve_for_step
from freqbias.numerics import Schedule, momentum_limit
from freqbias.problem import Training

MOMENTUM = 0.9  # default of [training] momentum


Buffers = dict[str, torch.Tensor]
Update = Callable[[torch.Tensor, torch.Tensor, Buffers, float], None]


class TorchStepper:
    """A torch optimiser. The state of the network is its only parameter.

    The functions of torch.optim are called, and not its classes: the first use of a class imports torch's compiler,
    which takes longer than a whole `freqbias check`.
    """

    def __init__(self, update: Update, rate: float) -> None:
        """update: changes a parameter and the buffers, given the gradient and the learning rate.

        rate: the learning rate divided by the step size in time.
        """
        self._update, self._rate = update, rate
        self._buffers: Buffers = {}

    def load_buffers(self, buffers: Mapping[str, torch.Tensor]) -> None:
        """Set the buffers with which the next step begins, for example those of an earlier optimiser."""
        self._buffers = {name: value.clone() for name, value in buffers.items()}

    def advance(
        self,
        negative_gradient: NegativeGradient,
        state: torch.Tensor,
        h: float,
        first: torch.Tensor,
        *,
        estimate: bool = False,
    ) -> Step:
        """Do one step of size h in time, without an estimate of the local error. first: -grad L at the given state."""
        parameter = state.clone()
        self._update(parameter, -first, self._buffers, self._rate * h)
        return Step(parameter)

    def buffers(self) -> Buffers:
        """Return a copy of the optimiser's buffers."""
        return {name: value.clone() for name, value in self._buffers.items()}


def _descend(momentum: float, *, nesterov: bool = False) -> Update:
    def update(parameter: torch.Tensor, gradient: torch.Tensor, buffers: Buffers, rate: float) -> None:
        velocity = [buffers.get("momentum_buffer")]
        sgd(
            [parameter], [gradient], velocity,
            foreach=False, weight_decay=0.0, momentum=momentum, lr=rate, dampening=0.0, nesterov=nesterov,
            maximize=False,
        )  # fmt: skip
        if velocity[0] is not None:
            buffers["momentum_buffer"] = velocity[0]

    return update


def _adam(parameter: torch.Tensor, gradient: torch.Tensor, buffers: Buffers, rate: float) -> None:
    """Update by Adam with the default parameters of torch.optim.Adam."""
    if not buffers:
        buffers |= {"step": torch.tensor(0.0)} | {
            name: torch.zeros_like(parameter) for name in ("exp_avg", "exp_avg_sq")
        }
    adam(
        [parameter], [gradient], [buffers["exp_avg"]], [buffers["exp_avg_sq"]], [], [buffers["step"]],
        foreach=False, amsgrad=False, beta1=0.9, beta2=0.999, lr=rate, weight_decay=0.0, eps=1e-8, maximize=False,
    )  # fmt: skip


@dataclass(frozen=True)
class Momentum:
    """Polyak's heavy ball, or Nesterov's momentum. mu: the momentum."""

    mu: float
    nesterov: bool = False

    def follow(
        self, training: LinearisedTraining, schedule: Schedule, *, tolerance: float = TOLERANCE
    ) -> LinearisedPath:
        """Return the path of these steps in a linearised training; with minibatches, its mean."""
        return training.follow_momentum(schedule, self.mu, nesterov=self.nesterov, tolerance=tolerance)

    def make_stepper(self) -> TorchStepper:
        return TorchStepper(_descend(self.mu, nesterov=self.nesterov and self.mu > 0), 1 - self.mu)

    def is_stable(self, z: float) -> bool:
        """Return True if no mode with h lambda <= z grows.

        The condition is (1 - mu) z <= 2 (1 + mu), and for Nesterov's momentum (1 - mu) z <= 2 (1 + mu) / (1 + 2 mu).
        """
        return (1 - self.mu) * z <= momentum_limit(self.mu, nesterov=self.nesterov) * (1 + 1e-12)

    def decay_error(self, z: float) -> float:
        """Return the maximum of |y_s - exp(-s z)| over s, by the roots of the two-term recursion of y_s."""
        steps = np.unique(np.ceil(np.geomspace(1, max(10 / (1 - self.mu), 50 / z), 2000)))
        mu, p = self.mu, (1 - self.mu) * z
        total, product, first = 1 + mu - p, mu, 1 - p
        if self.nesterov:
            total, product, first = (1 + mu) * (1 - p), mu * (1 - p), 1 - (1 + mu) * p
        plus, minus = np.roots([1, -total, product]).astype(complex)
        weight = (first - minus) / (plus - minus)
        values = (weight * plus**steps + (1 - weight) * minus**steps).real
        return float(np.abs(values - np.exp(-steps * z)).max())

    def largest_step(self, tolerance: float) -> float:
        """Return the z = h lambda for which `decay_error` equals the tolerance."""
        return solve_for_step(tolerance, self.decay_error, order=1, guess=tolerance * (1 - self.mu))


@dataclass(frozen=True)
class MinibatchDescent:
    """Gradient descent on minibatches.

    Step size and stability are those of the mean over all minibatches, which is gradient descent. The tolerance does
    not include the noise of the minibatches.
    """

    def follow(
        self, training: LinearisedTraining, schedule: Schedule, *, tolerance: float = TOLERANCE
    ) -> LinearisedPath:
        """Return the mean over all minibatches of the path in a linearised training."""
        return RUNGE_KUTTA["gradient-descent"].follow(training, schedule, tolerance=tolerance)

    def make_stepper(self) -> TorchStepper:
        return TorchStepper(_descend(0.0), 1.0)

    def is_stable(self, z: float) -> bool:
        return RUNGE_KUTTA["gradient-descent"].is_stable(z)

    def largest_step(self, tolerance: float) -> float:
        return RUNGE_KUTTA["gradient-descent"].largest_step(tolerance)


@dataclass(frozen=True)
class Adam:
    follow = None  # the steps depend on more than the kernel

    def make_stepper(self) -> TorchStepper:
        return TorchStepper(_adam, 1.0)

    def is_stable(self, z: float) -> bool:
        """Return True, because the learning rate bounds the change of each weight for every lambda_max."""
        return True

    def largest_step(self, tolerance: float) -> float:
        raise ValueError("adam does not follow the gradient flow, so a tolerance determines no step; give a step")


def make_optimiser(settings: Training) -> Momentum | MinibatchDescent | Adam:
    """Return the optimiser for [training] integrator = "momentum", "sgd" or "adam"."""
    if settings.integrator == "momentum":
        return Momentum(MOMENTUM if settings.momentum is None else settings.momentum, settings.nesterov)
    return MinibatchDescent() if settings.integrator == "sgd" else Adam()


def batch_weights(samples: int, batch: int, *, seed: int, step: int) -> np.ndarray:
    """Return sample weights, (N,), for which the mean over all samples is the mean over a random minibatch.

    The weight is N / batch for the samples of the minibatch, which is drawn uniformly, and 0 for other samples. Seed
    and step determine the draw, so checkpoints need not store the draw.
    """
    random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(step,)))
    weights = np.zeros(samples)
    weights[random.choice(samples, batch, replace=False)] = samples / batch
    return weights
