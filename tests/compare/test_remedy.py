"""Figure 6: bands of the target's energy, the steps that halve an error, the density that is matched."""

from types import SimpleNamespace

import numpy as np
import pytest

from freqbias.compare.paper import PaperRun, figure2, figure6
from freqbias.nn import EmpiricalKernel, InfiniteWidthKernel, train
from freqbias.problem import build, parse
from freqbias.problem.density_settings import GaussianSection
from tests.compare.test_paper import SHELF, assert_legible, pictures

STEPS = 60  # with --quick


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    return figure6.jobs(PaperRun(SHELF, tmp_path_factory.mktemp("remedy"), quick=True))


def parts(problem, edge):
    """The target up to this |xi| and beyond, (1, N) each."""
    axes = np.meshgrid(*(np.fft.fftfreq(n, h) for n, h in zip(problem.grid.shape, problem.grid.spacing, strict=True)))
    spectrum = np.fft.fft2(problem.samples.values.reshape(problem.grid.shape))
    low = np.fft.ifft2(np.where(np.hypot(*axes) <= edge, spectrum, 0)).real.reshape(1, -1)
    return low, problem.samples.values - low


def trained(job, steps):
    """As if it had been: the error beyond the edge is halved in so many steps, below it quartered."""
    problem = build(job.run)
    low, high = parts(problem, figure6.energy_edges(problem, (0.5,)))
    factor = 0.5 ** (np.arange(STEPS + 1) / (steps - 0.5))[:, None, None]
    error = -factor * high - factor**2 * low
    return SimpleNamespace(run=job.run, problem=problem, history=lambda: SimpleNamespace(error=error))


def test_the_steps_to_half_are_those_of_the_upper_half_of_the_band(jobs):
    taken = [5, 1000, 7, 12, 9, 40, 20, 3]
    results = [trained(job, steps) for job, steps in zip(jobs, taken * 3, strict=True)]
    assert [figure6.steps_to_half(result) for result in results] == [5, None, 7, 12, 9, 40, 20, 3] * 3
    (figure,) = pictures(figure6, results).values()
    assert_legible("figure6", figure)
    lower = {line.get_label(): line.get_ydata() for line in figure.axes[3].lines}
    np.testing.assert_array_equal(lower["500 neurons"], [5, np.nan, 7, 12, 9, 40, 20, 3])
    for panel, index in zip(figure.axes[:3], (0, 5, 7), strict=True):  # in the group of 2,500 neurons
        fading = 0.5 ** (np.arange(STEPS + 1) / (taken[index] - 0.5))
        for line, power in zip(panel.lines, (2, 2, 1, 1), strict=False):
            np.testing.assert_allclose(line.get_ydata(), fading**power, rtol=1e-9)


def test_every_density_has_the_same_stability(jobs):
    assert len({job.run.name for job in jobs}) == len(jobs) == 24
    for job in jobs[::7]:
        assert job.stages == ("nn",) and job.run.training.integrator == "gradient-descent"
        kernels = [kernel(build(job.run)) for kernel in (EmpiricalKernel, InfiniteWidthKernel)]
        largest = max(kernel.largest_eigenvalue() for kernel in kernels)
        assert job.run.training.step * largest == pytest.approx(figure6.STABILITY, rel=0.02)
        assert job.run.time.end == pytest.approx(STEPS * job.run.training.step)


def test_the_matched_density_halves_the_upper_half_sooner_than_any_normal_one_by_training(tmp_path):
    """At 10,000 neurons. Narrower and wider normal densities than these are slower still, by far."""
    paper_run, steps = PaperRun(SHELF, tmp_path, quick=False), {}
    matched = paper_run.take("figure6").density
    for density in (matched, *(GaussianSection(kind="gaussian", sigma=sigma) for sigma in (4.0, 8.0, 16.0))):
        run = paper_run.take("figure6", density=density.model_dump())
        step = figure6.stable_step(run)
        tables = {"time": {"end": 50 * step, "outputs": 50}, "training": {**run.training.model_dump(), "step": step}}
        run = parse({**run.model_dump(exclude_none=True), **tables})
        error = train(build(run), run.training).error
        result = SimpleNamespace(problem=build(run), history=lambda error=error: SimpleNamespace(error=error))
        steps[density] = figure6.steps_to_half(result) or np.inf
    assert 1.1 * steps.pop(matched) < min(steps.values()) < np.inf


def test_the_run_file_of_the_shelf_is_that_of_the_matched_density(tmp_path):
    run = PaperRun(SHELF, tmp_path, quick=False).take("figure6")
    assert run.density.radius == round(figure6.energy_edges(build(run), (figure6.BAND,))[0], 2)
    assert run.training.step == pytest.approx(figure6.stable_step(run), rel=1e-2)
    assert run.time.outputs == round(run.time.end / run.training.step)


def test_bands_hold_the_energy_that_they_are_said_to(jobs):
    problem = build(jobs[0].run)
    edges = figure6.energy_edges(problem, (0.25, 0.5, 0.75))
    energy = figure6.band_errors(problem.samples.values[None], problem.grid, edges)[0] ** 2
    assert energy.sum() == pytest.approx(np.mean(problem.samples.values**2))
    within = figure6.band_errors(problem.samples.values[None], problem.grid, edges * (1 - 1e-9))[0] ** 2
    for share, upto, below in zip((0.25, 0.5, 0.75), np.cumsum(energy), np.cumsum(within), strict=False):
        assert below < share * energy.sum() <= upto  # all frequencies of one |xi| are of one band
    low, high = parts(problem, edges[1])
    np.testing.assert_allclose([energy[:2].sum(), energy[2:].sum()], [np.mean(low**2), np.mean(high**2)])


def test_the_matched_density_is_flat_over_the_band_of_the_target(jobs):
    (density,) = {job.run.density for job in jobs if "matched" in job.run.name}
    problem = build(jobs[0].run)
    edges = np.array([density.radius + 0.01, density.radius - 0.01])
    energy = [figure6.band_errors(problem.samples.values[None], problem.grid, edge[None])[0, 0] ** 2 for edge in edges]
    assert energy[1] < figure6.BAND * np.mean(problem.samples.values**2) <= energy[0]


def test_the_density_of_the_magnitude_follows_the_target(jobs):
    """As far as smoothing lets it."""
    (density,) = {job.run.density.path: job.run.density.build() for job in jobs if "magnitude" in job.run.name}.values()
    problem = build(jobs[0].run)
    xi = np.stack(np.meshgrid([-8.0, -4.0, 4.0, 8.0], [0.0, 4.0, 8.0]), axis=-1).reshape(-1, 2)
    around = xi[:, None] + figure6.SMOOTHING * np.random.default_rng(0).standard_normal((len(xi), 2000, 2))
    around = np.concatenate([around, -around], axis=1)  # a density is even
    mean = figure2.transform_magnitude(problem, around.reshape(-1, 2)).reshape(len(xi), -1).mean(axis=1)
    ratio = density.density(xi) / mean
    assert ratio.max() < 1.2 * ratio.min() and mean.max() > 3 * mean.min()
