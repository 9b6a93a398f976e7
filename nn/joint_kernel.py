"""Products with the kernel of a drawn network, on the training samples and on the held-out samples at once.

One product needs one vjp and one jvp on the union of both, as for `freqbias.nn.ntk.EmpiricalKernel` on the samples
alone. If both lie on one grid, the union costs no more than the samples.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from freqbias.nn.backends import choose_backend
from freqbias.nn.device import on_device
from freqbias.nn.network_choice import make_network
from freqbias.nn.ntk import InfiniteWidthKernel
from freqbias.numerics import Apply, OperatorRows, Scattered, Sites, lattice_indices, subset
from freqbias.problem import MEAN_SQUARE, Problem, Samples, initial_errors
from freqbias.runtime import threads_alone


class JointKernel:
    """J_all R J^T / N for a problem's drawn network at t = 0, where J_all has the rows of all samples.

    start: u(0) on the training samples, (C, N). held_out_start: the same on the held-out samples, (C, N'), where N' = 0
    if there are none. precision: of the transforms. Raises InputError if the memory is not sufficient.
    """

    def __init__(self, problem: Problem, *, device: torch.device | str = "cpu", precision: str = "double") -> None:
        held_out, values, sites = problem.held_out, problem.samples.values, problem.sites
        self._places = np.arange(sites.size)
        if held_out is not None:
            sites, self._places = union(sites, held_out.sites)
            values = np.empty((len(values), sites.size))
            values[:, self._places] = np.concatenate([problem.samples.values, held_out.values], axis=1)
        joint = replace(problem, samples=Samples(sites, values), held_out=None, predict_at=None, loss=MEAN_SQUARE)
        self._problem, self._device = problem, torch.device(device)
        self._size, self._total = problem.sites.size, sites.size
        self._backend, _ = choose_backend(joint, "auto", precision=precision, device=self._device)
        with on_device(problem, self._device, self._backend, threads_alone()):
            network = make_network(joint, self._backend, precision=precision, device=self._device)
            error = (network.values(network.start) - network.target).cpu().numpy()
        self._network = network
        self.start, self.held_out_start = self._parts(error)

    def apply(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return K u on the training samples, (C, N), and on the held-out samples, (C, N'). values: u, (C, N)."""
        state = self._network.start
        with on_device(self._problem, self._device, self._backend, threads_alone()):
            product = self._network.jvp(state, self._pulled(values, state)).cpu().numpy()
        return self._parts(product)

    def _parts(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the values on the training samples and on the held-out samples."""
        ordered = values[:, self._places]
        return ordered[:, : self._size], ordered[:, self._size :]

    def error_after(self, values: np.ndarray) -> np.ndarray:
        """Return u on the training samples, (C, N), after the parameters have moved by R J^T values / N.

        values: (C, N). The network itself is evaluated, not its linearisation.
        """
        state = self._network.start
        with on_device(self._problem, self._device, self._backend, threads_alone()):
            change = self._pulled(values, state)
            error = (self._network.values(state + change) - self._network.target).cpu().numpy()
            self._network.values(state)  # later products are at the start again
        return self._parts(error)[0]

    def feature_learning(self, integral: np.ndarray, error: np.ndarray) -> float:
        """Return |f_1 - f_0|, the root mean square over the training samples, summed over channels.

        f_0 is the linearised network with the error u and the integral w of u over time, both (C, N), and f_1 the
        network with the same parameters.
        """
        change = self.error_after(-integral) - error
        return float(np.sqrt((change**2).sum(axis=0).mean()))

    def kernel_changes(
        self, ends: np.ndarray, middles: np.ndarray, *, callback: Callable[[], None] = lambda: None
    ) -> np.ndarray:
        """Return (K_j - K) (w_j+1 - w_j) on the training samples for each of J steps, (J, C, N).

        The parameters move as an error u drives them, d theta / dt = -R J(theta)^T u / N, by the midpoint rule. K_j is
        the kernel in the middle of a step. ends: w, the integral of u over time, at the ends of the steps,
        (J + 1, C, N). middles: w in the middle of the steps, (J, C, N). callback: called before every step.
        """
        state, changes = self._network.start, np.empty(middles.shape)
        for j, (before, middle, after) in enumerate(zip(ends[:-1], middles, ends[1:], strict=True)):
            callback()
            with on_device(self._problem, self._device, self._backend, threads_alone()):
                self._network.values(state)  # prepares the products at this state
                halfway = state - self._pulled(middle - before, state)
                self._network.values(halfway)
                move = self._pulled(after - before, halfway)
                product = self._network.jvp(halfway, move).cpu().numpy()
                state = state - move
                self._network.values(self._network.start)
            changes[j] = self._parts(product)[0] - self.apply(after - before)[0]
        return changes

    def _pulled(self, values: np.ndarray, state: torch.Tensor) -> torch.Tensor:
        """Return R J^T values / N, with J at a state."""
        padded = np.zeros((len(values), self._total))
        padded[:, self._places[: self._size]] = values / self._size
        return self._network.scaled_vjp(state, torch.from_numpy(padded).to(state.device))


class JointInfiniteKernel:
    """The products of `JointKernel` with the kernel at infinite width. u(0) is that of the drawn network."""

    def __init__(self, problem: Problem) -> None:
        kernel, held_out = InfiniteWidthKernel(problem), problem.held_out
        self.start, self._size = initial_errors(problem), problem.sites.size
        self.held_out_start = self.start[:, :0]
        self._apply: Apply = kernel.apply
        self._places = np.arange(self._size)
        if held_out is not None:
            sites, self._places = union(problem.sites, held_out.sites)
            everywhere = kernel.at(sites)
            self._apply = everywhere.apply
            self.held_out_start = everywhere.start[:, self._places[self._size :]] - held_out.values

    def apply(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return K u on the training samples, (C, N), and on the held-out samples, (C, N'). values: u, (C, N)."""
        product = self._apply(values)[..., self._places]
        return product[..., : self._size], product[..., self._size :]


def union(one: Sites, other: Sites) -> tuple[Sites, np.ndarray]:
    """Return all sites, and the places among them of those of `one` and then of those of `other`.

    For rows of an operator, `other` has no boundary.
    """
    if isinstance(one, OperatorRows) and isinstance(other, OperatorRows):
        interior, places = union(one.interior, other.interior)
        first, second = np.split(places, [one.interior.size])
        boundary = np.arange(interior.size, interior.size + one.size - one.interior.size)
        return OperatorRows(one.operator, interior, one.boundary), np.concatenate([first, boundary, second])
    places = np.arange(one.size + other.size)
    if one.lattice is not None and one.lattice == other.lattice:
        return subset(one.lattice, np.concatenate([lattice_indices(one), lattice_indices(other)])), places
    return Scattered(np.concatenate([one.positions(), other.positions()])), places
