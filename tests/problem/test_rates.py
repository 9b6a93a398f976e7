"""The learning rates of groups of parameters: what is refused, and the laws."""

import pickle

import numpy as np
import pytest

from freqbias.errors import InputError
from freqbias.numerics import Grid, Scattered
from freqbias.problem import Gaussian, Network, Problem, Rates, Samples, Training, build, parse, waves
from tests.problem.run_files import table

XI = np.array([[0.0], [3.0], [9.0]])


def problem_of(rates, sites=None, **network):
    samples = waves(Grid((16,), (1.0,)), [[2.0]])
    samples = samples if sites is None else Samples(sites, np.ones((1, sites.size)))
    kind = Network(**{"width": 2, "sigma_a": 1.5} | network)
    return Problem(Gaussian(4.0), samples, kind, np.array([0.0, 1.0]), rates=rates)


def test_rates_reach_the_problem_from_the_run_file():
    run = parse(table(training={"rates": {"frequencies": 0.0, "output": 2}}))
    assert build(run).rates == run.training.rates == Rates(frequencies=0.0, output=2.0)
    assert build(parse(table())).rates == Rates()


def test_laws_of_two_layers():
    rates = Rates(frequencies=0.3, hidden=5.0, output=2.0)
    rho = Gaussian(4.0).density(XI)
    for diagonal, damping in ((False, 2.0), (True, 2.0 + 5.0 * 1.5**2)):
        laws = problem_of(rates if diagonal else Rates(frequencies=0.3, output=2.0), diagonal=diagonal).laws
        np.testing.assert_allclose(laws.damping.value(XI), damping * rho, rtol=1e-14)
        np.testing.assert_allclose(laws.diffusion.value(XI), 0.3 * 1.5**2 * rho, rtol=1e-14)


def test_deep_laws_are_sums_over_the_groups():
    """The laws are linear in the rates, so the laws of the single groups add up."""
    groups = {"frequencies": 0.3, "hidden": 5.0, "output": 2.0}
    together = problem_of(Rates(**groups), depth=4, activation="relu").laws
    parts = [
        problem_of(Rates(**{**dict.fromkeys(groups, 0.0), name: rate}), depth=4, activation="relu").laws
        for name, rate in groups.items()
    ]
    for law in ("damping", "diffusion"):
        total = sum(getattr(laws, law).value(XI) for laws in parts)
        np.testing.assert_allclose(getattr(together, law).value(XI), total, rtol=1e-6)
    assert together.atom == pytest.approx(sum(laws.atom for laws in parts), rel=1e-12)
    only_frequencies, hidden, output = parts
    assert only_frequencies.damping.maximum == only_frequencies.atom == 0
    assert hidden.diffusion.maximum == output.diffusion.maximum == 0 < hidden.atom
    assert all(laws.numerical for laws in parts)
    assert pickle.loads(pickle.dumps(together)).atom == together.atom  # noqa: S301  (our own bytes)


@pytest.mark.parametrize(
    ("rates", "network", "message"),
    [
        ({"hidden": 0.0}, {}, r"rates = \{ hidden = 0.0 \}: .* has no hidden layer; leave hidden out"),
        ({"biases": 0.0}, {"depth": 3}, r"rates = \{ biases = 0.0 \}: the network has no biases, .*; leave biases out"),
        ({"frequencies": 0.0, "output": 0.0}, {}, "trains nothing; give a group a rate above 0"),
        ({"frequencies": 0.0, "hidden": 0.0, "output": 0.0}, {"depth": 4}, "trains nothing"),
        ({"output": 0.0}, {"depth": 3, "sigma_a": 0.0}, "freezes the output weights, which are 0"),
    ],
)
def test_refused(rates, network, message):
    with pytest.raises(InputError, match=message):
        problem_of(Rates(**rates), **network)


@pytest.mark.parametrize("rate", [-1.0, 1e-13, 1e13, float("nan"), True])
def test_out_of_range(rate):
    with pytest.raises(InputError, match=r"^\[rates\] output = .*; expected 0 or a number from 1e-12 to 1e12"):
        Rates(output=rate)
    with pytest.raises(
        InputError, match=r"^\[training\] rates = \{'output': .*\}; expected a table with 0 or a number"
    ):
        Training(rates={"output": rate})


def test_frozen_frequencies_need_no_centred_positions():
    """K(x, x) then does not grow with the distance from 0."""
    far = Scattered(np.random.default_rng(0).uniform(30, 31, (20, 1)))
    assert "lie far from x = 0" in problem_of(Rates(), far).warnings[0]
    assert problem_of(Rates(frequencies=0.0), far).warnings == []
