"""Transforms with the sites in parts equal the dense sum, whatever the parts."""

import numpy as np
import pytest

from freqbias.numerics import (
    Grid,
    GridSubset,
    GridTransform,
    Scattered,
    ScatteredTransform,
    SplitTransform,
    SubsetTransform,
    divides_sites,
    make_partial_transform,
    make_transform,
    phase,
    split_transform,
)

RNG = np.random.default_rng(0)
GRID = Grid((7, 6), (1.0, 0.8))
SITES = [
    Grid((33,), (2.0,)), GRID, Grid((6, 5, 4), (1.0, 0.8, 1.2)), Scattered(RNG.uniform(0.2, 1.5, (40, 2))),
    GridSubset(GRID, RNG.permutation(GRID.size)[:20]),
]  # fmt: skip


@pytest.mark.parametrize("sites", SITES, ids=lambda each: f"{type(each).__name__} {each.dimension}-D")
@pytest.mark.parametrize(("threads", "ranks"), [(1, 1), (2, 1), (1, 3), (2, 2), (3, 20)])
def test_parts_add_up(sites, threads, ranks):
    frequencies = RNG.normal(0, 2, (15, sites.dimension))
    dense = phase(frequencies, sites.positions())
    u, c = RNG.normal(size=(2, sites.size)), RNG.normal(size=(2, 15)) + 1j * RNG.normal(size=(2, 15))
    parts = [
        make_partial_transform(sites, frequencies, eps=1e-12, threads=threads, rank=rank, ranks=ranks)
        for rank in range(ranks)
    ]
    forward = sum(part.to_frequencies(u) for part in parts)
    back = [part.to_samples(c) for part in parts]
    np.testing.assert_allclose(forward, u @ dense.T, rtol=0, atol=1e-9 * np.abs(u).sum())
    np.testing.assert_allclose(sum(back), c @ dense.conj(), rtol=0, atol=1e-9 * np.abs(c).sum())
    assert (np.sum([part != 0 for part in back], axis=0) == 1).all(), "each sample belongs to one rank"


def test_what_is_divided(monkeypatch):
    """With few frequencies the sites, else the frequencies; and only what is large."""
    assert divides_sites(Grid((300, 300), (1.0, 1.0)), 5000, 2)
    assert not divides_sites(Grid((300, 300), (1.0, 1.0)), 5000, 1)
    assert not divides_sites(Grid((300, 300), (1.0, 1.0)), 100_000, 2)
    assert not divides_sites(Grid((100, 100), (1.0, 1.0)), 5000, 2)
    monkeypatch.setattr(split_transform, "MIN_CHUNK", 1)
    few, many = RNG.normal(size=(10, 2)), RNG.normal(size=(900, 2))
    grid, scattered, part = SITES[1], SITES[3], SITES[4]
    assert isinstance(make_transform(grid, few, threads=2), SplitTransform)
    assert isinstance(make_transform(part, few, threads=2), SubsetTransform)
    assert isinstance(make_transform(grid, many, threads=2), GridTransform)
    assert isinstance(make_transform(scattered, many, threads=2), ScatteredTransform)
