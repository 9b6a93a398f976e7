"""Krylov bases in checkpoints: a stopped command loses no channel that was finished before."""

import logging

import numpy as np
import pytest

from freqbias.errors import StoppedEarly
from freqbias.numerics import Grid
from freqbias.pde import Solver, basis_checkpoint
from freqbias.pde.basis_checkpoint import BasisCheckpoint
from freqbias.pde.protocols import IntegrationHooks
from freqbias.problem import Gaussian, Network, Pde, Problem, Samples
from freqbias.runtime import Store

GRID = Grid((12, 12), (1.0, 1.0))


class Stop:
    """Requests a stop before the given product."""

    def __init__(self, product):
        self.product, self.products = product, 0

    def requested(self, comm):
        self.products += 1
        return self.products > self.product

    def check(self, comm):
        raise StoppedEarly("stopped")


def problem_of(channels):
    values = np.random.default_rng(0).normal(size=(channels, GRID.size))
    return Problem(Gaussian(2.0), Samples(GRID, values), Network(width=2, sigma_a=1.0), np.array([0.0, 10.0, 100.0]))


def states(solver, checkpoint):
    solver.hooks = IntegrationHooks(checkpoint.on_step, checkpoint.saved_basis)
    return np.array([snapshot.state for snapshot in solver.trajectory()])


def test_finished_channels_are_saved(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(basis_checkpoint, "LONG", 0.0)
    caplog.set_level(logging.INFO, logger="freqbias")
    problem, settings = problem_of(3), Pde(tolerance=1e-4)
    whole, stop = Solver(problem, settings), Stop(10**6)
    with Store(tmp_path / "whole").open("pde", keys={}) as stage:
        expected = states(whole, BasisCheckpoint(whole.operator, stage, stop))
        first, second = (len(stage.load_checkpoint(f"krylov-00000{run}")[0]["alpha"]) for run in range(2))
    with Store(tmp_path / "stopped").open("pde", keys={}) as stage:
        solver = Solver(problem, settings)
        with pytest.raises(StoppedEarly):
            states(solver, BasisCheckpoint(solver.operator, stage, Stop(first + second + 3)))
        assert stage.checkpoints() == ["krylov-000000", "krylov-000001", "krylov-000002"]
        resumed, rest = Solver(problem, settings), Stop(10**6)
        found = states(resumed, BasisCheckpoint(resumed.operator, stage, rest))
    np.testing.assert_array_equal(found, expected)
    assert rest.products == stop.products - first - second - 3, "no product is repeated"
    assert f"continuing Lanczos run 2 after {second} products" in caplog.text
