"""The module of a training: the weights in its flat state, and what they are."""

import numpy as np
import torch

from freqbias.nn.kept_network import KeptNetwork, make_module
from freqbias.nn.network import StateLayout
from freqbias.nn.network_description import NetworkDescription, convention
from freqbias.nn.training_plan import TrainingPlan
from freqbias.nn.weight_layout import WeightLayout
from freqbias.problem import Problem
from freqbias.runtime import version_of


def trained_module(plan: TrainingPlan, state: np.ndarray, time: float) -> KeptNetwork:
    """Return the network of a training. state: that of all neurons at this time (`TrainableNetwork.gather`)."""
    problem, settings = plan.problem, plan.settings
    shift = problem.samples.normalisation
    lower, upper = _box(problem)
    values = shift.restore(problem.samples.values)
    description = NetworkDescription(
        network=problem.network,
        dimension=problem.dimension,
        channels=problem.samples.channels,
        value_mean=[*shift.value_mean],
        value_scale=[*shift.value_scale],
        position_shift=[*shift.position_shift],
        box_lower=lower.tolist(),
        box_upper=upper.tolist(),
        value_lower=values.min(axis=1).tolist(),
        value_upper=values.max(axis=1).tolist(),
        unit=problem.unit,
        time=float(time),
        convention=convention(problem.network),
        provenance={
            "name": problem.name,
            "seed": problem.seed,
            "density": repr(problem.density),
            "samples": problem.sites.size,
            "integrator": settings.integrator,
            "precision": settings.precision,
            "freqbias": version_of("freqbias"),
            "torch": torch.__version__,
        },
    )
    return make_module(description, _weights(problem, torch.from_numpy(state)))


def _weights(problem: Problem, state: torch.Tensor) -> dict[str, torch.Tensor]:
    network = problem.network
    if not network.fourier_sum:
        return WeightLayout.of(problem).by_name(state)
    layout = StateLayout(network.width, problem.samples.channels, problem.dimension)
    amplitudes, frequencies = layout.split(state[: layout.size])
    weights = {
        "frequencies": frequencies.T.contiguous(),
        "cosine": amplitudes.real.contiguous(),
        "sine": -amplitudes.imag.contiguous(),
    }
    if network.diagonal:
        weights["gains"] = state[layout.size :].view(-1, 2).T.contiguous()
    return weights


def _box(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners of the box of the samples, as the user has them: that of the grid, or the smallest."""
    shift, lattice = np.array(problem.samples.normalisation.position_shift), problem.sites.lattice
    if lattice is not None:
        half = np.array(lattice.extent) / 2
        return shift - half, shift + half
    x = problem.sites.positions()
    return shift + x.min(axis=0), shift + x.max(axis=0)
