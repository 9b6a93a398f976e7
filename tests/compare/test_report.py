"""`freqbias report`: what the page contains, and how it behaves in a real browser."""

import base64
import gzip
import json
import re
import shutil
from functools import cache
from html.parser import HTMLParser
from itertools import product

import numpy as np
import pytest

from freqbias.compare.report.blobs import Blobs
from freqbias.compare.report.report import write_report
from freqbias.compare.report.sweep_report import PALETTE, sweep_page
from freqbias.compare.sweep import RunRecord
from freqbias.errors import UsageError
from freqbias.problem import open_netcdf
from tests.compare.sweeps import RUN, metrics, sweep_in

pytestmark = pytest.mark.xdist_group("sweeps")  # one worker, for the sweep that these files share

CHROMIUM = shutil.which("chromium")
LONGEST = 6_000_000  # bytes of a report


@pytest.fixture(scope="module")
def sweep(finished_sweep):
    """A finished sweep in 1-D, with its report and that of one run."""
    folder, _ = finished_sweep
    write_report([folder.root])
    write_report([folder.runs / folder.ids[0]])
    return folder


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    """The report of a run in 2-D with 64 x 64 points, half of them held out."""
    text = RUN.replace("dimension = 1", "dimension = 2\nheld_out = 0.5").replace("[[3.0]]", "[[3.0, 1.0]]")
    text = text.replace("points = 32", "points = 64").replace("times = [1.0, 4.0]", "end = 4.0\noutputs = 20")
    folder = sweep_in(tmp_path_factory.mktemp("plane") / "out", [], text=text, stages=["pde", "nn", "compare"])
    (run,) = folder.runs.iterdir()
    return write_report([run])


def content(path):
    """The data of a report, and its arrays by identifier."""
    text = path.read_text("utf-8")
    scripts = dict(re.findall(r'<script type="application/octet-stream" id="([\w-]+)">([^<]*)</script>', text))
    unpacked = {name: gzip.decompress(base64.b64decode(packed)) for name, packed in scripts.items()}
    assert b"Plotly" in unpacked.pop("library")
    return json.loads(unpacked.pop("content")), unpacked


def values(arrays, field):
    """The values of an array, decoded as the format says."""
    raw = np.frombuffer(arrays[field["id"]], np.uint8).astype(int)
    levels = raw[: raw.size // 2] + 256 * raw[raw.size // 2 :]
    found = np.where(levels == 65535, np.nan, field["low"] + levels * field["scale"]).reshape(field["shape"])
    return 10.0**found if field["log"] else found


@pytest.mark.parametrize("log", [False, True])
def test_arrays_keep_their_values_to_16_bits(log):
    given = np.exp(np.random.default_rng(0).normal(size=(3, 5, 7)))
    given[1, 2, 3] = np.nan
    blobs = Blobs()
    field = blobs.add(given, log=log)
    arrays = {name: gzip.decompress(base64.b64decode(text)) for name, text in blobs.texts.items()}
    found = values(arrays, field)
    assert np.isnan(found[1, 2, 3]) and np.isnan(found).sum() == 1
    np.testing.assert_allclose(found, given, rtol=1e-4 if log else 0, atol=0 if log else 1e-5 * np.nanmax(given))


def test_arrays_of_one_value_and_of_none():
    for given in (np.full((2, 3), 4.0), np.zeros((2, 3)), np.full((2, 3), np.nan)):
        blobs = Blobs()
        for log in (False, True):
            field = blobs.add(given, log=log)
            arrays = {name: gzip.decompress(base64.b64decode(text)) for name, text in blobs.texts.items()}
            np.testing.assert_allclose(values(arrays, field), given, atol=1e-7)


def test_the_report_has_the_numbers_of_the_run(sweep):
    run = sweep.runs / sweep.ids[0]
    page, arrays = content(run / "report.html")
    expected = metrics(run)
    found = dict(zip(page["metrics"]["names"], page["metrics"]["columns"], strict=True))
    for name, column in expected.items():
        np.testing.assert_array_equal(np.array(found[name], dtype=float), column, err_msg=name)
    assert page["runFile"] == (run / "run.toml").read_text()
    for stage in page["stages"]:
        manifest = json.loads((run / stage["stage"] / "manifest.json").read_text())
        assert stage["files"] == {name: file["sha256"] for name, file in manifest["files"].items()}
    (spectrum,) = [figure for figure in page["figures"] if figure["id"] == "spectrum"]
    with open_netcdf(run / "compare" / "spectra.nc") as data:
        xi, pde = data["frequency"].values[:, 0], np.abs(data["pde_real"].values + 1j * data["pde_imag"].values)[:, 0]
    (series,) = [each for each in spectrum["series"] if each["name"] == "finite elements"]
    nodes = [int(np.flatnonzero(xi == each)[0]) for each in spectrum["x"]]
    np.testing.assert_allclose(values(arrays, series["field"]), pde[:, nodes], rtol=2e-4, atol=1e-8 * pde.max())


def test_the_report_of_a_sweep_has_a_row_for_each_run(sweep):
    page, _ = content(sweep.root / "report.html")
    assert len(page["runs"]) == 4 and page["columns"][:2] == ["seed", "density.sigma"]
    for row in page["runs"]:
        loss = metrics(sweep.runs / row["folder"].rpartition("/")[2])["loss_nn"]
        cells = dict(zip(page["columns"], row["cells"], strict=True))
        assert cells["at the end"] == loss[-1] and cells["lowest"] == loss.min()
        assert [curve["y"] for curve in row["curves"] if curve["name"] == "training"] == [loss.tolist()]
    ends = [row["cells"][page["columns"].index("at the end")] for row in page["runs"]]
    assert ends == sorted(ends)


def test_lines_have_the_order_of_their_keys_and_commands_are_those_that_were_typed(tmp_path):
    records = []
    for width, sigma in product((1000, 200), (8, 4)):
        name = f"{width}-{sigma}"
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.toml").write_text(name)
        keys = {"network.width": width, "density.sigma": sigma}
        commands = [f"freqbias sweep my.toml density.sigma={sigma}", "a_script.py"]
        loss = np.array([1.0, sigma / width])
        records.append(RunRecord(name, keys, np.arange(2.0), {"loss_nn": loss}, commands=commands))
    path = tmp_path / "report.html"
    folders = {record.name: tmp_path / record.name for record in records}
    path.write_text(sweep_page(records, folders, name="all", out=path))
    page, _ = content(path)
    assert page["repeat"] == [f"freqbias sweep my.toml density.sigma={sigma}" for sigma in (8, 4)]
    names = {figure["title"]: [line["name"] for line in figure["series"]] for figure in page["figures"]}
    assert sorted(names.values()) == [["sigma=4", "sigma=8"], ["width=200", "width=1000"]]
    for figure in page["figures"]:
        assert [line["colour"] for line in figure["series"]] == list(PALETTE[:2])
        assert all(line["x"] == sorted(line["x"]) for line in figure["series"])


class Links(HTMLParser):
    """Collects what a page would load."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        self.found += [value for name, value in attributes if name in ("src", "href", "srcset", "data", "action")]


def test_the_page_loads_nothing_and_is_small(sweep, plane):
    for path in (sweep.root / "report.html", sweep.runs / sweep.ids[0] / "report.html", plane):
        links = Links()
        links.feed(path.read_text("utf-8"))
        assert not links.found and path.stat().st_size < LONGEST
        assert "url(" not in path.read_text("utf-8").replace(" ", "").split("<scripttype")[0]


def test_folders_without_results_are_refused(tmp_path, sweep):
    with pytest.raises(UsageError, match=r"holds no run.toml"):
        write_report([tmp_path])
    with pytest.raises(UsageError, match="no such folder"):
        write_report([tmp_path / "a", tmp_path / "b"], tmp_path / "c.html")
    with pytest.raises(UsageError, match="--out is missing"):
        write_report([sweep.root, sweep.root])
    damaged = tmp_path / "damaged"
    shutil.copytree(sweep.runs / sweep.ids[0], damaged)
    with (damaged / "compare" / "metrics.csv").open("a") as file:
        file.write("1,2,3\n")
    with pytest.raises(UsageError, match=r"metrics.csv has changed since it was written"):
        write_report([damaged])
    assert (damaged / "report.html").read_bytes() == (sweep.runs / sweep.ids[0] / "report.html").read_bytes()


@pytest.fixture(scope="module")
def open_page(sweep, plane):
    """A function of "run", "sweep" or "plane": the page of this report, and what it has printed or asked for.

    A page takes seconds to load. So each is loaded once, the first two in the dark, and a test finds a page as the
    tests before have left it.
    """
    if CHROMIUM is None:
        pytest.skip("needs Debian's chromium: apt install chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    paths = {"run": sweep.runs / sweep.ids[0] / "report.html", "sweep": sweep.root / "report.html", "plane": plane}

    @cache
    def opened(name):
        said = []
        page = chromium.new_page(color_scheme="light" if name == "plane" else "dark")
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on(
            "request",
            lambda request: (
                said.append(request.url) if not request.url.startswith(("file:", "blob:", "data:")) else None
            ),
        )
        page.goto(paths[name].resolve().as_uri())
        page.wait_for_selector("main[aria-busy=false]")
        return page, said

    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        chromium.close()


@pytest.fixture
def opened(open_page):
    """A function of the name that returns the page. At the end, the pages must have printed no warnings or errors."""
    used = []

    def page_of(name):
        page, said = open_page(name)
        used.append(said)
        return page

    yield page_of
    assert not any(used)


def test_the_slider_moves_numbers_and_curves(opened, sweep):
    run = sweep.runs / sweep.ids[0]
    page = opened("run")
    expected = metrics(run)
    drawn = "document.getElementById('plot-spectrum').data.map(each => each.y.slice(0, 40))"
    before = page.evaluate(drawn)
    for index in (0, 2):
        page.focus("#time")
        for _ in range(index):
            page.keyboard.press("ArrowRight")
        assert page.text_content("#now") == f"t = {expected['time'][index]:g}"
        for name, column in expected.items():
            assert float(page.text_content(f"#metric-{name}")) == column[index], name
    page.wait_for_function(f"JSON.stringify({drawn}) !== {json.dumps(json.dumps(before, separators=(',', ':')))}")


def test_log_and_linear_and_dark(opened):
    page = opened("run")
    scale = "document.getElementById('plot-loss').layout.yaxis.type"
    assert page.evaluate(scale) == "log"
    page.click("section:has(#plot-loss) button")
    page.wait_for_function(f"{scale} === 'linear'")
    background = "document.getElementById('plot-loss').layout.paper_bgcolor"
    assert page.get_attribute("html", "data-theme") == "dark" and page.evaluate(background) == "#14171a"
    page.click("#theme")
    page.wait_for_function(f"{background} === '#ffffff'")


def test_maps_show_the_chosen_line_at_any_width(opened):
    page = opened("plane")
    picture, profile = (f"document.querySelector('#plot-spectrum').children[{part}]" for part in (0, 1))
    for width, line in ((390, 10), (800, 60), (1400, 10)):
        page.set_viewport_size({"width": width, "height": 900})
        page.eval_on_selector("#cut-spectrum", f"e => {{ e.value = {line}; e.dispatchEvent(new Event('input')); }}")
        page.wait_for_function(
            "[...document.querySelectorAll('.js-plotly-plot')].every(e => e._fullLayout.width === e.clientWidth) && "
            f"({picture}.layout.xaxis.domain[1] === 0.9) === {json.dumps(width < 620)} && "  # one map below another
            f"JSON.stringify({profile}.data[0].y) === JSON.stringify({picture}.data[0].customdata[{line}])"
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= width + 1
        assert page.evaluate("document.querySelector('#plot-learned').children[0].data.length") == 3


def test_the_table_sorts_filters_and_opens_runs(opened):
    page = opened("sweep")
    column = "[...document.querySelectorAll('#rows tr')].map(row => Number(row.cells[2].textContent))"
    page.click("thead th:nth-child(3) button")
    assert page.evaluate(column) == [3, 3, 6, 6]
    page.click("thead th:nth-child(3) button")
    assert page.evaluate(column) == [6, 6, 3, 3]
    page.fill("#filter", "seed=1 sigma=3")
    assert page.text_content("#count") == "1 of 4 runs" and page.evaluate(column) == [3]
    page.fill("#filter", "")
    drawn = "document.getElementById('plot-runs').data.length"
    before = page.evaluate(drawn)
    page.click("#rows tr:has(button[aria-pressed=false]) button")
    page.wait_for_function(f"{drawn} > {before}")
    assert "sigma" in page.text_content("#chosen pre")


@pytest.mark.parametrize("name", ["sweep", "plane"])  # dark and light
def test_there_are_no_faults_of_accessibility(name, opened):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = axe.run(opened(name)).response["violations"]
    assert not found, [fault["id"] for fault in found]
