"""The candidates of a design: their scales, networks and random numbers."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from freqbias.compare.design import (
    Candidate,
    DesignResult,
    Prediction,
    Search,
    design,
    design_warnings,
)
from freqbias.compare.design.losses import Losses
from freqbias.compare.design.scales import default_scales
from freqbias.nn import Trace
from freqbias.numerics import Grid, Scattered
from freqbias.problem import (
    Design,
    Laplace,
    Network,
)
from tests.compare.design_problems import SETTINGS, signal


def test_default_scales():
    assert default_scales(Grid((40, 20), (2.0, 2.0))) == (0.25, 7.5)
    points = Scattered(np.stack(np.meshgrid(np.linspace(0, 2, 30), np.linspace(0, 2, 30)), axis=-1).reshape(-1, 2))
    assert default_scales(points) == pytest.approx((0.25, 0.75 * 7.5))


def test_a_single_scale():
    found = design(signal(width=60), SETTINGS.model_copy(update={"scale": [5.0, 5.0001], "widths": [60]}))
    assert {each.candidate.scale for each in found.predictions} == {5.0}


def test_draws_of_a_candidate_are_networks_of_their_own():
    problem = signal()
    one, two = (Candidate("laplace", 4.0, 60, 0.5, draw).problem(problem) for draw in (0, 1))
    assert (one.seed, two.seed) == (0, 1) and one.network.width == 60 and one.network.sigma_a == 0.5
    assert one.density == Laplace(4.0) and one.laws is not problem.laws


def test_hidden_layers_are_as_wide_as_the_first():
    network = Network(width=60, sigma_a=1.0, depth=3)
    narrow = Candidate("gaussian", 4.0, 20, 1.0).problem(replace(signal(), network=network, laws=None))
    assert (narrow.network.width, narrow.network.hidden_width) == (20, 20)
    own = Network(width=60, hidden_width=30, sigma_a=1.0, depth=3)
    kept = Candidate("gaussian", 4.0, 20, 1.0).problem(replace(signal(), network=own, laws=None))
    assert (kept.network.width, kept.network.hidden_width) == (20, 30)


def test_both_sides_of_the_best_scale_are_tried():
    """The loss is steep on the side of the minimum, so the other neighbour is the better one."""

    def evaluate(candidate):
        loss = float(np.interp(candidate.scale, [1.0, 2.0, 2.83, 4.0], [1.1, 1.0, 0.8, 3.0]))
        return [Prediction(candidate, 20.0, loss, 1.0, 20.0)]

    settings = Design(families=["gaussian"], scale=[1.0, 4.0], scales=3, steps=[20], draws=1)
    found = Search(signal(), settings, evaluate).run()
    assert min(found, key=lambda each: each.value).candidate.scale == pytest.approx(2.828, rel=1e-3)
    assert len(found) == 3 + 2 + 1


def test_draws_have_signs_of_their_own(monkeypatch):
    """All scales of a draw share them, and no other random numbers of the run are the same."""
    seeds = {}

    def trace(kernel, *, seed, **options):
        seeds.setdefault(candidate.draw, set()).add(tuple(seed))
        return Trace(kernel, seed=seed, **options)

    monkeypatch.setattr(sys.modules[Losses.__module__], "Trace", trace)
    losses = Losses(replace(signal(width=50), seed=7), Design(criterion="gcv", steps=[5]))
    for draw in (0, 1):
        for scale in (3.0, 6.0):
            candidate = Candidate("gaussian", scale, 50, 1.0, draw)
            losses(candidate)
    assert seeds == {0: {(7, 4, 0)}, 1: {(7, 4, 1)}}


def test_scales_of_another_width_are_not_next_to_the_best():
    predictions = [
        Prediction(Candidate("gaussian", scale, width, 1.0), 20.0, loss, 1.0, 20.0)
        for width, scale, loss in ((60, 1.0, 0.3), (60, 9.0, 0.1), (60, 81.0, 0.3), (80, 8.0, 0.2), (80, 10.0, 0.2))
    ]
    found = DesignResult(signal(), Design(steps=[20]), "held-out", tuple(predictions), {})
    assert "the nearest to the best, 9, differs by a factor of 9" in design_warnings(found)[0]
