"""Trainings of SIREN: memory, sharding, backends, and the comparison with torch's own modules."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from freqbias import nn
from freqbias.errors import InputError
from freqbias.nn import SirenNetwork, choose_backend
from freqbias.nn.device import torch_threads, training_memory
from freqbias.nn.sharding import Shards
from freqbias.numerics import Grid, Scattered
from freqbias.problem import Network, Octaves, Problem, Samples, siren_density
from tests import oracle
from tests.launch import ROOT, run_code
from tests.peak_memory import memory_taken


def problem_of(samples=40, *, width=16, depth=3, channels=1, **network):
    values = np.random.default_rng(0).normal(size=(channels, samples))
    network = Network(width=width, depth=depth, omega_0=9.0, **network)
    sites = Grid((samples,), (2.0,))
    return Problem(siren_density(9.0, 1), Samples(sites, values), network, np.array([0.0, 1e-4]))


@pytest.mark.parametrize("samples, width, precision", [(20, 900, "double"), (4000, 80, "single")])
def test_memory(samples, width, precision):
    """In a process of its own: where earlier tests have left a heap with gaps, small arrays take pages all over it."""
    shape = f"{samples}, width={width}, depth=4, symmetric=True"
    done = run_code(f"""
        import sys
        sys.path.insert(0, {str(ROOT)!r})
        from freqbias import nn
        from freqbias.problem import Training
        from tests.nn.test_siren import problem_of
        from tests.peak_memory import memory_taken

        settings, problem = Training(integrator="rk4", step=2e-5, precision={precision!r}), problem_of({shape})
        nn.train(problem_of(), settings)  # loads the libraries first
        print(memory_taken(lambda: nn.train(problem, settings)))
    """)
    problem = problem_of(samples, width=width, depth=4, symmetric=True)
    predicted = training_memory(problem, precision=precision, backend="dense")
    assert done.returncode == 0, done.stderr
    assert 0.2 < int(done.stdout) / predicted < 1


@pytest.mark.parametrize("backend", ["nufft", "separable"])
def test_fast_sums_are_refused(backend):
    with pytest.raises(InputError, match=rf'backend = "{backend}" .* omega_0 = 9.0; use backend = "dense" or "auto"'):
        choose_backend(problem_of(), backend, precision="single", device=torch.device("cpu"))


def test_sharding_is_refused():
    shards = Shards()
    shards.comm = SimpleNamespace(size=2)
    with pytest.raises(InputError, match=r"\[network\] omega_0 = 9.0: 2 processes .* SIREN; leave --shard out"):
        nn.plan_training(problem_of(), shards=shards)


@pytest.mark.parametrize("symmetric", [False, True])
def test_start_is_exact(symmetric):
    problem = problem_of(symmetric=symmetric)
    network = SirenNetwork(problem)
    assert network.values(network.start).any() != symmetric


@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("sites", [Grid((20,), (2.0,)), Scattered(np.random.default_rng(1).uniform(-1, 1, (20, 1)))])
def test_kernel_of_octaves_with_the_atom_of_biases(depth, sites):
    """The output bias leaves a constant in the kernel, also where the damping is a sum of few waves."""
    density, network = Octaves(0.5, 3), Network(width=240, depth=depth, omega_0=30.0)
    problem = Problem(density, Samples(sites, np.ones((1, 20))), network, np.array([0.0, 1.0]))
    matrix = oracle.siren_kernel(sites.positions(), oracle.points(density.frequencies(1)), 240, depth - 1, 30.0)
    found = np.array([nn.InfiniteWidthKernel(problem).apply(row[None])[0] for row in np.eye(20)])
    np.testing.assert_allclose(found, matrix, rtol=0, atol=1e-9 * np.abs(matrix).max())


def test_values_elsewhere_take_little_memory(monkeypatch):
    """The derivatives of all layers at a few positions at a time, which are the same."""
    problem, sites = problem_of(depth=8, channels=2), Grid((120_000,), (2.0,))
    network = SirenNetwork(problem, precision="double")
    change = torch.ones_like(network.start)
    work = [
        lambda: network.values_at(network.start, sites),
        lambda: network.jvp_at(network.start, sites, change),
        lambda: network.kernel_diagonal_at(network.start, sites),
    ]
    whole = [each() for each in work]
    monkeypatch.setattr("freqbias.nn.unsharded.CHUNK", 2**20)
    for each, expected in zip(work, whole, strict=True):
        results = []
        assert memory_taken(lambda each=each, results=results: results.append(each())) < 80e6
        np.testing.assert_allclose(results[0], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("width, samples, threads", [(16, 40, 1), (300, 40, 2)])
def test_small_layers_use_one_thread(width, samples, threads):
    with torch_threads(problem_of(samples, width=width), "dense", 2):
        assert torch.get_num_threads() == threads
