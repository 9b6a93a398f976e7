"""The values of the random initial network on the samples, and the initial error."""

import numpy as np

from freqbias.errors import InputError
from freqbias.numerics import Sites, make_transform
from freqbias.problem.activations import ACTIVATIONS, Activation
from freqbias.problem.deep_weights import DeepWeights, draw_deep
from freqbias.problem.neurons import Neurons, draw
from freqbias.problem.records import Problem
from freqbias.problem.siren_weights import draw_siren, siren_values

CHUNK = 2**23  # numbers in memory for the values of one layer


def network_values(neurons: Neurons, sites: Sites, *, eps: float = 1e-13, threads: int = 1) -> np.ndarray:
    """Return f_c(x_q) = 1/sqrt(m) sum_k [a_ck cos(2 pi w_k.x_q) + b_ck sin(2 pi w_k.x_q)], (C, N).

    This is the real part of 1/sqrt(m) sum_k (a_ck - i b_ck) exp(2 pi i w_k.x_q), which a non-uniform FFT computes.
    eps: the relative accuracy of the FFT.
    """
    transform = make_transform(sites, neurons.frequencies, eps=eps, threads=threads)
    return transform.to_samples(neurons.cosine - 1j * neurons.sine).real / np.sqrt(neurons.width)


def deep_network_values(
    weights: DeepWeights, activation: Activation, positions: np.ndarray, bias: float = 0.0
) -> np.ndarray:
    """Return f (C, N) of the network of `DeepWeights` at positions (N, d) [length], in chunks of positions.

    bias: beta, the standard deviation of the biases.
    """
    count = max(1, CHUNK // max(len(weights.frequencies), *map(len, weights.hidden)))
    chunks = [positions[first : first + count] for first in range(0, len(positions), count)]
    return np.concatenate([_forward(weights, activation, chunk, bias) for chunk in chunks], axis=1)


def _forward(weights: DeepWeights, activation: Activation, positions: np.ndarray, bias: float) -> np.ndarray:
    """x_1 = [cos 2 pi W x, sin 2 pi W x] / sqrt(m),  x_{l+1} = phi(z_l) / sqrt(p(1) n),  f = c x_{L+1},
    z_l = (V_l x_l + beta b_l) / sqrt(1 + beta^2)."""
    angle = 2 * np.pi * weights.frequencies @ positions.T
    x = np.concatenate([np.cos(angle), np.sin(angle)]) / np.sqrt(len(angle))
    for layer, matrix in enumerate(weights.hidden):
        z = matrix @ x
        if weights.biases is not None:
            z = (z + bias * weights.biases[layer, :, None]) / np.sqrt(1 + bias**2)
        x = activation.value(z) / np.sqrt(activation.second_moment * len(matrix))
    return weights.output @ x


def initial_values(problem: Problem) -> np.ndarray:
    """Return the values f (C, N) of the problem's initial network on the training samples."""
    network, density, channels, seed = problem.network, problem.density, problem.samples.channels, problem.seed
    if network.symmetric:
        return np.zeros_like(problem.samples.values)
    if network.omega_0 is not None:
        siren = draw_siren(density, network, dimension=problem.dimension, channels=channels, seed=seed)
        return siren_values(siren, network.omega_0, problem.sites.positions())
    if network.depth > 2:
        assert network.activation is not None  # the settings fill it in
        deep = draw_deep(density, network, dimension=problem.dimension, channels=channels, seed=seed)
        activation, x = ACTIVATIONS[network.activation], problem.sites.positions()
        return deep_network_values(deep, activation, x, network.bias or 0.0)
    neurons = draw(density, network, dimension=problem.dimension, channels=channels, seed=seed)
    return network_values(neurons, problem.sites)


def initial_errors(problem: Problem, initial: str = "auto") -> np.ndarray:
    """Return the initial error u(0) (C, N) on the training samples.

    This is the problem's `initial_error` if it is given, and otherwise f - f*, where f is the drawn initial network.
    initial: the value of [pde] initial. With "target", f = 0.
    Raises InputError if `initial` is the path of a file, but the problem was built without this file.
    """
    if problem.initial_error is not None:
        return problem.initial_error
    if initial == "target":
        return -problem.samples.values
    if initial not in ("auto", "network"):
        raise InputError(
            f"[pde] initial = {initial!r}, but the problem has no initial_error; build the problem from the run file "
            'with freqbias.load, or give Problem(..., initial_error=ErrorHistory.load("FILE.nc").error[0])'
        )
    return initial_values(problem) - problem.samples.values
