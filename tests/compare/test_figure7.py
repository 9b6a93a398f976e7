"""Figure 7: learning rates of its runs, and the error in a band around each wave."""

from types import SimpleNamespace

import numpy as np
import pytest

from freqbias.compare.paper import PaperRuns, figure7
from freqbias.nn import EmpiricalKernel, InfiniteWidthKernel
from freqbias.problem import build, waves
from tests.compare.test_paper import RUN_FILES, assert_legible, pictures


@pytest.fixture(scope="module")
def figure_runs(tmp_path_factory):
    return figure7.runs(PaperRuns(RUN_FILES, tmp_path_factory.mktemp("remedies"), quick=True))


def test_learning_rates_are_the_same_share_of_lambda_max(figure_runs):
    assert len({each.run.name for each in figure_runs}) == len(figure_runs) == 6
    for each in figure_runs:
        problem, training = build(each.run), each.run.training
        largest = max(kernel(problem).largest_eigenvalue() for kernel in (EmpiricalKernel, InfiniteWidthKernel))
        mu = training.momentum or 0.0
        assert training.step * (1 - mu) * largest == pytest.approx(figure7.RATE, rel=0.02)
        assert each.run.time.times[0] == pytest.approx(training.step)
        assert each.run.time.times[-1] == pytest.approx(figure7.STEPS * training.step)
    kinds = [(each.run.training.loss, each.run.training.order, each.run.training.decay > 0) for each in figure_runs]
    assert kinds[:3] == [("mean-square", None, False), ("sobolev", -1.0, False), ("sobolev", 1.0, False)]
    assert kinds[4][2] and figure_runs[5].run.density.kind == "uniform"


def fabricated(figure_run, factor):
    """Wave number k falls as exp(-factor (k + 1) t / T); the kernel's errors are half larger at the end."""
    problem, run = build(figure_run.run), figure_run.run
    grid, progress = problem.grid, problem.times / problem.times[-1]
    parts = [waves(grid, [wave], window=run.data.window).values for wave in run.data.frequencies]

    def history(*names):
        change = 1 + 0.5 * progress * (names == ("ntk", "infinite-width-steps.nc"))
        fading = [np.exp(-factor * (k + 1) * progress) * change for k in range(len(parts))]
        return SimpleNamespace(error=np.einsum("kt,kcn->tcn", fading, parts))

    return SimpleNamespace(run=run, problem=problem, history=history)


def test_picture(figure_runs):
    results = [fabricated(each, 0.3 + 0.1 * k) for k, each in enumerate(figure_runs)]
    (figure,) = pictures(figure7, results).values()
    assert_legible("figure7", figure)
    for k, (panel, result) in enumerate(zip(figure.axes, results, strict=True)):
        progress = result.problem.times / result.problem.times[-1]
        lines = panel.lines[:8]
        for wave in range(4):
            expected = np.exp(-(0.3 + 0.1 * k) * (wave + 1) * progress)
            predicted, trained = lines[2 * wave : 2 * wave + 2]
            np.testing.assert_allclose(predicted.get_ydata(), (expected * (1 + 0.5 * progress))[1:], rtol=0.1)
            np.testing.assert_allclose(trained.get_ydata(), expected[1::3], rtol=0.1)
            assert predicted.get_xdata()[-1] == figure7.STEPS
