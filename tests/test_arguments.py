"""Wrong arguments of the Python functions: refused by name, with what to give instead, and without a traceback."""

import numpy as np
import pytest

from freqbias import compare, nn, pde
from freqbias.errors import InputError
from freqbias.numerics import Grid, Scattered
from freqbias.problem import (
    Annulus,
    Ball,
    Gaussian,
    Laplace,
    Mixture,
    Network,
    Pde,
    Problem,
    Samples,
    StudentT,
    Table,
    Training,
    Uniform,
    waves,
)
from tests.compare.build import fabricated, problem_1d

PROBLEM = problem_1d()
SAMPLES, NETWORK = PROBLEM.samples, PROBLEM.network


@pytest.mark.parametrize("value", [-10.0, 0.0, np.nan, np.inf, -np.inf, "10", None, True, [10.0], 1j])
@pytest.mark.parametrize(
    ("make", "name"),
    [
        (Gaussian, "Gaussian: sigma"),
        (Laplace, "Laplace: scale"),
        (Uniform, "Uniform: radius"),
        (Ball, "Ball: radius"),
        (lambda x: Annulus(x, 3.0), "Annulus: inner"),
        (lambda x: Annulus(3.0, x), "Annulus: radius"),
        (lambda x: StudentT(x, 3.0), "StudentT: sigma"),
        (lambda x: StudentT(3.0, x), "StudentT: freedom"),
        (lambda x: Mixture((x,), (Ball(1.0),)), "Mixture: a weight"),
        (lambda x: Table(np.ones(3), (x,)), "Table: half_width"),
    ],
)
def test_parameters_of_densities(make, name, value):
    with pytest.raises(InputError) as refused:
        make(value)
    assert str(refused.value).startswith(f"{name} = {value!r}; give ")


@pytest.mark.parametrize("number", [10, 10.0, np.float32(10), np.int64(10)])
def test_numbers_of_any_type(number):
    assert Gaussian(number).maximum(1) == pytest.approx(Gaussian(10.0).maximum(1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Annulus(5.0, 3.0), r"inner = 5.0 is not less than 0.999 radius = 2.997; use a smaller inner radius"),
        (lambda: StudentT(1.0, 0.5), "StudentT: freedom = 0.5; give a number from 1 .* to 100"),
        (
            lambda: Mixture((Ball(1.0),), (1.0,)),
            r"Mixture: a weight = Ball\(radius=1.0\); give positive numbers as weigh",
        ),
        (lambda: Mixture((1.0,), (1.0,)), "Mixture: a part = 1.0 is of type float; give densities as parts"),
        (lambda: Mixture(1.0, Ball(1.0)), "Mixture: weights = 1.0 .* give Mixture"),
        (lambda: Mixture((1.0, 2.0), (Ball(1.0),)), "there are 2 weights and 1 parts; give one weight for each part"),
        (lambda: Mixture((), ()), "there are 0 weights and 0 parts"),
        (lambda: Table(np.ones(3), 1.0), "Table: half_width = 1.0 is of type float; give a tuple"),
        (lambda: waves((64,), [[3.0]]), r"waves: grid = \(64,\) is of type tuple; give a Grid"),
        (lambda: Samples(SAMPLES.values, SAMPLES.sites), "Samples: sites = .*; give Samples"),
        (lambda: Samples(Grid((2,), (1.0,)), [["a", "b"]]), "the values have the type <U1; give real numbers"),
        (lambda: Problem(SAMPLES, Gaussian(1.0), NETWORK, [0, 1]), "Problem: density = Samples"),
        (lambda: Problem(Gaussian(1.0), SAMPLES, 100, [0, 1]), "Problem: network = 100 is of type int; give Problem"),
        (lambda: pde.solve("x"), "solve: problem = 'x' is of type str; give a Problem, for example freqbias.load"),
        (lambda: pde.solve(PROBLEM, Training()), "solve: settings = .* is of type Training; give settings of"),
        (lambda: pde.solve(PROBLEM, mesh=Pde()), "solve: mesh = .* is of type Pde; give settings of"),
        (lambda: nn.train("x"), "train: problem = 'x' is of type str; give a Problem"),
        (lambda: nn.train(PROBLEM, Pde()), "train: settings = .* is of type Pde; give settings of"),
    ],
)
def test_arguments_that_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_swapped_arguments_of_compare():
    spectrum, history = fabricated(PROBLEM, cells=(8,))
    for arguments in ((history, spectrum, PROBLEM), (PROBLEM, spectrum, history), (spectrum, PROBLEM, history)):
        with pytest.raises(
            InputError, match=r"compare: \w+ = .* is of type \w+; give compare\(spectrum, history, prob"
        ):
            compare.compare(*arguments)


def test_long_values_are_cut():
    with pytest.raises(InputError) as refused:
        pde.solve(list(range(10_000)))
    assert len(str(refused.value)) < 300


def test_the_right_arguments_are_accepted():
    network = Network(width=2, sigma_a=1.0)
    Problem(Mixture([1, 2.0], [Ball(1), Gaussian(2)]), SAMPLES, network, [0, 1])
    Problem(Table(np.ones(3), np.array([2.0])), Samples(Scattered(np.eye(3)[:, :1]), np.ones((1, 3))), network, [0, 1])
