"""The pictures of `freqbias view`: position and colour, gaps, the cells that they show.

tests/compare/test_view.py runs these tests in a process of their own.
"""

from dataclasses import replace
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest

from freqbias.compare import draw_view, load_view
from freqbias.compare.spectra import lagrange_element
from freqbias.compare.view.linear_cells import SUBDIVISIONS, LinearCells
from freqbias.compare.view.scene import Plane, Planes, peak
from freqbias.compare.view.view_figure import axis_limits, magnitude_range
from tests.compare.view_results import result

pytestmark = pytest.mark.usefixtures("small_images")


def test_gap_in_mesh_is_drawn(tmp_path, undrawn):
    result(tmp_path, 1, compared=False)
    whole = load_view(tmp_path)
    hole = np.abs(whole.frequency[whole.cells, 0]).max(axis=1) < 1.5
    figure = draw_view(replace(whole, cells=whole.cells[~hole]))
    for panel in figure.axes:
        xi, magnitude = panel.lines[0].get_data()
        (gap,) = np.flatnonzero(np.isnan(magnitude))
        np.testing.assert_allclose(xi[[gap - 1, gap + 1]], [-1.25, 1.25])


@pytest.mark.parametrize("dimension", [2, 3])
def test_position_and_colour_of_images(dimension, tmp_path):
    """The brightest pixels are where the largest |v(0)| lies on the page; mirrored or rotated axes would move them."""
    result(tmp_path, dimension)
    view = load_view(tmp_path)
    scene = (Plane if dimension == 2 else Planes)(view, axis_limits(view), magnitude_range(view))
    image = scene.image("pde", 0).astype(float)
    colours = matplotlib.colormaps["viridis"](np.linspace(0, 1, 256))[:, :3] * 255
    value = np.abs(image[:, :, None] - colours).sum(axis=3).argmin(axis=2)
    value[np.ptp(image, axis=2) < 30] = 0  # white and grey
    rows, columns = np.nonzero(value >= value.max() - 1)
    left, right, bottom, top = scene.extent
    x = left + (columns + 0.5) / image.shape[1] * (right - left)
    y = top - (rows + 0.5) / image.shape[0] * (top - bottom)
    found, expected = np.column_stack([x, y]), scene.to_page(np.array([peak(view), -peak(view)]))
    distance = np.linalg.norm(found[:, None] - expected, axis=2).min(axis=1)
    assert distance.max() < 0.12 * (right - left)
    assert value.max() >= 250
    scene.close()


@pytest.mark.parametrize("cell_type", ["interval", "triangle", "quadrilateral", "tetrahedron", "hexahedron"])
@pytest.mark.parametrize("degree", [1, 2, 5])
def test_linear_cells(cell_type, degree):
    nodes = np.asarray(lagrange_element(cell_type, degree).points)
    view = SimpleNamespace(
        frequency=nodes, cells=np.arange(len(nodes))[None], cell_type=cell_type, degree=degree, dimension=nodes.shape[1]
    )
    cells = LinearCells(view)
    assert np.unique(cells.cells).size == len(cells.frequency)
    assert len(np.unique(np.round(cells.frequency[:, 0], 9))) == SUBDIVISIONS[view.dimension] * degree + 1
    np.testing.assert_allclose(
        cells.evaluate(nodes.sum(axis=1) ** degree), cells.frequency.sum(axis=1) ** degree, atol=1e-12
    )
    sizes = cells.grid().compute_cell_sizes()
    size = np.abs(sizes[{1: "Length", 2: "Area", 3: "Volume"}[nodes.shape[1]]])
    whole = {"triangle": 1 / 2, "tetrahedron": 1 / 6}.get(cell_type, 1.0)
    assert size.min() > 0 and size.sum() == pytest.approx(whole)
