"""Energy and rates by band and direction, against integrals in closed form."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.integrate import dblquad
from scipy.special import erf

from freqbias.compare import band_energy, direction_energy, fitted_rate, mean_rate
from freqbias.compare.spectra import amplitude, bands, directions
from tests.compare.build import CELL, box_mesh

# The mean of xi_1^2 / |xi|^2 where |xi_1| is the largest coordinate: over the face of a cube, seen from its middle.
ALONG_3D = dblquad(lambda y, z: (1 + y**2 + z**2) ** -2.5, -1, 1, -1, 1)[0] / (4 * np.pi / 6)


def on_mesh(half_width, cells, degree, **how):
    nodes, connectivity = box_mesh(half_width, cells, degree, **how)
    cell_type = how.get("cell_type") or CELL[len(cells)]
    return SimpleNamespace(frequency=nodes, cells=connectivity, cell_type=cell_type, degree=degree)


def gaussian(mesh, width, amplitudes=(1.0,)):
    """Spectra exp(-|xi|^2 / (2 width^2)), times an amplitude for each channel, (1, C, n)."""
    return np.exp(-np.sum((mesh.frequency / width) ** 2, axis=1) / 2) * np.array(amplitudes)[None, :, None]


def test_bands_cut_intervals_exactly():
    """integral over a <= |xi| < b of exp(-xi^2) = sqrt(pi) (erf(b) - erf(a)), of two channels 3 and 4i times that; to
    the elements' accuracy, with edges anywhere, and no further than the limit."""
    mesh = on_mesh(6.0, (40,), 6)
    edges = np.array([0.33, 1.01, 2.57, 4.9])
    reach = np.minimum(edges, 3.1)
    expected = 25 * np.sqrt(np.pi) * np.diff(erf(reach))
    energy = band_energy(mesh, gaussian(mesh, 1.0, (3.0, 4.0j)), edges, limit=np.array([3.1]))
    np.testing.assert_allclose(energy, [expected], rtol=1e-8)


@pytest.mark.parametrize(
    ("cells", "cell_type", "accuracy"),
    [((48, 40), None, 4e-3), ((40, 40), "triangle", 2e-3), ((12, 12, 12), None, 1e-2)],
)
def test_bands_are_shells_of_the_whole(cells, cell_type, accuracy):
    """2-D: integral of exp(-r^2) over a ring = pi (exp(-a^2) - exp(-b^2)); 3-D: 4 pi times that of r^2 exp(-r^2)."""
    mesh = on_mesh(5.0, cells, 4, cell_type=cell_type)
    edges = np.array([0.0, 0.7, 1.3, 2.0, 20.0])
    if len(cells) == 2:
        cumulated = -np.pi * np.exp(-(edges**2))
    else:
        cumulated = np.pi**1.5 * erf(edges) - 2 * np.pi * edges * np.exp(-(edges**2))
    energy = band_energy(mesh, gaussian(mesh, 1.0), edges)[0]
    np.testing.assert_allclose(energy, np.diff(cumulated), rtol=accuracy)
    assert energy.sum() == pytest.approx(np.pi ** (len(cells) / 2), rel=1e-4)


def test_sectors_of_an_anisotropic_spectrum():
    """|v|^2 = exp(-(xi_1/2)^2 - xi_2^2): the fraction of the energy with |angle to the xi_1 axis| <= a is
    2 arctan(2 tan a) / pi. The four sectors are pi/4 wide."""
    mesh = on_mesh(8.0, (48, 48), 4)
    energy = direction_energy(mesh, gaussian(mesh, np.array([2.0, 1.0])), 4)[0] / (2 * np.pi)
    edges = 2 * np.arctan(2 * np.tan(np.pi / 8 * np.array([1, 3]))) / np.pi
    aside = (edges[1] - edges[0]) / 2
    np.testing.assert_allclose(energy, [edges[0], aside, 1 - edges[1], aside], rtol=2e-3)


@pytest.mark.parametrize(("cells", "along"), [((24, 24), 1 / 2 + 1 / np.pi), ((10, 10, 10), ALONG_3D)])
def test_direction_rate_is_its_mean(cells, along):
    """kappa = 0.1 + cos^2 of the angle to the xi_1 axis: a direction starts with the mean of kappa in it."""
    mesh = on_mesh(5.0, cells, 3)
    size = np.linalg.norm(mesh.frequency, axis=1)
    kappa = 0.1 + np.divide(mesh.frequency[:, 0], size, out=np.ones_like(size), where=size > 0) ** 2
    time = np.linspace(0, 1e-3, 3)
    error = size**2 * gaussian(mesh, 1.0) * np.exp(-kappa * time[:, None, None])
    rate, _ = fitted_rate(time, amplitude(direction_energy(mesh, error, len(cells))), floor=0)
    aside = (1 - along) / (len(cells) - 1)
    np.testing.assert_allclose(rate, 0.1 + np.array([along, aside, aside])[: len(cells)], rtol=1.5e-2)


def test_band_rate_is_half_its_energys():
    mesh = on_mesh(4.0, (30,), 4)
    time = np.array([0.0, 2.0])
    error = gaussian(mesh, 1.0, (1.0, 1.0j)) * np.exp(-0.4 * time)[:, None, None]
    energy = band_energy(mesh, error, np.array([0.0, 1.0, 2.0]))
    np.testing.assert_allclose(energy[1] / energy[0], np.exp(-2 * 0.4 * 2.0), rtol=1e-12)
    np.testing.assert_allclose(mean_rate(time, amplitude(energy), floor=0), 0.4, rtol=1e-12)


def test_bands_and_directions_of_points():
    np.testing.assert_array_equal(
        bands(np.array([[0.5, 0.0], [-0.6, 0.8], [3.0, 0.0], [0.3, 0.4]]), np.array([0.5, 1, 2])), [0, 1, -1, 0]
    )
    angle = np.deg2rad([0, 29, 31, 89, 91, 149, 151, 180, -29, -31, -91])
    sectors = directions(np.stack([np.cos(angle), np.sin(angle)], axis=-1), 3)
    np.testing.assert_array_equal(sectors, [0, 0, 1, 1, 2, 2, 0, 0, 0, 2, 1])
    np.testing.assert_array_equal(directions(np.array([[1, -3, 2], [-2, 1, 1], [0, 0, -1]]), 3), [1, 0, 2])
    for dimension, count in ((1, 2), (2, 1), (3, 4)):
        with pytest.raises(ValueError, match="directions"):
            directions(np.zeros((1, dimension)), count)
