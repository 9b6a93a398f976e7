"""The choice of a backend: by cost, by name, and refusals."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from freqbias.errors import InputError
from freqbias.nn import choose_backend, make_transforms
from freqbias.numerics import Grid, Scattered
from freqbias.problem import Gaussian, Network, Problem, Samples

CPU, CUDA = torch.device("cpu"), torch.device("cuda:0")
CLOUD = Scattered(np.random.default_rng(0).uniform(size=(4096, 2)))


def of(sites, width, sigma=4.0):
    samples = Samples(sites, np.ones((1, sites.size)))
    return Problem(Gaussian(sigma), samples, Network(width=width, sigma_a=1.0), np.array([0.0, 1.0]))


@pytest.mark.parametrize(
    "sites, width, sigma, fastest",
    [
        (Grid((64, 64), (1.0, 1.0)), 20_000, 4.0, "nufft"),
        (Grid((128, 128), (1.0, 1.0)), 30, 4.0, "separable"),
        (Grid((64,), (1.0,)), 30, 4.0, "dense"),
        (CLOUD, 20_000, 4.0, "nufft"),
        (CLOUD, 4, 4.0, "dense"),
        (CLOUD, 2_000, 4.0, "nufft"),
        (CLOUD, 2_000, 400.0, "dense"),  # high frequencies make the fine grid expensive
    ],
)
def test_auto_takes_the_fastest(sites, width, sigma, fastest):
    """Only cases in which the measured times are far apart."""
    name, sentence = choose_backend(of(sites, width, sigma), "auto", precision="single", device=CPU)
    assert name == fastest
    assert sentence.startswith(f'{fastest}: backend = "auto"')
    assert all(other in sentence for other in ("nufft", "dense"))


@pytest.mark.parametrize(
    "wanted, sites, device, remedy",
    [
        ("nufft", CLOUD, CUDA, 'use device = "cpu"'),
        ("cufinufft", CLOUD, CPU, 'use backend = "nufft" or "auto"'),
        ("cufinufft", CLOUD, CUDA, "pip install cufinufft"),
        ("separable", CLOUD, CPU, 'use backend = "nufft", "dense" or "auto"'),
    ],
)
def test_unusable_backend_is_refused(wanted, sites, device, remedy, monkeypatch):
    monkeypatch.setitem(sys.modules, "cufinufft", None)
    with pytest.raises(InputError, match=rf'\[training\] backend = "{wanted}" .*{remedy}'):
        choose_backend(of(sites, 30), wanted, precision="single", device=device)


@pytest.mark.parametrize("installed", [False, True])
@pytest.mark.parametrize(
    "sites, width, fastest, otherwise",
    [
        (Grid((256, 256), (1.0, 1.0)), 100_000, "cufinufft", "separable"),
        (Grid((4096,), (1.0,)), 100_000, "cufinufft", "dense"),
        (CLOUD, 100_000, "cufinufft", "dense"),
        (CLOUD, 300, "dense", "dense"),
    ],
    ids=["plane", "line", "cloud", "few"],
)
def test_auto_on_a_gpu(sites, width, fastest, otherwise, installed, monkeypatch):
    """Only cases in which the measured times are far apart."""
    monkeypatch.setitem(sys.modules, "cufinufft", SimpleNamespace() if installed else None)
    name, sentence = choose_backend(of(sites, width), "auto", precision="single", device=CUDA)
    assert name == (fastest if installed else otherwise)
    assert ("cufinufft" in sentence) == installed


@pytest.mark.parametrize("backend", ["nufft", "separable", "dense"])
def test_transforms_by_name(backend):
    made = make_transforms(backend, Grid((8, 8), (1.0, 1.0)), "single", CPU)
    assert backend in type(made).__name__.lower()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("bogus", Grid((8,), (1.0,)), "single", CPU), "backend = 'bogus'; use one of cufinufft, nufft"),
        (("dense", Grid((8,), (1.0,)), "quad", CPU), "precision = 'quad'; use one of single, double"),
        (("dense", np.zeros((8, 1)), "single", CPU), "sites"),
        (("separable", Scattered(np.eye(2)), "single", CPU), "needs samples on a grid"),
        (("nufft", Grid((8,), (1.0,)), "single", CUDA), "runs on the CPU, not on cuda"),
        (("cufinufft", Grid((8,), (1.0,)), "single", CPU), "runs on a CUDA GPU, not on cpu"),
    ],
)
def test_transforms_that_do_not_exist(arguments, message):
    with pytest.raises(InputError, match=message):
        make_transforms(*arguments)
