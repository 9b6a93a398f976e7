"""`freqbias view`: its stage, fields equal to those of the results, and a script for ParaView.

tests/compare/test_view.py runs these tests in a process of their own.
"""

import ast
import os
import shutil
import subprocess
from dataclasses import replace
from functools import cache
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
import pyvista
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image
from scipy.spatial import KDTree

from freqbias.compare import draw_view, load_view
from freqbias.compare.stages import run_view
from freqbias.compare.view.paraview import paraview_script
from freqbias.compare.view.record import spectrum_fields
from freqbias.compare.view.view_figure import LABELS
from freqbias.errors import UsageError
from freqbias.pde import write_fields
from tests.compare.legibility import texts
from tests.compare.view_results import DECAY, TIMES, result

pytestmark = pytest.mark.usefixtures("small_images")


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """A function of the dimension: a result folder with its view, and the figure in view.png. Made at first use."""

    @cache
    def made(dimension):
        root, figures = tmp_path_factory.mktemp("shown"), []
        store, problem, spectrum, comparison = result(root, dimension)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("freqbias.compare.view.scene.PIXELS", 160)
            patch.setattr("freqbias.compare.view.view_movie.FRAME_DPI", 50)
            patch.setattr(
                "freqbias.compare.view.draw_view", lambda view, *paths: figures.append(draw_view(view, *paths))
            )
            run_view(root)
        (figure,) = figures
        FigureCanvasAgg(figure)
        figure.set_dpi(300)  # as it was drawn
        return SimpleNamespace(
            root=root, store=store, problem=problem, spectrum=spectrum, comparison=comparison, figure=figure
        )

    return made


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
def test_fields_equal_results(dimension, shown):
    made = shown(dimension)
    problem, spectrum, comparison, folder = made.problem, made.spectrum, made.comparison, made.root / "view"
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
    assert made.store.manifest("view")["keys"]["sources"].keys() == {"pde", "compare"}


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_text_is_legible(dimension, shown):
    figure = shown(dimension).figure
    found = texts(figure)
    assert {*LABELS.values()} <= {line for text, _ in found for line in text.get_text().splitlines()}
    assert "cycles/mm" in figure.get_supxlabel()
    for text, box in found:
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, text
    for (one, a), (two, b) in combinations(found, 2):
        assert not a.overlaps(b), (one, two)


def test_result_without_network(tmp_path, undrawn):
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


def test_view_is_kept_until_overwritten(tmp_path, undrawn):
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


def test_outlier_rate_does_not_set_scale(shown, tmp_path):
    view = load_view(shown(2).root)
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
def test_undefined_rates_have_no_panel(dimension, shown, tmp_path):
    view = load_view(shown(dimension).root)
    static = {**view.static, "kappa_pde": np.full(len(view.frequency), np.nan)}
    text = paraview_script(replace(view, static=static), tmp_path)
    assert "nan" not in text and "'kappa_nn'" in text and "'kappa_pde'" not in text
    static["kappa_nn"] = static["kappa_pde"]
    assert "mean learning rate" not in paraview_script(replace(view, static=static), tmp_path)


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
