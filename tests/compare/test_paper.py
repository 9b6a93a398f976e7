"""The figures of the paper: legible text, reuse of finished results, provenance in the files."""

import logging
import re
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

import matplotlib.style
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from freqbias.compare import compare
from freqbias.compare.commands import app, run_files
from freqbias.compare.comparison import Comparison
from freqbias.compare.kappa import mean_rate
from freqbias.compare.kappa.estimators import theory_rate
from freqbias.compare.paper import PaperRuns, figure1, figure2, figure3, figure4, figure5
from freqbias.compare.paper.figure_maker import compute
from freqbias.compare.paper.paper_runs import FigureRun
from freqbias.compare.paper.target_transform import transform_magnitude
from freqbias.compare.spectra import project
from freqbias.compare.style import STYLE
from freqbias.errors import InputError, UsageError
from freqbias.nn import EmpiricalKernel, LinearisedTraining
from freqbias.problem import build, parse
from freqbias.runtime import StopRequest
from freqbias.runtime.commandline import invoke
from tests.compare.build import fabricated, predicted
from tests.compare.legibility import texts

RUN_FILES = run_files.shipped_run_files()
DECAY = 0.3  # rate of the fabricated errors [1/time]


def freqbias(*arguments):
    return invoke(app.build_app(), "freqbias", list(arguments))


def result(run, *, noise=0.02, seed=0):
    """A fabricated result: the same errors on both sides, and noise on those of the network."""
    problem = build(run)
    spectrum, history = fabricated(problem)
    rng = np.random.default_rng(seed)
    nn = replace(
        history,
        error=history.error + noise * rng.normal(size=history.error.shape),
        attributes=run.network.model_dump(include={"width", "depth"}),
    )
    comparison = compare(spectrum, nn, problem, predictions=predicted(history, 1.0, 1.01, 1.02))
    return SimpleNamespace(run=run, problem=problem, comparison=comparison)


def small(figure_run):
    """The run with fewer points."""
    tables = figure_run.run.model_dump(exclude_none=True)
    if tables["name"].startswith("figure3"):
        return figure_run.run
    points = 64 if figure_run.run.data.kind == "waves" and figure_run.run.data.dimension == 1 else 32
    return parse({**tables, "data": {**tables["data"], "points": points}})


def drawn(module, folder):
    paper_runs = PaperRuns(RUN_FILES, folder, quick=False)
    return pictures(module, [result(small(figure_run)) for figure_run in module.runs(paper_runs)])


def pictures(module, results):
    with matplotlib.style.context(STYLE):
        made = module.draw(results)
        for figure in made.values():
            FigureCanvasAgg(figure).figure.draw_without_rendering()
    return made


@pytest.mark.parametrize("module", [figure1, figure2, figure3], ids=lambda module: module.__name__[-7:])
def test_text_is_legible(module, tmp_path):
    for name, figure in drawn(module, tmp_path).items():
        assert_legible(name, figure)


def assert_legible(name, figure):
    found = texts(figure)
    assert len(found) > 8, name
    for text, box in found:
        page = figure.bbox
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= page.x1 and box.y1 <= page.y1, (name, text)
    for (one, a), (two, b) in combinations(found, 2):
        assert not a.overlaps(b), (name, one, two)


def test_run_file_with_changed_keys(tmp_path):
    paper_runs = PaperRuns(RUN_FILES, tmp_path, quick=False)
    varied = paper_runs.run_file("figure4", name="other", quick_network={"width": 10}, network={"sampling": "sobol"})
    assert (varied.name, varied.network.width, varied.network.sampling) == ("other", 100_000, "sobol")
    assert varied.density == paper_runs.run_file("figure4").density
    narrow = replace(paper_runs, quick=True).run_file(
        "figure4", quick_network={"width": 10}, network={"sampling": "sobol"}
    )
    assert (narrow.name, narrow.network.width, narrow.network.sampling) == ("figure4-quick", 10, "sobol")
    with pytest.raises(InputError, match="width = 11 is odd"):
        paper_runs.run_file("figure4", network={"width": 11})


def test_figure4_shares_results_with_run(tmp_path):
    """`freqbias figures` and `freqbias run` find each other's results."""
    paper_runs = PaperRuns(RUN_FILES, tmp_path, quick=False)
    assert figure4.runs(paper_runs)[0].run == paper_runs.run_file("figure4")


def test_finished_result_is_reused(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("freqbias"), "propagate", True)
    paper_runs = PaperRuns(RUN_FILES, tmp_path, quick=True)
    figure_run = FigureRun(
        paper_runs.run_file("figure4", quick_network={"width": 100}, data={"points": 64}), stages=("ntk",)
    )
    with StopRequest() as stop, caplog.at_level("INFO", "freqbias"):
        first = compute(figure_run, paper_runs, stop).history("ntk", "infinite-width.nc")
        assert "ntk: wrote" in caplog.text and "finished already" not in caplog.text
        again = compute(figure_run, paper_runs, stop).history("ntk", "infinite-width.nc")
        other = replace(figure_run, run=parse({**figure_run.run.model_dump(exclude_none=True), "seed": 1}))
        with pytest.raises(UsageError, match=r"seed: 0 -> 1.*remove \S*figure4-quick$"):
            compute(other, paper_runs, stop)
    assert "ntk: finished already" in caplog.text and (tmp_path / "figure4-quick" / "ntk").is_dir()
    np.testing.assert_array_equal(first.error, again.error)


@pytest.mark.parametrize(
    ("refusal", "removal"),
    [("made of other keys: choose another --out, or compute it again with --overwrite", True), ("disk full", False)],
)
def test_remedy_names_removal_only_if_it_helps(refusal, removal, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise UsageError(refusal)

    monkeypatch.setattr("freqbias.compare.paper.figure_maker.run_all", refuse)
    paper_runs = PaperRuns(RUN_FILES, tmp_path, quick=True)
    with StopRequest() as stop, pytest.raises(UsageError, match=refusal) as refused:
        compute(FigureRun(paper_runs.run_file("figure4"), stages=("ntk",)), paper_runs, stop)
    assert ("remove" in str(refused.value)) == removal


def test_provenance_of_pictures(tmp_path):
    assert freqbias("figures", "2", "--out", str(tmp_path), "--quick", "-q") == 0
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {"figure2-quick.png", "figure2-quick.pdf"}
    with Image.open(tmp_path / "figures" / "figure2-quick.png") as image:
        assert image.info["Title"] == "figure2" and image.info["Software"].startswith("freqbias ")
        assert "figure4-quick (seed 0, keys " in image.info["Description"] and "elevation" in image.info["Description"]
        assert image.info["dpi"][0] == pytest.approx(300, abs=0.1)
    assert b"figure4-quick \\(seed 0" in (tmp_path / "figures" / "figure2-quick.pdf").read_bytes()


def test_figure4_is_legible_and_its_errors_are_in_per_cent(tmp_path):
    results = [result(small(figure_run)) for figure_run in figure4.runs(PaperRuns(RUN_FILES, tmp_path, quick=False))]
    figures = pictures(figure4, results)
    for name, figure in figures.items():
        assert_legible(name, figure)
    lines = figures["figure4-errors"].axes[0].lines
    for line, each in zip(lines, results[:-1], strict=True):
        np.testing.assert_allclose(line.get_ydata(), 100 * each.comparison.metrics["error_over_initial"][1:])
    assert [line.get_label() for line in lines] == [
        "100,000 independent neurons", "100,000 Sobol neurons", "1,000,000 Sobol neurons",
    ]  # fmt: skip


@pytest.mark.parametrize("number", ["1", "6"])
def test_file_in_place_of_folder_is_refused(number, tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UsageError, match=r"out.*a file is in the place of a folder.*another --out"):
        freqbias("figures", number, "--quick", "--out", str(tmp_path / "out"), "-q")
    assert (tmp_path / "out").read_text() == "mine"


def test_figure5_is_legible_and_its_theory_is_damping_over_volume(tmp_path):
    figure = drawn(figure5, tmp_path)["figure5"]
    assert_legible("figure5", figure)
    panels = figure.axes
    for panel, figure_run in zip(panels, figure5.runs(PaperRuns(RUN_FILES, tmp_path, quick=False)), strict=True):
        xi, theory = panel.lines[0].get_data()
        np.testing.assert_allclose(
            theory, build(figure_run.run).laws.damping.value(xi[:, None]), equal_nan=True
        )  # volume 1
        pde_rates = panel.lines[1].get_ydata()
        np.testing.assert_allclose(pde_rates[np.isfinite(pde_rates)], DECAY, rtol=1e-3)
        assert np.isfinite(pde_rates).sum() > 20
        assert panel.get_ylim()[1] > max(np.nanmax(line.get_ydata()) for line in panel.lines[:3])


def test_figure3_sampling_error():
    """The rates of 60 drawn networks, each under the flow of its kernel. Their variance has a standard error of 4 %."""
    run = PaperRuns(RUN_FILES, Path(), quick=False).run_file(
        "figure3-normal", network={"width": 1000}, time={"end": 10.0}
    )
    xi, time = np.linspace(3.0, 10.0, 30)[:, None], np.array([0.0, 10.0])
    rates = []
    for seed in range(60):
        problem = replace(build(run), seed=seed)
        error = LinearisedTraining(EmpiricalKernel(problem), -problem.samples.values).flow(time, tolerance=1e-4)
        rates.append(mean_rate(time, project(error, problem.sites, xi), floor=0.0))
    scatter, predicted_scatter = np.std(rates, axis=0), figure3.sampling_error(theory_rate(problem, xi), run.network)
    np.testing.assert_allclose(np.sqrt(np.mean((scatter / predicted_scatter) ** 2)), 1.0, atol=0.08)


@pytest.mark.parametrize(
    ("stem", "last"), [("figure3-normal", 10.0 * np.sqrt(2 * np.log(20))), ("figure3-uniform", 20 - 6 / 32)]
)
def test_figure3_theory_is_checked_in_range(stem, last):
    result = follows_theory(PaperRuns(RUN_FILES, Path(), quick=False).run_file(stem))
    xi, _, _ = figure3.learning_rates(result)
    checked = figure3.is_checked(result, xi)
    assert (checked == (xi <= last)).all() and 0 < checked.sum() < len(xi)
    errors = figure3.theory_errors(result)
    assert errors["pde"] == pytest.approx(0.0, abs=1e-9) and errors["infinite-width"] == pytest.approx(0.03, rel=1e-6)


def test_figure3_band_and_logged_errors(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("freqbias"), "propagate", True)
    results = [
        follows_theory(figure_run.run) for figure_run in figure3.runs(PaperRuns(RUN_FILES, tmp_path, quick=False))
    ]
    with caplog.at_level("INFO", "freqbias"):
        figure = pictures(figure3, results)["figure3"]
    logged = re.findall(r"(\S+): largest distance from theory: pde \S+ %, infinite-width 3 %", caplog.text)
    assert set(logged) == {result.run.name for result in results} and len(results) == 6
    bands = [band for panel in figure.axes for band in panel.collections]
    for band, result in zip(bands, results, strict=True):
        x, y = band.get_paths()[0].vertices.T
        theory = theory_rate(result.problem, np.array([[2.0]]))  # 95 % lie within two standard deviations
        assert np.ptp(y[x == 2.0]) == pytest.approx(4 * figure3.sampling_error(theory, result.run.network)[0])


def follows_theory(run):
    """A comparison whose finite elements follow the theory, and whose kernel learns 3 % faster."""
    problem = build(run)
    xi = np.linspace(-60, 60, 481)[:, None]
    flow = {
        name: np.exp(-s * problem.times[:, None] * theory_rate(problem, xi))[:, None]
        for name, s in (("pde", 1.0), ("nn", 1.0), ("infinite-width", 1.03))
    }
    comparison = Comparison(
        problem.times,
        xi,
        flow["pde"],
        flow["nn"],
        np.zeros((1, 1), int),
        "interval",
        1,
        problem.grid.nyquist,
        {},
        predictions={"infinite-width": flow["infinite-width"]},
    )
    return SimpleNamespace(run=run, problem=problem, comparison=comparison)


def test_figure2_transform_of_gaussian_wave():
    """The transform of exp(-x^2 / (2 s^2)) is sqrt(2 pi) s exp(-2 pi^2 s^2 xi^2). A factor sin(2 pi nu x) puts half of
    it at nu and half at -nu."""
    tables = {
        "density": {"kind": "gaussian", "sigma": 1.0},
        "data": {"kind": "waves", "dimension": 1, "points": 256, "extent": 4.0, "frequencies": [[5.0]], "window": 0.3},
        "network": {"width": 2, "sigma_a": 1.0},
        "time": {"end": 1.0},
    }
    magnitude = transform_magnitude(build(parse(tables)), np.array([[5.0], [-5.0], [5.3]]))
    expected = 0.5 * np.sqrt(2 * np.pi) * 0.3 * np.exp(-2 * np.pi**2 * 0.3**2 * np.array([0, 0, 0.3]) ** 2)
    np.testing.assert_allclose(magnitude, expected, rtol=1e-6)
