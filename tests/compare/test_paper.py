"""The figures of the paper: legible, from results that are reused, provenance in the files."""

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
from freqbias.compare.commands import app
from freqbias.compare.comparison import Comparison, draw_comparison
from freqbias.compare.kappa import mean_rate
from freqbias.compare.kappa.estimators import theory_rate
from freqbias.compare.paper import PaperRun, figure1, figure2, figure3, figure4, figure5
from freqbias.compare.paper.making import Job, compute
from freqbias.compare.spectra import project
from freqbias.compare.style import STYLE
from freqbias.errors import InputError, UsageError
from freqbias.nn import EmpiricalKernel, LinearisedTraining
from freqbias.problem import build, parse
from freqbias.runtime import StopRequest
from freqbias.runtime.commandline import invoke
from tests import launch
from tests.compare.build import fabricated, predicted
from tests.compare.test_figures import texts

SHELF = app.shipped_run_files()
DECAY = 0.3  # of the fabricated errors, per time


def freqbias(*arguments):
    return invoke(app.build_app(), "freqbias", list(arguments))


def result(run, *, noise=0.02, seed=0):
    """As if the run had been computed: the same errors on both sides, and noise on the network's."""
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


def small(job):
    """The run of a job with few points."""
    tables = job.run.model_dump(exclude_none=True)
    if tables["name"].startswith("figure3"):
        return job.run
    points = 64 if job.run.data.kind == "waves" and job.run.data.dimension == 1 else 32
    return parse({**tables, "data": {**tables["data"], "points": points}})


def drawn(module, folder):
    paper_run = PaperRun(SHELF, folder, quick=False)
    return pictures(module, [result(small(job)) for job in module.jobs(paper_run)])


def pictures(module, results):
    with matplotlib.style.context(STYLE):
        made = module.draw(results)
        for figure in made.values():
            FigureCanvasAgg(figure).draw()
    return made


@pytest.mark.parametrize(
    "module", [figure1, figure2, figure3, draw_comparison, figure5], ids=lambda module: module.__name__[-7:]
)
def test_no_text_overlaps_another_or_leaves_the_page(module, tmp_path):
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


def test_a_run_file_taken_from_the_shelf_is_varied_by_section_and_named_for_quick(tmp_path):
    paper_run = PaperRun(SHELF, tmp_path, quick=False)
    varied = paper_run.take("figure4", name="other", quick={"width": 10}, network={"sampling": "sobol"})
    assert (varied.name, varied.network.width, varied.network.sampling) == ("other", 100_000, "sobol")
    assert varied.density == paper_run.take("figure4").density
    narrow = replace(paper_run, quick=True).take("figure4", quick={"width": 10}, network={"sampling": "sobol"})
    assert (narrow.name, narrow.network.width, narrow.network.sampling) == ("figure4-quick", 10, "sobol")
    with pytest.raises(InputError, match="width = 11 is odd"):
        paper_run.take("figure4", network={"width": 11})


def test_the_figure_4_of_the_shelf_is_that_of_freqbias_run(tmp_path):
    """So that either finds the other's results."""
    assert figure4.jobs(PaperRun(SHELF, tmp_path, quick=False))[0].run == PaperRun(SHELF, tmp_path, False).take(
        "figure4"
    )


def test_a_finished_result_is_used_again(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("freqbias"), "propagate", True)
    paper_run = PaperRun(SHELF, tmp_path, quick=True)
    job = Job(paper_run.take("figure4", quick={"width": 100}, data={"points": 64}), stages=("ntk",))
    with StopRequest() as stop, caplog.at_level("INFO", "freqbias"):
        first = compute(job, paper_run, stop).history("ntk", "infinite-width.nc")
        assert "ntk: wrote" in caplog.text and "finished already" not in caplog.text
        again = compute(job, paper_run, stop).history("ntk", "infinite-width.nc")
        other = replace(job, run=parse({**job.run.model_dump(exclude_none=True), "seed": 1}))
        with pytest.raises(UsageError, match=r"seed: 0 -> 1.*remove .*figure4-quick itself"):
            compute(other, paper_run, stop)
    assert "ntk: finished already" in caplog.text and (tmp_path / "figure4-quick" / "ntk").is_dir()
    np.testing.assert_array_equal(first.error, again.error)


def test_where_one_rank_is_asked_to_stop_all_do(tmp_path):
    """As by --max-walltime, whose end one rank may meet before another."""
    code = """
        import sys
        from pathlib import Path
        from freqbias.compare.commands import app
        from freqbias.compare.paper.making import PaperRun, make
        from freqbias.runtime import StopRequest, exit_codes, rank, exit_code_of

        class OnOneRank(StopRequest):
            def requested(self, comm=None):
                self._reason = "enough" * rank()
                return super().requested(comm)

        exit_codes.ABORT_TIMEOUT = 1.0
        sys.exit(exit_code_of(lambda: make([1], PaperRun(app.shipped_run_files(), Path(sys.argv[1]), True), OnOneRank())))
    """
    done = launch.run_code(code, tmp_path, ranks=2)
    assert (done.returncode, list(tmp_path.iterdir())) == (75, []), done.stderr
    assert done.stderr.count("stopped early: enough") == 1, done.stderr


@pytest.mark.parametrize(
    ("refusal", "removal"),
    [("made of other keys: choose another --out, or compute it again with --overwrite", True), ("disk full", False)],
)
def test_only_what_is_in_the_way_is_said_to_be_removed(refusal, removal, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise UsageError(refusal)

    monkeypatch.setattr("freqbias.compare.paper.making.run_all", refuse)
    paper_run = PaperRun(SHELF, tmp_path, quick=True)
    with StopRequest() as stop, pytest.raises(UsageError, match=refusal) as refused:
        compute(Job(paper_run.take("figure4"), stages=("ntk",)), paper_run, stop)
    assert ("remove" in str(refused.value)) == removal


def test_pictures_carry_the_runs_they_are_of(tmp_path):
    assert freqbias("figures", "2", "--out", str(tmp_path), "--quick", "-q") == 0
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {"figure2-quick.png", "figure2-quick.pdf"}
    with Image.open(tmp_path / "figures" / "figure2-quick.png") as image:
        assert image.info["Title"] == "figure2" and image.info["Software"].startswith("freqbias ")
        assert "figure4-quick (seed 0, keys " in image.info["Description"] and "elevation" in image.info["Description"]
        assert image.info["dpi"][0] == pytest.approx(300, abs=0.1)
    assert b"figure4-quick \\(seed 0" in (tmp_path / "figures" / "figure2-quick.pdf").read_bytes()


def test_the_distances_of_figure_4_are_those_of_the_comparisons_in_per_cent(tmp_path):
    results = [result(small(job)) for job in figure4.jobs(PaperRun(SHELF, tmp_path, quick=False))]
    lines = pictures(figure4, results)["figure4-errors"].axes[0].lines
    for line, each in zip(lines, results[:-1], strict=True):
        np.testing.assert_allclose(line.get_ydata(), 100 * each.comparison.metrics["error_over_initial"][1:])
    assert [line.get_label() for line in lines] == [
        "100,000 independent neurons", "100,000 Sobol neurons", "1,000,000 Sobol neurons",
    ]  # fmt: skip


@pytest.mark.parametrize("number", ["1", "6"])
def test_a_file_where_the_folder_should_be_is_refused(number, tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UsageError, match=r"out.*a file is in the place of a folder.*another --out"):
        freqbias("figures", number, "--quick", "--out", str(tmp_path / "out"), "-q")
    assert (tmp_path / "out").read_text() == "mine"


def test_the_theory_of_figure_5_is_the_damping_over_the_volume(tmp_path):
    panels = drawn(figure5, tmp_path)["figure5"].axes
    for panel, job in zip(panels, figure5.jobs(PaperRun(SHELF, tmp_path, quick=False)), strict=True):
        xi, theory = panel.lines[0].get_data()
        np.testing.assert_allclose(theory, build(job.run).laws.damping.value(xi[:, None]), equal_nan=True)  # volume 1
        of_pde = panel.lines[1].get_ydata()
        np.testing.assert_allclose(of_pde[np.isfinite(of_pde)], DECAY, rtol=1e-3)
        assert np.isfinite(of_pde).sum() > 20
        assert panel.get_ylim()[1] > max(np.nanmax(line.get_ydata()) for line in panel.lines[:3])


def test_the_network_scatters_about_theory_as_said():
    """The rates of 60 drawn networks, by the flow of their own kernels; of a variance, the standard error is 4 %."""
    run = PaperRun(SHELF, Path(), quick=False).take("figure3-normal", network={"width": 1000}, time={"end": 10.0})
    xi, time = np.linspace(3.0, 10.0, 30)[:, None], np.array([0.0, 10.0])
    rates = []
    for seed in range(60):
        problem = replace(build(run), seed=seed)
        error = LinearisedTraining(EmpiricalKernel(problem), -problem.samples.values).flow(time, tolerance=1e-4)
        rates.append(mean_rate(time, project(error, problem.sites, xi), floor=0.0))
    scatter, said = (
        np.std(rates, axis=0),
        figure3.sampling_error(theory_rate(problem, xi), run.network),
    )
    np.testing.assert_allclose(np.sqrt(np.mean((scatter / said) ** 2)), 1.0, atol=0.08)


@pytest.mark.parametrize(
    ("stem", "last"), [("figure3-normal", 10.0 * np.sqrt(2 * np.log(20))), ("figure3-uniform", 20 - 6 / 32)]
)
def test_the_distance_from_theory_is_taken_where_it_is_held_to(stem, last):
    result = of_theory(PaperRun(SHELF, Path(), quick=False).take(stem))
    xi, _, _ = figure3.measured(result)
    held = figure3.within_reach(result, xi)
    assert (held == (xi <= last)).all() and 0 < held.sum() < len(xi)
    found = figure3.from_theory(result)
    assert found["pde"] == pytest.approx(0.0, abs=1e-9) and found["infinite-width"] == pytest.approx(0.03, rel=1e-6)


def test_figure_3_draws_the_sampling_error_and_says_how_far_from_theory_its_rates_are(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("freqbias"), "propagate", True)
    results = [of_theory(job.run) for job in figure3.jobs(PaperRun(SHELF, tmp_path, quick=False))]
    with caplog.at_level("INFO", "freqbias"):
        figure = pictures(figure3, results)["figure3"]
    said = re.findall(r"(\S+): largest distance from theory: pde \S+ %, infinite-width 3 %", caplog.text)
    assert set(said) == {result.run.name for result in results} and len(results) == 6
    bands = [band for panel in figure.axes for band in panel.collections]
    for band, result in zip(bands, results, strict=True):
        x, y = band.get_paths()[0].vertices.T
        theory = theory_rate(result.problem, np.array([[2.0]]))  # 95 % lie within two standard deviations
        assert np.ptp(y[x == 2.0]) == pytest.approx(4 * figure3.sampling_error(theory, result.run.network)[0])


def of_theory(run):
    """A comparison in which the finite elements follow theory, and the kernel learns 3 % faster."""
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


def test_the_transform_of_the_target_has_its_volume():
    """A Gaussian exp(-x^2 / (2 s^2)) has the transform sqrt(2 pi) s exp(-2 pi^2 s^2 xi^2); times sin(2 pi nu x), half
    of that at either side."""
    tables = {
        "density": {"kind": "gaussian", "sigma": 1.0},
        "data": {"kind": "waves", "dimension": 1, "points": 256, "extent": 4.0, "frequencies": [[5.0]], "window": 0.3},
        "network": {"width": 2, "sigma_a": 1.0},
        "time": {"end": 1.0},
    }
    magnitude = figure2.transform_magnitude(build(parse(tables)), np.array([[5.0], [-5.0], [5.3]]))
    expected = 0.5 * np.sqrt(2 * np.pi) * 0.3 * np.exp(-2 * np.pi**2 * 0.3**2 * np.array([0, 0, 0.3]) ** 2)
    np.testing.assert_allclose(magnitude, expected, rtol=1e-6)
