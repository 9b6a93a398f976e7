"""Functions that build the loss of a training, and the samples of its operator, as [training] states them."""

import numpy as np

from freqbias.errors import InputError
from freqbias.numerics import OperatorRows, Positions, Sites
from freqbias.problem.density import Density
from freqbias.problem.loss_settings import build_loss
from freqbias.problem.network_laws import network_laws
from freqbias.problem.ntk_loss import NtkBlockSquare
from freqbias.problem.operator_check import check_operator
from freqbias.problem.operator_samples import box_boundary, operator_samples, read_boundary
from freqbias.problem.operator_terms import make_operator
from freqbias.problem.run_file import RunFile
from freqbias.problem.samples import Samples
from freqbias.problem.section import error_prefix
from freqbias.problem.training_loss import (
    MEAN_SQUARE,
    BlockSquare,
    TrainingLoss,
)
from freqbias.problem.training_settings import Training

BOUNDARY_POINTS = 32  # default along each edge of the box of the data


def with_operator(
    training: Training, samples: Samples, held_out: Samples | None = None
) -> tuple[Samples, Samples | None]:
    """Return the samples of the rows of [training] operator with those of the boundary, and the held-out rows."""
    if training.operator is None:
        return samples, held_out
    sites, boundary = samples.sites, None
    with error_prefix("[training] operator: "):
        operator = make_operator(training.operator, sites.dimension)
    if isinstance(training.boundary, str):
        boundary = read_boundary(training.boundary, samples)
    elif training.boundary is not None:
        if training.boundary_points is not None and sites.dimension == 1:
            raise InputError(
                f"[training] boundary_points = {training.boundary_points} has no meaning in one dimension, where the "
                "boundary is the two ends of the data; leave boundary_points out"
            )
        if held_out is not None and sites.lattice is None:  # the box is that of all data
            sites = Positions(np.concatenate([sites.positions(), held_out.sites.positions()]))
        boundary = box_boundary(sites, training.boundary_points or BOUNDARY_POINTS, training.boundary, samples.channels)
    return operator_samples(samples, operator, boundary), held_out and operator_samples(held_out, operator)


def training_loss(run: RunFile, sites: Sites, density: Density, weights: np.ndarray | None) -> TrainingLoss:
    """Return what the training makes small on the samples at these sites.

    density: gives the NTK weights. weights: as for `build_loss`.
    """
    training = run.training
    if isinstance(sites, OperatorRows):
        if sites.boundary is None:
            return MEAN_SQUARE
        check_operator(density, run.network, sites)  # before the weights, which need its kernel
        laws = network_laws(density, run.network, sites.dimension, training.rates)
        weight = training.boundary_weight or 1.0
        return NtkBlockSquare(laws, sites) if weight == "ntk" else BlockSquare(sites.sizes, (1.0, float(weight)))
    return build_loss(training, sites, weights)
