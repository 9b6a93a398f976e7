"""Figure 6: bands of the target's energy, steps that halve an error, the matched density."""

from types import SimpleNamespace

import numpy as np
import pytest

from freqbias.compare.paper import PaperRuns, figure6
from freqbias.compare.paper.energy_bands import band_errors, energy_edges
from freqbias.compare.paper.target_transform import transform_magnitude
from freqbias.nn import EmpiricalKernel, InfiniteWidthKernel, train
from freqbias.problem import build, parse
from freqbias.problem.density_settings import GaussianSection
from tests.compare.test_paper import RUN_FILES, assert_legible, pictures

STEPS = 60  # with --quick


@pytest.fixture(scope="module")
def figure_runs(tmp_path_factory):
    return figure6.runs(PaperRuns(RUN_FILES, tmp_path_factory.mktemp("remedy"), quick=True))


def parts(problem, edge):
    """The target below and above this |xi|, (1, N) each."""
    axes = np.meshgrid(*(np.fft.fftfreq(n, h) for n, h in zip(problem.grid.shape, problem.grid.spacing, strict=True)))
    spectrum = np.fft.fft2(problem.samples.values.reshape(problem.grid.shape))
    low = np.fft.ifft2(np.where(np.hypot(*axes) <= edge, spectrum, 0)).real.reshape(1, -1)
    return low, problem.samples.values - low


def trained(figure_run, steps):
    """A fabricated result: these steps halve the error above the edge and quarter the error below it."""
    problem = build(figure_run.run)
    low, high = parts(problem, energy_edges(problem, (0.5,)))
    factor = 0.5 ** (np.arange(STEPS + 1) / (steps - 0.5))[:, None, None]
    error = -factor * high - factor**2 * low
    return SimpleNamespace(run=figure_run.run, problem=problem, history=lambda: SimpleNamespace(error=error))


def test_steps_to_half(figure_runs):
    taken = [5, 1000, 7, 12, 9, 40, 20, 3]
    results = [trained(figure_run, steps) for figure_run, steps in zip(figure_runs, taken * 3, strict=True)]
    assert [figure6.steps_to_half(result) for result in results] == [5, None, 7, 12, 9, 40, 20, 3] * 3
    (figure,) = pictures(figure6, results).values()
    assert_legible("figure6", figure)
    lower = {line.get_label(): line.get_ydata() for line in figure.axes[3].lines}
    np.testing.assert_array_equal(lower["500 neurons"], [5, np.nan, 7, 12, 9, 40, 20, 3])
    for panel, index in zip(figure.axes[:3], (0, 5, 7), strict=True):  # in the group of 2,500 neurons
        fading = 0.5 ** (np.arange(STEPS + 1) / (taken[index] - 0.5))
        for line, power in zip(panel.lines, (2, 2, 1, 1), strict=False):
            np.testing.assert_allclose(line.get_ydata(), fading**power, rtol=1e-9)


def test_step_times_lambda_max_is_the_same(figure_runs):
    assert len({figure_run.run.name for figure_run in figure_runs}) == len(figure_runs) == 24
    for figure_run in figure_runs[::7]:
        assert figure_run.stages == ("nn",) and figure_run.run.training.integrator == "gradient-descent"
        kernels = [kernel(build(figure_run.run)) for kernel in (EmpiricalKernel, InfiniteWidthKernel)]
        largest = max(kernel.largest_eigenvalue() for kernel in kernels)
        assert figure_run.run.training.step * largest == pytest.approx(figure6.STEP_LAMBDA, rel=0.02)
        assert figure_run.run.time.end == pytest.approx(STEPS * figure_run.run.training.step)


def test_matched_density_learns_fastest(tmp_path):
    """A trained network of 10,000 neurons. Normal densities outside this range of sigma are much slower still."""
    paper_runs, steps = PaperRuns(RUN_FILES, tmp_path, quick=False), {}
    matched = paper_runs.run_file("figure6").density
    for density in (matched, *(GaussianSection(kind="gaussian", sigma=sigma) for sigma in (4.0, 8.0, 16.0))):
        run = paper_runs.run_file("figure6", density=density.model_dump())
        step = figure6.step_size(run)
        tables = {"time": {"end": 50 * step, "outputs": 50}, "training": {**run.training.model_dump(), "step": step}}
        run = parse({**run.model_dump(exclude_none=True), **tables})
        error = train(build(run), run.training).error
        result = SimpleNamespace(problem=build(run), history=lambda error=error: SimpleNamespace(error=error))
        steps[density] = figure6.steps_to_half(result) or np.inf
    assert 1.1 * steps.pop(matched) < min(steps.values()) < np.inf


def test_shipped_run_file_has_matched_density(tmp_path):
    run = PaperRuns(RUN_FILES, tmp_path, quick=False).run_file("figure6")
    assert run.density.radius == round(energy_edges(build(run), (figure6.BAND_ENERGY,))[0], 2)
    assert run.training.step == pytest.approx(figure6.step_size(run), rel=1e-2)
    assert run.time.outputs == round(run.time.end / run.training.step)


def test_energy_of_bands(figure_runs):
    problem = build(figure_runs[0].run)
    edges = energy_edges(problem, (0.25, 0.5, 0.75))
    energy = band_errors(problem.samples.values[None], problem.grid, edges)[0] ** 2
    assert energy.sum() == pytest.approx(np.mean(problem.samples.values**2))
    within = band_errors(problem.samples.values[None], problem.grid, edges * (1 - 1e-9))[0] ** 2
    for share, upto, below in zip((0.25, 0.5, 0.75), np.cumsum(energy), np.cumsum(within), strict=False):
        assert below < share * energy.sum() <= upto  # frequencies of equal |xi| are in one band
    low, high = parts(problem, edges[1])
    np.testing.assert_allclose([energy[:2].sum(), energy[2:].sum()], [np.mean(low**2), np.mean(high**2)])


def test_radius_of_matched_density(figure_runs):
    (density,) = {figure_run.run.density for figure_run in figure_runs if "matched" in figure_run.run.name}
    problem = build(figure_runs[0].run)
    edges = np.array([density.radius + 0.01, density.radius - 0.01])
    energy = [band_errors(problem.samples.values[None], problem.grid, edge[None])[0, 0] ** 2 for edge in edges]
    assert energy[1] < figure6.BAND_ENERGY * np.mean(problem.samples.values**2) <= energy[0]


def test_magnitude_density_follows_target(figure_runs):
    """The density is proportional to the smoothed |F[f*]|."""
    (density,) = {
        figure_run.run.density.path: figure_run.run.density.build()
        for figure_run in figure_runs
        if "magnitude" in figure_run.run.name
    }.values()
    problem = build(figure_runs[0].run)
    xi = np.stack(np.meshgrid([-8.0, -4.0, 4.0, 8.0], [0.0, 4.0, 8.0]), axis=-1).reshape(-1, 2)
    around = xi[:, None] + figure6.SMOOTHING * np.random.default_rng(0).standard_normal((len(xi), 2000, 2))
    around = np.concatenate([around, -around], axis=1)  # a density is even
    mean = transform_magnitude(problem, around.reshape(-1, 2)).reshape(len(xi), -1).mean(axis=1)
    ratio = density.density(xi) / mean
    assert ratio.max() < 1.2 * ratio.min() and mean.max() > 3 * mean.min()
