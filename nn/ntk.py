"""The neural tangent kernels K of a network: the kernel at infinite width, and that of the drawn network at t = 0.

    du/dt(x) = -mean_j K(x, x_j) u(x_j).

At infinite width  K(x, x') = G(x - x') + 4 pi^2 x.x' H(x - x').  G and H are the Fourier transforms of the damping and
the diffusion (`problem.Laws`). For two layers G = k and H = sigma_a^2 k, with k the transform of the density rho_w. For
a drawn network close to t = 0,  K = J R J^T,  where J is the derivative of the network's values with respect to the
state, and R contains the learning rates of the groups of parameters (`problem.Rates`), 1 by default. Source: Jacot,
Gabriel, Hongler, Neural Tangent Kernel, NeurIPS 2018; arXiv 2405.14957.

Both classes have a method `apply`, (C, N) -> (C, N), which returns mean_j K(x_q, x_j) u(x_j). Their method `at` gives
the same sums at other positions. The kernel of the drawn network couples the channels, because the channels share the
frequencies w.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Protocol

import numpy as np
import torch

from freqbias.nn.backends import choose_backend
from freqbias.nn.convolution import Convolution, convolution
from freqbias.nn.device import on_device
from freqbias.nn.eigenvalue import largest_eigenpair, random_start
from freqbias.nn.network_choice import make_network
from freqbias.nn.sharding import Shards
from freqbias.numerics import Apply, OperatorRows, Sites, spectral_norm
from freqbias.problem import Laws, OperatorConvolution, Problem, initial_values, kernel_diagonal, problem_at
from freqbias.runtime import threads_alone


class Kernel(Protocol):
    def apply(self, values: np.ndarray) -> np.ndarray: ...
    def largest_eigenvalue(self) -> float: ...
    def at(self, sites: Sites) -> "KernelAt": ...


@dataclass(frozen=True, eq=False)
class KernelAt:
    """A kernel between P positions y and the N samples x_j.

    apply: returns mean_j K(y_p, x_j) u(x_j), (..., C, N) -> (..., C, P). diagonal: an upper bound of K(y_p, y_p), (P,),
    the largest over the channels. start: f(y_p) at t = 0, (C, P).
    """

    apply: Apply
    diagonal: np.ndarray
    start: np.ndarray


class InfiniteWidthKernel:
    """Products with the kernel at infinite width, on the samples of a problem.

    A product takes time O(N log N) on grids. For scattered samples, a product uses non-uniform transforms
    (`freqbias.nn.convolution`) or the matrix of the kernel, whichever is cheaper.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem, self._size = problem, problem.sites.size

    @cached_property
    def _sum(self) -> Convolution:
        return _kernel_sum(self._problem.laws, self._problem.sites, self._problem.sites)

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Return mean_j K(x_q, x_j) u(x_j), (..., N) -> (..., N)."""
        return self._sum(values) / self._size

    def at(self, sites: Sites) -> KernelAt:
        """Return the kernel between other sites and the samples."""
        problem, kernel_sum = self._problem, _kernel_sum(self._problem.laws, self._problem.sites, sites)
        return KernelAt(
            lambda values: kernel_sum(values) / self._size,
            kernel_diagonal(problem.laws, sites, problem.span),
            initial_values(problem_at(problem, sites)),
        )

    def largest_eigenvalue(self) -> float:
        """Return an upper estimate of lambda_max, the largest eigenvalue of K P, P that of the training loss."""
        return largest_eigenpair(self.apply, random_start(self._size), metric=self._problem.loss.metric)[0]


@lru_cache(maxsize=1)
def largest_eigenvalue(problem: Problem) -> float:
    """Return an upper estimate of lambda_max, the largest eigenvalue of K P with the kernel at infinite width.

    The result for the last problem is cached, because preparing the kernel for scattered samples may take a minute.
    """
    return InfiniteWidthKernel(problem).largest_eigenvalue()


@lru_cache(maxsize=1)
def gauss_newton_shift(problem: Problem) -> float:
    """Return eps of the damped Gauss-Newton method: `problem.gauss_newton` times the largest eigenvalue of K P.

    K is the kernel at infinite width, so eps does not depend on the draw of the network. Return 0 for gradient descent.
    """
    if problem.gauss_newton is None:
        return 0.0
    kernel = InfiniteWidthKernel(problem)
    return problem.gauss_newton * spectral_norm(kernel.apply, problem.sites.size, metric=problem.loss.metric)


def _kernel_sum(laws: Laws, sites: Sites, targets: Sites) -> Convolution:
    """Return the map of u (..., N) to sum_j K(y_q, x_j) u_j = G * u + 4 pi^2 sum_i y_i (H * (x_i u)), (..., P).

    sites: the samples x_j. targets: y_q.
    """
    if isinstance(sites, OperatorRows):
        return OperatorConvolution(laws, sites, sites, targets, threads=threads_alone())
    plain = convolution(laws.damping, sites, targets=targets, atom=laws.atom)
    moment = convolution(laws.diffusion, sites, targets=targets)
    if plain is None or moment is None:
        matrix = _matrix(laws, sites.positions(), targets.positions())
        return lambda values: values @ matrix
    return partial(_sum, plain, moment, sites.positions().T, targets.positions().T)


def _sum(plain: Convolution, moment: Convolution, x: np.ndarray, y: np.ndarray, values: np.ndarray) -> np.ndarray:
    moments = moment(np.einsum("ij,...j->...ij", x, values))
    return plain(values) + 4 * np.pi**2 * np.einsum("ip,...ip->...p", y, moments)


def _matrix(laws: Laws, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the matrix K(x_j, y_q), (N, P), for positions x (N, d) and y (P, d). For y = x it is symmetric."""
    matrix, symmetric = np.empty((len(x), len(y))), x is y or np.array_equal(x, y)
    for j, x_j in enumerate(x):
        first = j if symmetric else 0
        z = y[first:] - x_j
        moment = 4 * np.pi**2 * (y[first:] @ x_j) * laws.diffusion.transform(z)
        matrix[j, first:] = laws.damping.transform(z) + laws.atom + moment
        if symmetric:
            matrix[j:, j] = matrix[j, j:]
    return matrix


class EmpiricalKernel:
    """Products with the kernel J R J^T of a problem's drawn network at t = 0.

    A product needs two pairs of transforms. For a network with hidden layers, a product uses the matrix J R J^T, or J
    and R J^T, whichever is cheaper. The precision is always double, because a product contains the square of the output
    weights. start: the error u at t = 0, (C, N). Raises InputError if the device has not enough memory.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        device: torch.device | str = "cpu",
        backend: str = "auto",
        shards: Shards | None = None,
    ) -> None:
        shards = shards or Shards()
        self._problem, self._device, self._threads = problem, torch.device(device), shards.threads
        self._backend, _ = choose_backend(problem, backend, precision="double", device=self._device)
        with on_device(problem, self._device, self._backend, shards.threads):
            network = make_network(problem, self._backend, precision="double", device=self._device, shards=shards)
            error = network.values(network.start) - network.target
            self._network, self._kernel = network, network.kernel_at(network.start)
        self.start: np.ndarray = error.cpu().numpy()

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Return J R J^T u / N, (C, N) -> (C, N)."""
        with on_device(self._problem, self._device, self._backend, self._threads):
            return self._kernel(values.ravel()).reshape(values.shape)

    def at(self, sites: Sites) -> KernelAt:
        """Return the kernel between other sites and the samples. A product needs one vjp and one jvp."""
        network, state = self._network, self._network.start

        def push(values: np.ndarray) -> np.ndarray:
            change = network.scaled_vjp(state, torch.from_numpy(values / values.shape[-1]).to(state.device))
            return network.jvp_at(state, sites, change)

        def apply(values: np.ndarray) -> np.ndarray:
            with on_device(self._problem, self._device, self._backend, self._threads):
                rows = values.reshape(-1, *values.shape[-2:])
                pushed = [push(np.ascontiguousarray(row)) for row in rows]
            return np.reshape(pushed, (*values.shape[:-1], sites.size))

        start = np.zeros((len(self.start), sites.size))
        if not self._problem.network.symmetric:
            start = network.values_at(state, sites)
        return KernelAt(apply, network.kernel_diagonal_at(state, sites).max(axis=0), start)

    def largest_eigenvalue(self) -> float:
        """Return an upper estimate of lambda_max, the largest eigenvalue of K P, P that of the training loss."""
        return self.largest_eigenpair()[0]

    def largest_eigenpair(self) -> tuple[float, np.ndarray]:
        """Return an upper estimate of lambda_max, and an approximate eigenvector of this eigenvalue, (C N,)."""
        shape = self.start.shape
        return largest_eigenpair(
            lambda values: self.apply(values.reshape(shape)).ravel(), random_start(self.start.size),
            metric=self._problem.loss.metric,
        )  # fmt: skip
