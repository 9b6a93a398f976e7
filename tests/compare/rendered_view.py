"""`freqbias view`: fields equal to those of the results, pictures, and a script for ParaView.

tests/compare/test_view.py starts these tests in a process of their own.
"""

import ast
import os
import shutil
import subprocess
from dataclasses import replace
from itertools import combinations
from types import SimpleNamespace

import matplotlib.style
import numpy as np
import pytest
import pyvista
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image
from scipy.spatial import KDTree

from freqbias.compare import Comparison, draw_view, load_view
from freqbias.compare.spectra import lagrange_element
from freqbias.compare.stages import run_view
from freqbias.compare.style import STYLE
from freqbias.compare.view.linear_cells import SUBDIVISIONS, LinearCells
from freqbias.compare.view.paraview import paraview_script
from freqbias.compare.view.record import spectrum_fields
from freqbias.compare.view.scene import Plane, Planes, peak
from freqbias.compare.view.view_figure import LABELS, axis_limits, magnitude_range
from freqbias.errors import UsageError
from freqbias.numerics import Grid, transform
from freqbias.pde import write_fields
from freqbias.problem import Gaussian, Network, Problem, Spectrum, waves
from freqbias.runtime import Store
from tests.compare.build import CELL, box_mesh
from tests.compare.test_figures import texts
from tests.launch import run_all

WAVES = {1: [[3.0]], 2: [[1.0, 2.5]], 3: [[1.0, 2.0, -1.0]]}
TIMES = np.array([0.0, 1.0, 3.0])
DECAY = {"pde": 0.3, "nn": 0.5}


@pytest.fixture(autouse=True)
def small_images(monkeypatch):
    monkeypatch.setattr("freqbias.compare.view.scene.PIXELS", 160)


def solved(dimension: int, degree: int = 2) -> tuple[Problem, Spectrum, Comparison]:
    """A problem, its v = -F[f*] exp(-0.3 t), and the comparison with exp(-0.5 t)."""
    grid = Grid((10,) * dimension, (1.0,) * dimension)
    problem = Problem(Gaussian(2.0), waves(grid, WAVES[dimension], window=0.2), Network(width=10, sigma_a=1.0), TIMES)
    nodes, cells = box_mesh(5.0, (8,) * dimension, degree)
    v = transform(-problem.samples.values, grid.positions(), nodes)
    pde, nn = (v * np.exp(-rate * TIMES)[:, None, None] for rate in DECAY.values())
    facts = {"name": "test", "unit": "mm", "points": np.array(grid.shape), "extent": np.array(grid.extent)}
    facts["tolerance"] = 1e-4
    spectrum = Spectrum(TIMES, nodes, pde, cells, CELL[dimension], degree, facts)
    comparison = Comparison(TIMES, nodes, pde, nn, cells, CELL[dimension], degree, grid.nyquist, {})
    return problem, spectrum, comparison


def result(root, dimension: int, *, compared: bool = True) -> tuple[Store, Problem, Spectrum, Comparison]:
    """A result folder with the stage pde and, if `compared`, compare finished."""
    problem, spectrum, comparison = solved(dimension)
    store, xi = Store(root), spectrum.frequency
    laws = {name: getattr(problem.laws, name).value(xi) for name in ("damping", "diffusion")}
    with store.open("pde", keys={}) as stage:
        with stage.writing("spectrum.nc") as path:
            spectrum.save(path)
        with stage.writing("fields.pvd") as path:
            fields = laws | {"rho_w": problem.density.density(xi)}
            write_fields(path.parent, TIMES[:1], xi, spectrum.cells, spectrum.cell_type, fields)
        stage.finish()
    if compared:
        with store.open("compare", keys={}) as stage:
            with stage.writing("spectra.nc") as path:
                comparison.save(path)
            stage.finish(sources={"pde": store.manifest("pde")["files"]["spectrum.nc"]["sha256"]})
    return store, problem, spectrum, comparison


def nodes_among(points, nodes) -> np.ndarray:
    """Indices of the nodes (n, d) among the points."""
    distance, number = KDTree(points[:, : nodes.shape[1]]).query(nodes)
    assert distance.max() < 1e-6
    return np.asarray(number)


def read(path) -> list[pyvista.UnstructuredGrid]:
    """The grids of a .pvd file, one per time."""
    reader = pyvista.get_reader(path)
    grids = []
    for t in reader.time_values:
        reader.set_active_time_value(t)
        grids.append(reader.read()[0])
    return grids


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_fields_equal_results(dimension, tmp_path):
    store, problem, spectrum, comparison = result(tmp_path, dimension)
    run_view(tmp_path)
    folder = tmp_path / "view"
    assert pyvista.get_reader(folder / "spectra.pvd").time_values == TIMES.tolist()
    for grid, pde, nn in zip(read(folder / "spectra.pvd"), comparison.pde[:, 0], comparison.nn[:, 0], strict=True):
        node = nodes_among(grid.points, spectrum.frequency)
        for name, v in (("pde", pde), ("nn", nn)):
            np.testing.assert_allclose((grid[f"{name}_real"] + 1j * grid[f"{name}_imaginary"])[node], v, atol=1e-15)
            np.testing.assert_allclose(grid[f"{name}_magnitude"][node], np.abs(v), atol=1e-15)
        np.testing.assert_allclose(grid["difference_magnitude"][node], np.abs(nn - pde), atol=1e-15)
    (laws,) = read(folder / "laws.pvd")
    np.testing.assert_allclose(laws["rho_w"][node], problem.density.density(spectrum.frequency), atol=1e-15)
    np.testing.assert_allclose(laws["diffusion"][node], problem.laws.diffusion.value(spectrum.frequency), atol=1e-15)
    start = read(folder / "spectra.pvd")[0]["pde_magnitude"]
    shown = start >= 0.01 * np.abs(spectrum.error[0]).max()  # the floor of kappa.csv
    for name, rate in DECAY.items():
        np.testing.assert_allclose(laws[f"kappa_{name}"][shown], rate)
        assert np.isnan(laws[f"kappa_{name}"][~shown]).all() and 0 < shown.sum() < shown.size
    units = dict(line.split(": ") for line in laws.field_data["units"])
    assert units["coordinates"] == "cycles/mm" and units["kappa_pde"] == "1/time"
    assert units["rho_w"] == {1: "mm", 2: "mm^2", 3: "mm^3"}[dimension]
    assert units["diffusion"] == {1: "1/mm/time", 2: "1/time", 3: "mm/time"}[dimension]
    with Image.open(folder / "view.png") as image:
        assert image.info["Title"] == "test" and image.info["Software"].startswith("freqbias ")
    with Image.open(folder / "view.gif") as movie:
        assert movie.n_frames == len(TIMES) and b"freqbias" in movie.info["comment"]
    compile((folder / "open_in_paraview.py").read_text(), "script", "exec")
    assert store.manifest("view")["keys"]["sources"].keys() == {"pde", "compare"}


def test_result_without_network(tmp_path):
    _, _, spectrum, _ = result(tmp_path, 2, compared=False)
    view = load_view(tmp_path)
    assert view.spectra.keys() == {"pde"} and view.static.keys() == {"damping", "diffusion", "rho_w", "kappa_pde"}
    np.testing.assert_allclose(view.magnitudes["pde"], np.abs(spectrum.error[:, 0]), rtol=1e-14)
    np.testing.assert_array_equal([*view.limit, view.tolerance, view.leakage], [5.0, 5.0, 1e-4, 0.0])
    run_view(tmp_path)
    script = (tmp_path / "view" / "open_in_paraview.py").read_text()
    assert "pde_magnitude" in script and "nn_magnitude" not in script


def test_invalid_folders_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"absent does not exist.*out/NAME"):
        run_view(tmp_path / "absent")
    (tmp_path / "run.toml").write_text("")
    with pytest.raises(UsageError, match=r"run.toml is a file.*out/NAME"):
        run_view(tmp_path / "run.toml")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"no pde result.*freqbias pde"):
        run_view(tmp_path / "empty")
    store, *_ = result(tmp_path / "other", 1, compared=False)
    with store.open("compare", keys={}) as stage:
        (stage.folder / "spectra.nc").write_bytes(b"of another")
        stage.finish(sources={"pde": "0" * 64})
    with pytest.raises(UsageError, match=r"another pde result.*freqbias compare RUN.toml --overwrite"):
        run_view(tmp_path / "other")
    assert not list(tmp_path.glob("*/view*"))


def test_view_is_kept_until_overwritten(tmp_path):
    store, _, spectrum, _ = result(tmp_path, 1, compared=False)
    run_view(tmp_path)
    before = (tmp_path / "view" / "manifest.json").stat().st_mtime_ns
    with pytest.raises(UsageError, match=r"--resume.*--overwrite"):
        run_view(tmp_path)
    run_view(tmp_path, resume=True)
    assert (tmp_path / "view" / "manifest.json").stat().st_mtime_ns == before
    shutil.rmtree(tmp_path / "pde")
    with store.open("pde", keys={}) as stage:
        replace(spectrum, error=2 * spectrum.error).save(stage.folder / "spectrum.nc")
        fields = dict.fromkeys(("damping", "diffusion", "rho_w"), np.ones(len(spectrum.frequency)))
        write_fields(stage.folder, TIMES[:1], spectrum.frequency, spectrum.cells, spectrum.cell_type, fields)
        stage.finish()
    with pytest.raises(UsageError, match=r"sources\.pde.*--overwrite"):
        run_view(tmp_path, resume=True)
    run_view(tmp_path, overwrite=True)
    (grid, *_) = read(tmp_path / "view" / "spectra.pvd")
    node = nodes_among(grid.points, spectrum.frequency)
    np.testing.assert_allclose(grid["pde_magnitude"][node], 2 * np.abs(spectrum.error[0, 0]), atol=1e-15)


def test_fields_of_several_channels():
    v = np.array([[3.0, 1j], [4j, 0.0]])
    fields = spectrum_fields({"pde": v, "nn": 2 * v, "difference": v})
    np.testing.assert_allclose(fields["pde_magnitude"], [5.0, 1.0])
    np.testing.assert_allclose(fields["nn_imaginary_1"], [8.0, 0.0])
    np.testing.assert_allclose(fields["pde_real_0"], [3.0, 0.0])
    assert len(fields) == 3 + 8


def test_gap_in_mesh_is_drawn(tmp_path):
    result(tmp_path, 1, compared=False)
    whole = load_view(tmp_path)
    hole = np.abs(whole.frequency[whole.cells, 0]).max(axis=1) < 1.5
    figure = draw_view(replace(whole, cells=whole.cells[~hole]))
    for panel in figure.axes:
        xi, magnitude = panel.lines[0].get_data()
        (gap,) = np.flatnonzero(np.isnan(magnitude))
        np.testing.assert_allclose(xi[[gap - 1, gap + 1]], [-1.25, 1.25])


def test_outlier_rate_does_not_set_scale(tmp_path):
    result(tmp_path, 2)
    view = load_view(tmp_path)
    rates = {name: view.static[name].copy() for name in ("kappa_pde", "kappa_nn")}
    rates["kappa_nn"][view.magnitudes["pde"][0].argmax()] = 1e3
    text = paraview_script(replace(view, static={**view.static, **rates}), tmp_path)
    (settings,) = (
        line.value for line in ast.parse(text).body if isinstance(line, ast.AnnAssign) and line.target.id == "SETTINGS"
    )
    ranges = {
        name: panel["range"] for row in ast.literal_eval(settings)["rows"] for panel in row for name in panel["fields"]
    }
    assert ranges["kappa_pde"] == ranges["kappa_nn"] == pytest.approx([0.0, DECAY["nn"]])
    assert ranges["damping"] == pytest.approx([0.0, view.static["damping"].max()])


@pytest.mark.parametrize("dimension", [1, 2])
def test_undefined_rates_have_no_panel(dimension, tmp_path):
    result(tmp_path, dimension)
    view = load_view(tmp_path)
    static = {**view.static, "kappa_pde": np.full(len(view.frequency), np.nan)}
    text = paraview_script(replace(view, static=static), tmp_path)
    assert "nan" not in text and "'kappa_nn'" in text and "'kappa_pde'" not in text
    static["kappa_nn"] = static["kappa_pde"]
    assert "mean learning rate" not in paraview_script(replace(view, static=static), tmp_path)


def test_view_under_mpirun(tmp_path):
    result(tmp_path / "out", 1)
    done, again = run_all([["view", tmp_path / "out"]] * 2, tmp_path, ranks=2)
    assert done.returncode == 0 and done.stderr.count("wrote") == 1, done.stderr
    assert again.returncode == 2 and again.stderr.count("--overwrite") == 1, again.stderr
    assert not list((tmp_path / "out").glob("*.partial")) and (tmp_path / "out" / "view" / "view.gif").exists()


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


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_text_is_legible(dimension, tmp_path):
    result(tmp_path, dimension)
    with matplotlib.style.context(STYLE):
        figure = draw_view(load_view(tmp_path), tmp_path / "view.pdf")
        FigureCanvasAgg(figure).draw()
    found = texts(figure)
    assert {*LABELS.values()} <= {line for text, _ in found for line in text.get_text().splitlines()}
    assert "cycles/mm" in figure.get_supxlabel()
    for text, box in found:
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, text
    for (one, a), (two, b) in combinations(found, 2):
        assert not a.overlaps(b), (one, two)


XVFB = ["xvfb-run", "-a", "-s", "-screen 0 1920x1080x24"]


@pytest.mark.skipif(
    not shutil.which("pvpython") or not (shutil.which("xvfb-run") or os.environ.get("DISPLAY")),
    reason="needs ParaView's pvpython, and a display or xvfb-run",
)
@pytest.mark.parametrize("dimension", [1, 2])
def test_paraview_opens_view(dimension, tmp_path):
    """After the folder is moved, every view still shows coloured pixels."""
    result(tmp_path / "out", dimension)
    run_view(tmp_path / "out")
    (tmp_path / "out").rename(tmp_path / "moved")
    done = subprocess.run(
        [*([] if os.environ.get("DISPLAY") else XVFB), "pvpython", "moved/view/open_in_paraview.py", "picture.png"],
        cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False,
        env={"PATH": "/usr/bin:/bin", **{key: os.environ[key] for key in ("DISPLAY",) if key in os.environ}},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "picture.png") as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    counts = (2, 3) if dimension == 1 else (3, 4)
    for row, count in zip(np.array_split(pixels, 2), counts, strict=True):
        for panel in np.array_split(row, count, axis=1):
            assert (np.ptp(panel, axis=2) > 40).mean() > (0.001 if dimension == 1 else 0.02)
