"""The choice of the network class: two layers, with or without a diagonal layer between, hidden layers, or SIREN."""

import torch

from freqbias.nn.backends import make_transforms
from freqbias.nn.deep import DeepNetwork
from freqbias.nn.diagonal import DiagonalNetwork
from freqbias.nn.network import FourierNetwork
from freqbias.nn.sharding import Shards
from freqbias.nn.siren import SirenNetwork
from freqbias.nn.trainable import TrainableNetwork
from freqbias.problem import Problem


def make_network(
    problem: Problem,
    backend: str,
    *,
    precision: str,
    device: torch.device | str = "cpu",
    shards: Shards | None = None,
) -> TrainableNetwork:
    """Return the network of a problem, on the problem's samples. backend: a name that `choose_backend` returns."""
    network = _make(problem, backend, precision=precision, device=device, shards=shards or Shards())
    network.training_loss, network.decay = problem.loss, problem.decay
    return network


def _make(
    problem: Problem, backend: str, *, precision: str, device: torch.device | str, shards: Shards
) -> TrainableNetwork:
    if problem.network.omega_0 is not None:
        return SirenNetwork(problem, precision=precision, device=device)
    if problem.network.depth > 2:
        return DeepNetwork(problem, precision=precision, device=device)
    transforms = make_transforms(backend, problem.sites, precision, torch.device(device), threads=shards.threads)
    kind = DiagonalNetwork if problem.network.diagonal else FourierNetwork
    return kind(problem, transforms, device=device, shards=shards)
