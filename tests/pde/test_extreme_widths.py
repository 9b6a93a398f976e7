"""Densities, and parts of mixtures, that are much narrower or wider than the data resolve: right, or refused.

The kernel of a density much narrower than 1/X is (1 + 4 pi^2 sigma_a^2 x.x'), whatever its width. That of a density
much wider than the Nyquist frequency is 0 between different samples.
"""

import logging
import re

import numpy as np
import pytest

from freqbias import pde
from freqbias.errors import InputError
from freqbias.numerics import Grid, Scattered
from freqbias.problem import (
    Annulus,
    Ball,
    Gaussian,
    Laplace,
    Mesh,
    Mixture,
    Network,
    Pde,
    Problem,
    Samples,
    StudentT,
    Table,
    Uniform,
)
from tests import oracle
from tests.pde.against_ntk import KERNELS

GRIDS = {
    1: Grid((40,), (1.0,)),
    2: Grid((12, 10), (1.0, 0.8)),
    3: Grid((5, 4, 5), (1.0, 0.8, 0.9)),
}
RNG = np.random.default_rng(5)
SCATTERED = {d: Scattered(RNG.uniform(-0.5, 0.7, size=(50, d))) for d in (1, 2)}
TOLERANCE = 1e-3
TENT = np.array([1.0, 2, 3, 2, 1])


def problem_of(density, sites, *, end=3.0, **network):
    """A target with a mean, a slope and noise."""
    x = sites.positions()
    values = 1 + x.sum(axis=1) + np.sin(5 * x[:, 0]) + 0.3 * np.random.default_rng(0).normal(size=len(x))
    times = np.array([0, 0.01, 0.1, 0.3, 1.0]) * end
    return Problem(density, Samples(sites, values[None]), Network(width=2, sigma_a=1.0, **network), times)


def check(problem, settings=None, mesh=None):
    """Compare v at the nodes, and u on the samples, with the exact NTK at all times."""
    spectrum = pde.solve(problem, settings or Pde(tolerance=TOLERANCE), mesh=mesh)
    x, network = problem.sites.positions(), problem.network
    k = KERNELS[type(problem.density)](problem.density)
    activation = network.activation if network.depth > 2 else None
    kernel = oracle.deep_kernel(x, k, network.sigma_a, activation or "relu", network.depth)
    u = oracle.flow(kernel, -problem.samples.values, problem.times)
    v = oracle.spectrum(u, x, spectrum.frequency)
    for computed, exact in ((spectrum.error, v), (spectrum.sample_error, u)):
        errors = np.linalg.norm(computed - exact, axis=(1, 2)) / np.linalg.norm(exact[0])
        assert errors.max() <= TOLERANCE
    assert np.linalg.norm(u[-1]) < 0.5 * np.linalg.norm(u[0])  # something was learnt
    return spectrum


@pytest.mark.parametrize("sigma", [1e-14, 1e-9, 1e-7, 1e-5, 1e-3, 1e-2])
@pytest.mark.parametrize("kind", [Gaussian, Uniform])
def test_narrow_densities(kind, sigma):
    check(problem_of(kind(sigma), GRIDS[1]))


@pytest.mark.parametrize("width", [1e-13, 1e-6])
@pytest.mark.parametrize("dimension", [1, 2])
@pytest.mark.parametrize(
    "kind",
    [
        Laplace,
        lambda s: StudentT(s, 1.0),
        lambda s: StudentT(s, 3.0),
        lambda s: Annulus(s / 2, s),
        lambda s: Mixture((1.0, 3.0), (Gaussian(s), Uniform(s))),
    ],
    ids=["laplace", "cauchy", "student-t", "annulus", "mixture"],
)
def test_narrow_densities_of_all_kinds(kind, dimension, width):
    check(problem_of(kind(width), GRIDS[dimension]))


@pytest.mark.parametrize(
    "density, dimension, degree",
    [
        (Table(TENT, (1e-9,)), 1, 6),
        (Ball(1e-9), 2, 6),
        (Table(np.outer(TENT, TENT), (1e-9, 2e-9)), 2, 6),
        pytest.param(Gaussian(1e-11), 3, 2, marks=pytest.mark.slow),
    ],
    ids=["table", "ball", "table in a plane", "volume"],
)
def test_narrow_densities_of_one_dimension(density, dimension, degree):
    check(problem_of(density, GRIDS[dimension]), Pde(tolerance=TOLERANCE, degree=degree))


@pytest.mark.parametrize("sigma", [1e-12, 1e-3])
@pytest.mark.parametrize("dimension", [1, 2])
def test_narrow_densities_on_scattered_samples(dimension, sigma):
    check(problem_of(Gaussian(sigma), SCATTERED[dimension]))
    check(problem_of(Gaussian(sigma), SCATTERED[dimension], end=1000.0))


@pytest.mark.parametrize("depth, activation", [(3, "relu"), (3, "sine"), (4, "tanh")])
@pytest.mark.parametrize("sigma", [1e-12, 1e-3])
def test_narrow_densities_of_deeper_networks(sigma, depth, activation):
    check(problem_of(Gaussian(sigma), GRIDS[1], depth=depth, hidden_width=2, activation=activation))


@pytest.mark.parametrize("end", [3.0, 300.0])
@pytest.mark.parametrize(
    "density, sites",
    [
        (Mixture((weight, 1.0), (kind(sigma), wide)), sites)
        for kind, weight, sigma in ((Gaussian, 0.1, 0.02), (Gaussian, 1e-2, 1e-3), (Uniform, 1.0, 1e-9))
        for wide, sites in ((Gaussian(4.0), GRIDS[1]), (Uniform(5.1), GRIDS[1]), (Gaussian(4.0), SCATTERED[1]))
    ]
    + [(Mixture((1.0, 3.0), (Gaussian(1e-9), Ball(2.0))), GRIDS[2])],
    ids=str,
)  # fmt: skip
def test_mixtures_with_a_narrow_part(density, sites, end):
    check(problem_of(density, sites, end=end))


def test_narrow_parts_of_three_widths():
    density = Mixture((0.1, 0.1, 1.0), (Gaussian(1e-2), Gaussian(0.3), Gaussian(10.0)))
    check(problem_of(density, GRIDS[1], end=300.0))


@pytest.mark.parametrize("end, announced", [(300.0, False), (1e8, True)])
def test_a_flow_too_long_for_the_mesh_is_announced(end, announced, caplog):
    """In modes that the kernel does not reach, even small errors of K_h add up. Smaller cells help, as advised."""
    problem = problem_of(Gaussian(1e-9), GRIDS[2], end=end)
    with caplog.at_level(logging.WARNING, "freqbias"):
        spectrum = pde.solve(problem)
    assert ("[density] is narrow, and by t = 1e+08" in caplog.text) is announced
    assert bool(spectrum.attributes["floor"] > 1e-3) is announced
    if announced:
        size = float(re.search(r"use \[mesh\] size = (\S+)", caplog.text)[1])
        assert pde.solve(problem, mesh=Mesh(size=size)).attributes["floor"] < spectrum.attributes["floor"] / 10


def test_keys_that_exclude_a_narrow_density(tmp_path):
    problem = problem_of(Mixture((1.0, 1.0), (Gaussian(1e-9), Gaussian(2.0))), GRIDS[1])
    for mesh, message in (
        (Mesh(half_width=0.5), r"\[mesh\] half_width = 0.5: .* half-width of only 3.03e-09.*; leave half_width out"),
        (Mesh(path=str(tmp_path / "own.vtu")), r"\[mesh\] path = .* half-width of only 3.03e-09.*; leave path out"),
    ):
        with pytest.raises(InputError, match=message):
            pde.solve(problem, mesh=mesh)
    check(problem_of(Gaussian(1e-9), GRIDS[1]), mesh=Mesh(half_width=3.0))


@pytest.mark.parametrize(
    "density",
    [Gaussian(1e-9), Uniform(0.2), Mixture((1.0, 9.0), (Gaussian(1e-3), Gaussian(4.0)))],
    ids=["narrow", "narrower than 1/extent", "mixture"],
)
def test_local_operator_refuses_narrow_densities(density):
    message = (
        r'operator = "local": \[density\] has a part with a half-width of only .* 1/extent = 1.*use operator = "data"'
    )
    with pytest.raises(InputError, match=message):
        pde.solve(problem_of(density, GRIDS[1]), Pde(operator="local"))


@pytest.mark.parametrize("sigma", [1e4, 1e10])
@pytest.mark.parametrize(
    "kind",
    [
        Gaussian,
        Uniform,
        Laplace,
        lambda s: StudentT(s, 1.0),
        lambda s: Annulus(s / 2, s),
        lambda s: Mixture((1.0, 1.0), (Gaussian(1.0), Gaussian(s))),
        lambda s: Mixture((1.0, 1e-2), (Uniform(1.0), Laplace(s))),
    ],
    ids=["gaussian", "uniform", "laplace", "cauchy", "annulus", "mixture", "light part"],
)
def test_wide_densities(kind, sigma):
    check(problem_of(kind(sigma), GRIDS[1], end=300.0))


@pytest.mark.parametrize(
    "density", [Gaussian(1e7), Mixture((1.0, 1e-2), (Gaussian(1.0), Gaussian(1e8)))], ids=["alone", "part"]
)
def test_wide_densities_on_scattered_samples_are_refused(density):
    with pytest.raises(InputError, match=r"needs about .* of memory"):
        pde.solve(problem_of(density, SCATTERED[1], end=300.0))
