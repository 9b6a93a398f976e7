"""The mass norm against integrals known in closed form."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freqbias.compare.spectra import MassNorm
from tests.compare.build import CELL, box_mesh


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(("cells", "degree"), [((5,), 1), ((3,), 6), ((2, 3), 2), ((3, 2), 6), ((1, 2, 2), 3)])
def test_norm_of_monomials_is_exact(cells, degree, flip):
    """integral over [-1.5, 1.5]^d of prod_i xi_i^(2p) = (2 * 1.5^(2p + 1) / (2p + 1))^d."""
    nodes, connectivity = box_mesh(1.5, cells, degree, flip=flip)
    norm = MassNorm(nodes, connectivity, CELL[len(cells)], degree)
    expected = (2 * 1.5 ** (2 * degree + 1) / (2 * degree + 1)) ** (len(cells) / 2)
    assert norm(np.prod(nodes**degree, axis=1)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("flip", [False, True])
@given(limit=st.tuples(st.floats(0.05, 3.0), st.floats(0.05, 3.0)))
@settings(max_examples=25, deadline=None)
def test_box_cuts_straight_cells_exactly(limit, flip):
    """integral of (a + xi_1 + xi_2^2)^2 over |xi_i| <= min(limit_i, 2)."""
    nodes, connectivity = box_mesh(2.0, (3, 4), 2, flip=flip)
    values = 0.7 + nodes[:, 0] + nodes[:, 1] ** 2
    b, c = np.minimum(limit, 2.0)
    mean = 0.7**2 + b**2 / 3 + c**4 / 5 + 2 * 0.7 * c**2 / 3
    norm = MassNorm(nodes, connectivity, "quadrilateral", 2, limit=np.array(limit))
    assert norm(values) ** 2 == pytest.approx(4 * b * c * mean, rel=1e-11)


def test_norm_of_absolute_frequency():
    """|xi| with its kink on a mesh line is in the space: integral over |xi| <= 1.3 of |xi|^2 = 2 * 1.3^3 / 3."""
    nodes, connectivity = box_mesh(2.0, (8,), 3)
    norm = MassNorm(nodes, connectivity, "interval", 3, limit=np.array([1.3]))
    assert norm(np.abs(nodes[:, 0])) ** 2 == pytest.approx(2 * 1.3**3 / 3, rel=1e-12)


def test_norm_on_curved_cells():
    """The map (x, y) -> (x + y/4, y + x^2/10) has determinant 1 - x/20, and isoparametric P2 cells carry it exactly."""

    def warp(nodes):
        x, y = nodes.T
        return np.stack([x + y / 4, y + x**2 / 10], axis=1)

    nodes, connectivity = box_mesh(1.0, (2, 2), 2, warp=warp)
    norm = MassNorm(nodes, connectivity, "quadrilateral", 2)
    # integral over [-1, 1]^2 of 1 - x/20 is 4, and of (x + y/4)^2 (1 - x/20) it is 4/3 + 4/48
    assert norm(np.ones(len(nodes))) ** 2 == pytest.approx(4, rel=1e-12)
    assert norm(nodes[:, 0]) ** 2 == pytest.approx(4 / 3 + 4 / 48, rel=1e-12)


@pytest.mark.parametrize("flip", [False, True])
def test_norm_on_triangles(flip):
    """For both orientations of the cells."""
    nodes, connectivity = box_mesh(1.0, (6, 6), 3, cell_type="triangle", flip=flip)
    assert MassNorm(nodes, connectivity, "triangle", 3)(nodes[:, 0] ** 3) ** 2 == pytest.approx(4 / 7, rel=1e-12)
    cut = MassNorm(nodes, connectivity, "triangle", 3, limit=np.array([0.77, 5.0]))
    assert cut(np.ones(len(nodes))) ** 2 == pytest.approx(4 * 0.77, rel=5e-3)  # cut at quadrature points


def test_norm_of_each_complex_row():
    nodes, connectivity = box_mesh(1.0, (3,), 2)
    values = np.stack([np.ones(len(nodes)), 1j * nodes[:, 0]]).reshape(2, 1, -1)
    np.testing.assert_allclose(MassNorm(nodes, connectivity, "interval", 2)(values), [[np.sqrt(2)], [np.sqrt(2 / 3)]])
