"""The networks from their definition, in terms of their drawn parameters, for automatic differentiation by torch."""

import math

import numpy as np
import torch

from freqbias.problem import draw, draw_deep
from tests.nn.test_deep import PHI, SECOND_MOMENT

GROUPS = ["output", "output", "frequencies", "hidden", "hidden"]  # of a, b, w, p, q


def definition(problem):
    """The drawn parameters, the names of their groups, and f(*parameters, x=x), (C, N)."""
    network, channels, size = problem.network, problem.samples.channels, {"dimension": problem.dimension}
    if network.depth == 2:
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
        parts = [weights.frequencies, *weights.hidden, weights.output] * copies
        groups = ["frequencies", *["hidden"] * len(weights.hidden), "output"] * copies
        phi, moment = PHI[network.activation], SECOND_MOMENT[network.activation]

        def one(w, *layers, x):
            angle = 2 * math.pi * w @ x.T
            h = torch.cat([torch.cos(angle), torch.sin(angle)]) / math.sqrt(len(w))
            for layer in layers[:-1]:
                h = phi(layer @ h) / math.sqrt(moment * len(layer))
            return layers[-1] @ h

        def f(*parameters, x):
            each = len(parameters) // copies
            if copies == 1:
                return one(*parameters, x=x)
            return (one(*parameters[:each], x=x) - one(*parameters[each:], x=x)) / math.sqrt(2)

    return [torch.tensor(part) for part in parts], groups, f


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
