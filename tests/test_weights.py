"""Weights of the samples from a file, through the whole program: `freqbias run`."""

import numpy as np
import pytest
import scipy.linalg
import tomli_w

from freqbias import nn
from freqbias.problem import ErrorHistory, Spectrum, build, load
from tests import oracle
from tests.batch import attempt
from tests.problem.run_files import table

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module", params=[None, 0.5, -1.0])
def run(request, tmp_path_factory):
    """The path of a run file of 60 scattered samples, some without a value and some held out, and its results."""
    folder = tmp_path_factory.mktemp("weights")
    x = np.sort(RNG.uniform(-0.5, 0.5, 60))
    rows = np.column_stack([x, np.sin(4 * np.pi * x) + 0.3 * np.cos(9 * x)])
    rows[[3, 20], 1] = np.nan
    np.save(folder / "a.npy", rows)
    np.save(folder / "w.npy", np.exp(3 * x))
    loss = {} if request.param is None else {"loss": "sobolev", "order": request.param}
    path = folder / "run.toml"
    path.write_text(
        tomli_w.dumps(
            table(
                replace=True,
                density={"kind": "gaussian", "sigma": 2.0},
                data={"kind": "file", "path": "a.npy", "layout": "scattered", "dimension": 1, "missing": "drop",
                      "held_out": 0.2},
                network={"width": 6000, "sigma_a": 0.6},
                time={"times": [1.0, 4.0]},
                pde={"tolerance": 1e-4, "fields": False},
                training={"weights": "w.npy", "precision": "double", **loss},
                compare={"figures": False},
            )
        )
    )  # fmt: skip
    done = attempt("run", path, "--out", folder / "out")
    assert done.returncode == 0, done.stderr
    return path, x, folder / "out"


def test_samples_and_weights_stay_together(run):
    """P by a double sum over frequencies and samples, from the positions alone."""
    path, x, _ = run
    problem = build(load(path))
    positions, loss = problem.sites.positions(), problem.loss
    assert len(positions) == 46
    assert np.isin(positions[:, 0], np.delete(x, [3, 20])).all()
    weights = np.exp(3 * positions[:, 0])
    expected = np.diag(weights / weights.mean())
    if hasattr(loss, "order"):
        span = np.ptp(positions)
        period, n = span * (len(positions) + 1) / len(positions), len(positions)
        k = np.arange(-(n // 2), n // 2 + 1)
        share = np.where(2 * np.abs(k) == n, 0.5, 1.0)
        e = np.exp(-2j * np.pi * np.outer(k / period, positions[:, 0]))
        factors = share * (1 + (k / period) ** 2) ** loss.order
        expected = expected @ (e.conj().T @ (factors[:, None] * e)).real @ expected / n
    np.testing.assert_allclose(loss.residual(np.eye(46)), expected, rtol=0, atol=1e-9 * np.abs(expected).max())


def test_every_stage_follows_the_weights(run):
    path, _, out = run
    problem = build(load(path))
    positions, start = problem.sites.positions(), -problem.samples.values[0]
    kernel = oracle.dense_kernel(positions, oracle.gaussian(2.0), 0.6)
    matrix, norm = kernel @ problem.loss.residual(np.eye(46)), np.linalg.norm(start)
    exact = np.array([scipy.linalg.expm(-t * matrix) @ start for t in problem.times])
    plain = np.array([scipy.linalg.expm(-t * kernel) @ start for t in problem.times])
    assert np.abs(plain - exact).max() > 0.05 * np.abs(start).max(), "the weights matter"
    training = nn.LinearisedTraining(nn.InfiniteWidthKernel(problem), start[None], metric=problem.loss.metric)
    found = training.flow(problem.times, tolerance=1e-10)[:, 0]
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-9 * norm)
    for name, tolerance in (("ntk/infinite-width.nc", 1e-4), ("pde/spectrum.nc", 1e-4)):
        record = (Spectrum if "pde" in name else ErrorHistory).load(out / name)
        errors = record.sample_error if "pde" in name else record.error
        worst = max(problem.loss.value(each) for each in errors[:, 0] - exact)  # tolerances hold in the norm of P
        assert worst < tolerance**2 * problem.loss.value(start), name
    trained, drawn = (ErrorHistory.load(out / name).error for name in ("nn/error.nc", "ntk/empirical.nc"))
    assert np.linalg.norm(trained - drawn, axis=(1, 2)).max() < 1e-3 * norm
