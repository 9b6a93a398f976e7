"""Several trainings against one solution: matched at equal time and at equal loss, the table, the figure, refusals."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from freqbias.compare import compare
from freqbias.compare.comparison import Trainings, draw_comparison, draw_trainings
from freqbias.compare.comparison.equal_loss import equal_losses
from freqbias.compare.stages import run_compare
from freqbias.errors import InputError, UsageError
from freqbias.problem import build, parse, squared_loss
from freqbias.runtime import StopRequest, Store
from tests.compare.build import fabricated
from tests.compare.test_stage import RUN, TABLES, put

PLAIN = parse({**TABLES, "compare": {"figures": False}})


def slower(history, factor):
    """The errors stay the same, and all times are multiplied by the factor."""
    return replace(history, time=np.asarray(history.time) * factor)


def with_error(history, error):
    return replace(history, error=error, loss=squared_loss(error))


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "out")
    spectrum, history = fabricated(build(RUN), cells=(32,))
    put(store, "pde", "spectrum.nc", spectrum)
    slower(history, 1.0).save(tmp_path / "sgd.nc")
    slower(with_error(history, history.error * np.array([1.0, 1.02, 0.98])[:, None, None]), 0.1).save(
        tmp_path / "adam.nc"
    )
    return store


def stage(store, files, run=PLAIN, **how):
    paths = [store.root.parent / name for name in files]
    with StopRequest() as stop:
        flags = {"resume": False, "overwrite": False, **how}
        run_compare(run, build(run), store, stop=stop, error_files=paths, **flags)


def table(store):
    return np.genfromtxt(
        store.root / "compare" / "trainings.csv", delimiter=",", names=True, dtype=None, encoding="utf-8"
    )


def test_equal_losses():
    """The first record at or below the loss, or the one before if it is closer; a later return does not count."""
    training = np.array([1.0, 0.62, 0.5, 0.2, 0.3, 0.101, 0.31])
    pde, nn = equal_losses(np.array([1.0, 0.6, 0.49, 0.31, 0.1]), training)
    assert pde.tolist() == [0, 1, 2, 4]  # 0.31 lies between 0.5 and 0.2
    assert nn.tolist() == [0, 1, 2, 5]


def test_no_equal_losses():
    with pytest.raises(InputError, match="but for the start, no two are within 10 %"):
        equal_losses(np.array([1.0, 0.5]), np.array([1.0, 0.9, 0.3]))


def test_at_equal_loss(store):
    stage(store, ["sgd.nc", "adam.nc"], match="loss")
    rows = table(store)
    adam = rows[rows["training"] == "adam"]
    np.testing.assert_allclose(adam["time_nn"], 0.1 * adam["time"], rtol=1e-12)
    factor = np.select([adam["time"] == 0, adam["time"] == 1], [1.0, 1.02], 0.98)
    np.testing.assert_allclose(adam["loss_nn"] / adam["loss_pde"], factor**2, rtol=1e-4)
    inside = np.isfinite(adam["amplitude_pde"]) & (adam["amplitude_pde"] > 1e-9)
    ratio = adam["amplitude_nn"][inside] / adam["amplitude_pde"][inside]
    np.testing.assert_allclose(ratio, factor[inside], rtol=1e-6)
    assert not (store.root / "compare" / "kappa.csv").exists()  # a rate at equal loss has no meaning
    with pytest.raises(UsageError, match=r"sources\.match.*--overwrite"):
        stage(store, ["sgd.nc", "adam.nc"], resume=True)


def test_band_amplitudes_give_the_norm(store):
    """The sum over bands of volume amplitude^2 is the squared norm of metrics.csv."""
    problem = build(PLAIN)
    spectrum, history = fabricated(problem, cells=(32,))
    comparison = compare(spectrum, history, problem)
    trainings = Trainings({"a": comparison})
    equation, network = trainings.amplitudes["a"]
    width = 2 * np.diff(np.minimum(trainings.edges, np.min([np.abs(spectrum.frequency).max(), comparison.limit[0]])))
    for amplitude, norm in ((equation, "norm_pde"), (network, "norm_nn")):
        np.testing.assert_allclose(np.nansum(width * amplitude**2, axis=1), comparison.metrics[norm] ** 2, rtol=1e-9)


def test_one_training_at_equal_time_has_no_table(store):
    stage(store, ["sgd.nc"])
    assert not (store.root / "compare" / "trainings.csv").exists()


def test_at_equal_time(store):
    with pytest.raises(InputError, match=r"--error .*adam\.nc: .*only t = 0"):  # other times
        stage(store, ["sgd.nc", "adam.nc"])
    assert not (store.root / "compare").exists()
    _, history = fabricated(build(RUN), cells=(32,))
    with_error(history, 1.1 * history.error).save(store.root.parent / "other.nc")
    stage(store, ["sgd.nc", "other.nc"])
    rows = table(store)
    assert set(rows["training"]) == {"sgd", "other"}
    np.testing.assert_array_equal(rows["time"], rows["time_nn"])


def test_figure(store):
    problem = build(PLAIN)
    spectrum, history = fabricated(problem, cells=(32,))
    comparison = compare(spectrum, history, problem)
    figure = draw_trainings(Trainings({"sgd": comparison, "adam": comparison}))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["start", "finite elements", "sgd", "adam"]
    assert len(figure.axes) == 2  # two times after the start
    lines = {line.get_label(): line.get_ydata() for line in figure.axes[0].lines}
    np.testing.assert_array_equal(lines["sgd"], Trainings({"sgd": comparison}).amplitudes["sgd"][1][1])


def test_every_training_has_its_line_in_the_legend():
    """Also one without a record at the first time, and one whose name matplotlib would leave out."""
    problem = build(PLAIN)
    spectrum, history = fabricated(problem, cells=(32,))
    first = compare(spectrum, history, problem)
    last = [0, len(history.time) - 1]
    late = replace(history, time=history.time[last], error=history.error[last], loss=history.loss[last])
    comparisons = {"sgd": first, "_late": compare(spectrum, late, problem)}
    figure = draw_trainings(Trainings(comparisons))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["start", "finite elements", "sgd", "_late"]


@pytest.mark.parametrize(
    "files, how, message",
    [
        (["sgd.nc", "sgd.nc"], {}, "2 files have the name sgd"),
        (["sgd.nc", "none.nc"], {}, "none.nc: no such file"),
        ([], {"match": "loss"}, "--match loss is for errors of your own"),
    ],
)
def test_refused(store, files, how, message):
    with pytest.raises(InputError, match=message):
        stage(store, files, **how)
    assert not (store.root / "compare").exists()


def test_without_the_start(store):
    """A training that starts elsewhere has no record with the loss of the start, and may have a single match."""
    problem = build(PLAIN)
    spectrum, history = fabricated(problem, cells=(32,))
    other = with_error(history, history.error * np.array([2.0, 0.5, 1.0])[:, None, None])
    comparison = compare(spectrum, other, problem, match="loss")
    assert comparison.time.tolist() == [5.0]
    trainings = Trainings({"a": comparison})
    whole = Trainings({"a": compare(spectrum, history, problem)})
    np.testing.assert_allclose(trainings.start, whole.amplitudes["a"][0][0], rtol=1e-12)
    assert len(draw_trainings(trainings).axes) == 1


def test_the_match_is_recorded(store):
    stage(store, ["adam.nc"], match="loss")
    spectra = xr.open_dataset(store.root / "compare" / "spectra.nc")
    assert spectra.attrs["match"] == "loss"
    np.testing.assert_allclose(spectra["time_nn"], 0.1 * spectra["time"], rtol=1e-12)
    (store.root.parent / "adam.nc").rename(store.root.parent / "renamed.nc")
    with pytest.raises(UsageError, match=r"sources\.trainings"):
        stage(store, ["renamed.nc"], match="loss", resume=True)


def test_figure_4_says_that_the_losses_are_equal():
    problem = build(PLAIN)
    spectrum, history = fabricated(problem, cells=(32,))
    for match, said in (("loss", True), ("time", False)):
        figure = draw_comparison(compare(spectrum, history, problem, match=match))
        assert ("at equal loss" in figure.get_supxlabel()) == said


def test_unknown_match():
    problem = build(PLAIN)
    spectrum, history = fabricated(problem, cells=(32,))
    with pytest.raises(InputError, match="match = 'los'"):
        compare(spectrum, history, problem, match="los")


def test_predictions_have_times_of_their_own():
    problem = build(PLAIN)
    spectrum, history = fabricated(problem, cells=(32,))
    with pytest.raises(InputError, match="leave out predictions"):
        compare(spectrum, history, problem, predictions={"empirical": history}, match="loss")
