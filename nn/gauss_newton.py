"""Training by the damped Gauss-Newton method, preconditioned descent that learns all frequencies about equally fast.

A step of size h moves the parameters theta by

    d(theta) = -h R J^T P z / N,    (K P + eps) z = u,    K = J R J^T / N at theta,

which is the minimum over d(theta) of |J d(theta) / h + u|_P^2 / (2 N) + eps |d(theta) / h|^2_{R^-1} / 2. The network
changes by du = -h K P (K P + eps)^-1 u + O(h^2), so a mode with the eigenvalue lambda decays as exp(-t lambda / (lambda
+ eps)) in the time t = s h after s steps. With h = 1 this is the method of Levenberg and Marquardt. For the mean square
it is natural gradient descent with the damped Fisher matrix R^(1/2) J^T J R^(1/2) / N + eps. No matrix is formed: z
lies in the Krylov space of K P and u (`numerics.damped_solve`).
Source: Martens, Journal of Machine Learning Research 21 (2020).
"""

from dataclasses import dataclass

import torch

from freqbias.nn.linearised import TOLERANCE, LinearisedPath, LinearisedTraining
from freqbias.nn.runge_kutta import RUNGE_KUTTA, RungeKutta
from freqbias.nn.trainable import TrainableNetwork
from freqbias.numerics import Schedule, damped_solve

SOLVE_SHARE = 0.1  # of the tolerance of the training, for the errors of all solves


@dataclass(frozen=True)
class GaussNewton:
    """The damped Gauss-Newton method.

    shift: eps. accuracy: of each solve, relative to the norm of u.
    """

    shift: float
    accuracy: float

    def slope(
        self, network: TrainableNetwork, state: torch.Tensor, error: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return -R J^T P z / N at the state of the last call of `network.values`, and -K P z, the slope of u.

        error: u at this state, (C, N). Raises ComputationError if the solve does not reach the accuracy.
        """
        apply, metric = network.kernel_at(state), network.training_loss.metric
        solution = damped_solve(apply, error.cpu().numpy().ravel(), self.accuracy, shift=self.shift, metric=metric)
        z = torch.from_numpy(solution).view(error.shape).to(error)
        return network.scaled_vjp(state, network.residual(z) / -error.shape[1]), self.shift * z - error

    def follow(
        self, training: LinearisedTraining, schedule: Schedule, *, tolerance: float = TOLERANCE
    ) -> LinearisedPath:
        """Return the path of these steps in a linearised training."""
        return training.follow_gauss_newton(schedule, shift=self.shift, tolerance=tolerance)

    def make_stepper(self) -> RungeKutta:
        """Return gradient descent, because theta <- theta + h slope."""
        return RUNGE_KUTTA["gradient-descent"]

    def is_stable(self, z: float) -> bool:
        """Return True: a step below 2 is stable whatever lambda_max, and the settings refuse longer steps."""
        return True

    def largest_step(self, tolerance: float) -> float:
        """Return the step size for which the error of the fastest modes, exp(-t), equals the tolerance."""
        return RUNGE_KUTTA["gradient-descent"].largest_step(tolerance)
