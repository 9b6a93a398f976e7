"""The networks from their definition, in terms of their drawn parameters, for automatic differentiation by torch."""

import math

import numpy as np
import torch

from freqbias.problem import draw, draw_deep, draw_siren
from tests.nn.test_deep import PHI, SECOND_MOMENT

GROUPS = ["output", "output", "frequencies", "hidden", "hidden"]  # of a, b, w, p, q


def definition(problem):
    """The drawn parameters, the names of their groups, and f(*parameters, x=x), (C, N)."""
    network, channels, size = problem.network, problem.samples.channels, {"dimension": problem.dimension}
    if network.omega_0 is not None:
        weights = draw_siren(problem.density, network, **size, channels=channels, seed=problem.seed)
        copies, layers = 2 if network.symmetric else 1, network.depth - 1
        parts = [weights.first, *weights.hidden, *weights.biases, weights.output, weights.output_bias] * copies
        groups = ["frequencies", *["hidden"] * (layers - 1), *["biases"] * layers, "output", "biases"] * copies

        def siren(*parameters, x):
            y = x.T
            for matrix, bias in zip(parameters[:layers], parameters[layers : 2 * layers], strict=True):
                y = torch.sin(network.omega_0 * (matrix @ y + bias[:, None]))
            return parameters[-2] @ y + parameters[-1][:, None]

        f = of_copies(siren, copies)
    elif network.depth == 2:
        neurons = draw(problem.density, network, **size, channels=channels, seed=problem.seed)
        parts = [neurons.cosine, neurons.sine, neurons.frequencies]
        if network.diagonal:
            parts += [np.ones_like(neurons.cosine[0])] * 2

        def f(a, b, w, *gains, x):
            p, q = gains or (1.0, 1.0)
            angle = 2 * math.pi * w @ x.T
            return ((p * a) @ torch.cos(angle) + (q * b) @ torch.sin(angle)) / math.sqrt(len(w))

        groups = GROUPS[: len(parts)]
    else:
        weights = draw_deep(problem.density, network, **size, channels=channels, seed=problem.seed)
        copies = 2 if network.symmetric else 1
        beta = network.bias or 0.0
        biases = [] if weights.biases is None else list(weights.biases)
        parts = [weights.frequencies, *weights.hidden, weights.output, *biases] * copies
        layers_of_groups = ["hidden"] * len(weights.hidden), ["biases"] * len(biases)
        groups = ["frequencies", *layers_of_groups[0], "output", *layers_of_groups[1]] * copies
        phi, moment = PHI[network.activation], SECOND_MOMENT[network.activation]

        def one(w, *layers, x):
            angle = 2 * math.pi * w @ x.T
            h = torch.cat([torch.cos(angle), torch.sin(angle)]) / math.sqrt(len(w))
            matrices, output, shifts = (
                layers[: network.depth - 2],
                layers[network.depth - 2],
                layers[network.depth - 1 :],
            )
            for index, layer in enumerate(matrices):
                shift = beta * shifts[index][:, None] if shifts else 0.0
                h = phi((layer @ h + shift) / math.sqrt(1 + beta**2)) / math.sqrt(moment * len(layer))
            return output @ h

        f = of_copies(one, copies)

    return [torch.tensor(part) for part in parts], groups, f


def of_copies(one, copies):
    """The network, or the difference of two networks over sqrt(2)."""

    def f(*parameters, x):
        each = len(parameters) // copies
        if copies == 1:
            return one(*parameters, x=x)
        return (one(*parameters[:each], x=x) - one(*parameters[each:], x=x)) / math.sqrt(2)

    return f


def jacobians(problem, *places):
    """f, and df/d(parameters) R^(1/2) at each place, (C P, parameters), with the learning rates R of the problem."""
    parameters, groups, f = definition(problem)
    roots = [math.sqrt(getattr(problem.rates, group)) for group in groups]
    found = []
    for place in places:
        x = torch.tensor(place.positions())
        rows = torch.autograd.functional.jacobian(lambda *each: f(*each, x=x), tuple(parameters))  # noqa: B023
        values = f(*parameters, x=x).numpy()
        parts = [root * row.reshape(values.size, -1) for root, row in zip(roots, rows, strict=True)]
        found.append((values, torch.cat(parts, dim=1).numpy()))
    return found
