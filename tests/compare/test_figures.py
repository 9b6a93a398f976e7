"""Figure 4 and the figure of causes: legible text, scales that fit the values, provenance in the files."""

from contextlib import nullcontext
from dataclasses import replace
from functools import cache
from itertools import combinations

import matplotlib.style
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from freqbias.compare import compare, draw_causes, draw_comparison
from freqbias.compare.style import STYLE, panel_times, save_figure
from freqbias.errors import UsageError
from freqbias.numerics import Scattered, transform
from freqbias.problem import Draws, ErrorHistory, Samples
from tests.compare.build import fabricated, predicted, problem_1d, problem_2d
from tests.compare.legibility import assert_apart, texts
from tests.launch import undrawn


def some_draws(history):
    """The errors of a history, which decay at other rates."""
    factors = np.exp(np.linspace(-0.1, 0.1, 39)[:, None] * history.time)[:, :, None, None]
    error = (factors * history.error).astype(np.float32)
    return Draws(history.time, error, None, np.arange(39), np.zeros(len(history.time)))


def comparison(problem, *, kernels=False, draws=False):
    spectrum, history = fabricated(problem)
    rng = np.random.default_rng(0)
    history = replace(
        history, error=history.error + 0.02 * rng.normal(size=history.error.shape), attributes={"width": 100_000}
    )
    return compare(
        spectrum, history, problem,
        predictions=predicted(history, 1.01, 1.1, 1.2) if kernels else None,
        draws=some_draws(history) if draws else None,
    )  # fmt: skip


KINDS = ["1d", "1d, kernels", "2d, draws", "2d, three channels, kernels, draws"]
UNDRAWN = "2d, draws"  # test_enormous_errors draws such a figure, with longer titles


@cache
def made(kind):
    dimension, *more = kind.split(", ")
    problem = problem_1d() if dimension == "1d" else problem_2d(channels=3 if "three channels" in more else 1)
    record = comparison(problem, kernels="kernels" in more, draws="draws" in more)
    with undrawn() if kind == UNDRAWN else nullcontext():
        return record, draw_comparison(record)


@pytest.fixture(params=KINDS)
def drawn(request):
    return made(request.param)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != UNDRAWN])
def test_text_is_legible(kind):
    _, figure = made(kind)
    assert len(assert_apart(figure)) > 20


def test_scales_follow_what_is_shown(drawn):
    """Each curve panel has a scale of its own. The maps of a time share one, and their difference has another."""
    record, figure = drawn
    shown = panel_times(record.metrics["loss_nn"])
    if record.frequency.shape[1] == 1:
        assert "each panel has a scale of its own" in figure.get_supxlabel()
        for panel in figure.axes:
            largest = max(np.nanmax(line.get_ydata()) for line in panel.lines)
            assert 0.85 < largest / panel.get_ylim()[1] < 1
        return
    rows = 5 if record.predictions else 3
    maps = [panel.collections[0] for panel in figure.axes[: rows * len(shown)]]
    bars = [panel for panel in figure.axes if panel.get_label() == "<colorbar>"]
    assert len(bars) == 2 * len(shown) and "scales of their own" in figure.get_supxlabel()
    columns = np.array(maps).reshape(rows, len(shown)).T
    for column in columns:
        assert len({id(image.norm) for image in column[:-1]}) == 1 and column[-1].norm is not column[0].norm
    assert len({image.norm.vmax for image in columns[:, 0]}) == len(shown)
    for image in maps:
        colours = image.norm(image.get_array())
        assert colours.max() > 0.85 and (colours > 0).mean() > 0.1 and colours.std() > 0.05


@pytest.mark.parametrize("problem", [problem_1d(), problem_2d()], ids=["1d", "2d"])
def test_enormous_errors(problem):
    """The network has learnt a million times more than the equation says."""
    spectrum, history = fabricated(problem)
    history = replace(history, error=history.error * np.where(problem.times > 0, 5.5e-7, 1.0)[:, None, None])
    record = compare(spectrum, history, problem, draws=some_draws(history) if problem.dimension == 2 else None)
    figure = draw_comparison(record)
    titles = [panel.get_title() for panel in figure.axes if panel.get_title()]
    assert titles[-1].endswith(r"error 1.8e6 times $\Vert v_\mathrm{nn} \Vert$")
    assert len(assert_apart(figure)) > 20
    if problem.dimension == 1:
        assert record.metrics["relative_l2_error"][-1] == pytest.approx(1 / 5.5e-7, rel=1e-3)
        far = replace(record, metrics=record.metrics | {"error_over_initial": np.array([0.0, 1.8e6, 1, 1])})
        assert repr(far).endswith("at most 1.8e6 times)")


@pytest.mark.parametrize("problem", [problem_1d(), problem_2d((32, 32))], ids=["1d", "2d"])
def test_axes_contain_the_largest_difference(problem, undrawn):
    """The difference is a wave that is far from the signal and 1 % of its size."""
    spectrum, history = fabricated(problem)
    frequency = 0.9 * problem.grid.nyquist[0]
    wave = np.cos(2 * np.pi * frequency * problem.grid.positions()[:, 0])
    amplitude = 0.01 * np.abs(history.error).max() * (problem.times > 0)
    near = draw_comparison(compare(spectrum, history, problem)).axes[0].get_xlim()[1]
    record = compare(spectrum, replace(history, error=history.error + amplitude[:, None, None] * wave), problem)
    figure = draw_comparison(record)
    assert near < 0.8 * frequency
    panel = figure.axes[0]
    limits = np.array([panel.get_xlim()[1], panel.get_ylim()[1]])[: problem.dimension]
    if problem.dimension == 1:
        limits = limits[:1]
    difference = np.linalg.norm(record.nn - record.pde, axis=1)
    for index in panel_times(record.metrics["loss_nn"])[1:]:
        inside = (np.abs(record.frequency) <= record.limit).all(axis=1)
        largest = np.abs(record.frequency[inside][difference[index, inside].argmax()])
        assert (largest <= limits).all() and largest[0] > near


def test_titles_give_time_and_error(drawn):
    record, figure = drawn
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    shown = panel_times(record.metrics["loss_nn"])
    for title, index in zip(titles, shown, strict=True):
        assert f"{record.time[index]:g}" in title
        assert f"{100 * record.metrics['relative_l2_error'][index]:.2g} %" in title


def test_labels_have_units(drawn):
    record, figure = drawn
    label = figure.get_supxlabel()
    assert ("cycles/m" if record.frequency.shape[1] == 2 else "cycles/unit length") in label and "Nyquist" in label


def test_network_label_has_its_layers():
    problem = problem_1d()
    spectrum, history = fabricated(problem)
    history = replace(history, attributes={"width": 4000, "depth": 3})
    figure = draw_comparison(compare(spectrum, history, problem, predictions=predicted(history, 1.0, 1.0, 1.0)))
    with matplotlib.style.context(STYLE):
        FigureCanvasAgg(figure).figure.draw_without_rendering()
    words = figure.legends[0].get_texts()
    assert "network of 3 layers, width 4,000" in [text.get_text() for text in words]
    assert all(box.x0 > 0 and box.x1 < figure.bbox.x1 for box in [text.get_window_extent() for text in words])
    handles = figure.legends[0].get_window_extent()
    assert handles.x0 >= 0 and handles.x1 <= figure.bbox.x1


def test_curves_pass_through_the_nodes(undrawn):
    record = compare(*fabricated(problem_1d()), problem_1d())
    figure = draw_comparison(record)
    xi, magnitude = figure.axes[0].lines[0].get_data()
    at_nodes = np.interp(record.frequency[:, 0], xi, magnitude)
    np.testing.assert_allclose(at_nodes, np.abs(record.pde[0, 0]), rtol=0, atol=1e-3 * magnitude.max())
    assert 10 < figure.axes[0].get_xlim()[1] < record.limit[0]


def test_provenance_in_figure_files(tmp_path):
    draw_comparison(comparison(problem_1d()), tmp_path / "f.png", tmp_path / "f.pdf")
    with Image.open(tmp_path / "f.png") as image:
        assert image.info["Title"] == "run" and image.info["Software"].startswith("freqbias ")
        assert image.size[0] == pytest.approx(7.1 * 300, abs=1)
        assert image.info["dpi"][0] == pytest.approx(300, abs=0.1)
    assert b"freqbias" in (tmp_path / "f.pdf").read_bytes()


def test_panel_times_follow_the_loss():
    assert panel_times(np.array([1.0, 0.5, 0.1, 0.01, 0.001])) == [0, 2, 3, 4]
    assert panel_times(np.array([1.0, 1.0])) == [0, 1]


def test_zero_error_is_drawn(undrawn):
    problem = problem_1d()
    spectrum, history = fabricated(problem)
    error = history.error.copy()
    error[-1] = 0
    figure = draw_comparison(compare(spectrum, replace(history, error=error), problem))
    titles = [panel.get_title() for panel in figure.axes]
    assert sum(title.endswith("no error left") for title in titles) == 1


def test_lines_break_at_mesh_gaps(undrawn):
    """The mesh of an annulus in one dimension consists of two intervals."""
    problem = problem_1d()
    spectrum, history = fabricated(problem)
    middle = spectrum.frequency[spectrum.cells, 0].mean(axis=1)
    spectrum = replace(spectrum, cells=spectrum.cells[np.abs(middle) > 5.0])
    hole = np.abs(spectrum.frequency[spectrum.cells, 0]).min()
    for line in draw_comparison(compare(spectrum, history, problem)).axes[0].lines:
        xi, v = line.get_data()
        across = np.flatnonzero(np.diff(np.sign(xi[np.isfinite(v)])))
        assert len(across) == 1 and np.isnan(v[np.abs(xi) < hole]).all()
        (gap,) = np.flatnonzero(np.isnan(xi))
        assert xi[gap - 1] == pytest.approx(-hole) and xi[gap + 1] == pytest.approx(hole)


def test_kernel_markers_on_curves(undrawn):
    record = comparison(problem_1d(), kernels=True)
    figure = draw_comparison(record)
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words[2:] == ["kernel at infinite width", "the network's own kernel"]
    pde, _, infinite, own = (line.get_ydata() for line in figure.axes[0].lines)
    shown = np.isfinite(pde)
    np.testing.assert_allclose(infinite[shown], 1.01 / 1.2 * own[shown], rtol=1e-9)  # of the steps, the network's side
    assert all(line.get_linestyle() == "None" and line.get_marker() in "o^" for line in figure.axes[0].lines[2:])


def test_causes_figure(tmp_path):
    record = comparison(problem_1d(times=(0.0, 0.5, 2.5, 70.0)), kernels=True)
    figure = draw_causes(record, tmp_path / "split.png")
    with matplotlib.style.context(STYLE):
        FigureCanvasAgg(figure).figure.draw_without_rendering()
    (panel,) = figure.axes
    assert panel.get_xscale() == panel.get_yscale() == "log"
    for line, name in zip(panel.lines, ["error_over_initial", *record.causes], strict=True):
        np.testing.assert_array_equal(line.get_xydata(), np.stack([record.time, record.metrics[name]], axis=1)[1:])
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["the whole distance", "feature learning", "step size", "finite width", "mesh"]
    assert len({line.get_marker() for line in panel.lines}) == 5  # told apart in grey
    for (one, a), (two, b) in combinations(texts(figure), 2):
        assert not a.overlaps(b), (one, two)
    with pytest.raises(ValueError, match="predictions of the stage ntk"):
        draw_causes(comparison(problem_1d()))


def test_causes_too_small_to_matter():
    """The axis covers three decades. The legend says which causes are below it, here the step size."""
    record = comparison(problem_1d(times=(0.0, 0.5, 2.5, 70.0)), kernels=True)
    largest = max(values[1:].max() for name, values in record.metrics.items() if name in record.causes)
    record = replace(record, metrics=record.metrics | {"step_size": 1e-10 * record.metrics["finite_width"]})
    figure = draw_causes(record)
    (panel,) = figure.axes
    low, high = panel.get_ylim()
    assert 2e-4 * largest < low <= 1e-3 * largest and largest < high < 2 * largest
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["the whole distance", "feature learning", f"step size (below {low:.0e})", "finite width", "mesh"]
    assert_apart(figure)
    falling = np.array([0.0, 0.1, 1e-3, 1e-7])
    for tolerance, contained in ((1e-8, 1e-7), (1e-5, 1e-5)):  # the whole distance is shown down to the tolerance
        whole = replace(
            record,
            metrics=record.metrics | {"error_over_initial": falling},
            attributes=record.attributes | {"tolerance": tolerance},
        )
        low, _ = draw_causes(whole).axes[0].get_ylim()
        assert 0.4 * contained < low <= contained


def test_tall_maps_fit_on_a_page():
    """Two waves at 300 random positions, whose leakage is a tenth of the signal."""
    problem = problem_2d()
    x = np.random.default_rng(0).uniform(-0.5, 0.5, (300, 2))
    values = np.cos(2 * np.pi * 4 * x[:, 1])[None] + np.cos(2 * np.pi * (2 * x[:, 0] + 2 * x[:, 1]))[None]
    problem = replace(problem, samples=Samples(Scattered(x), values))
    decay = np.exp(-problem.times)[:, None, None]
    history = ErrorHistory(problem.times, x, -values * decay, np.mean(values**2) * decay[:, 0, 0] ** 2 / 2)
    spectrum, _ = fabricated(problem_2d())
    spectrum = replace(
        spectrum,
        error=transform(history.error, x, spectrum.frequency),
        sample_error=history.error,
        loss=history.loss,
        attributes={},
    )
    figure = draw_comparison(compare(spectrum, history, problem, predictions=predicted(history, 1.01, 1.1, 1.2)))
    (left, right), (low, high) = figure.axes[0].get_xlim(), figure.axes[0].get_ylim()
    assert 2 < right < 6 and 4 < high < 9 and high > right  # the mesh reaches 12
    assert figure.get_figheight() < 10 and (left, low) == (-right, -high)
    assert_apart(figure)


def test_other_formats_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"a\.svg: figures have the formats \.png and \.pdf"):
        save_figure(Figure(), [tmp_path / "a.svg"], "title")
    assert not list(tmp_path.iterdir())
