"""Building a Problem from a run file: resampled data, grid, output times, and error messages that name the key."""

import sys

import numpy as np
import pytest

from freqbias.errors import InputError
from freqbias.problem import area_average, build, load, load_samples, parse
from tests.problem.run_files import table


def test_waves():
    problem = build(
        parse(table(data={"dimension": 2, "points": [6, 8], "extent": [1.0, 2.0], "frequencies": [[1, 2]]}))
    )
    assert problem.grid.shape == (6, 8)
    assert problem.grid.extent == (1.0, 2.0)
    assert problem.dimension == 2
    assert problem.samples.values.shape == (1, 48)


def test_output_times():
    even = build(parse(table(time={"end": 3.0, "outputs": 2})))
    np.testing.assert_array_equal(even.times, [0, 1.5, 3])
    assert len(build(parse(table(time={"end": 3.0}, replace=True))).times) == 21
    given = build(parse(table(time={"times": [1.0, 4.0]}, replace=True)))
    np.testing.assert_array_equal(given.times, [0, 1, 4])


def test_resampled_file(tmp_path):
    values = np.random.default_rng(0).normal(size=(9, 10, 2))
    np.save(tmp_path / "a.npy", values)
    data = {"kind": "file", "path": "a.npy", "dimension": 2, "points": [4, 5], "extent": [2.0, 1.0]}
    problem = build(written(tmp_path, data))
    assert problem.grid.shape == (4, 5)
    np.testing.assert_allclose(problem.samples.values[1].reshape(4, 5), area_average(values, (4, 5))[..., 1])
    plain = build(written(tmp_path, {"kind": "file", "path": "a.npy", "dimension": 2, "standardize": True}))
    assert plain.grid.shape == (9, 10)
    np.testing.assert_allclose(plain.samples.values.std(axis=1), 1)


@pytest.mark.parametrize(
    ("values", "keys", "message"),
    [
        (np.array([1, np.nan, np.inf, 2]), {}, r"path = .*: 2 values are NaN or infinite, the first at index \[1\]"),
        (np.zeros(5), {}, "path = .*: samples: every value is 0"),
        (np.full(5, 3.0), {"standardize": True}, "path = .*: samples: channel 1 of 1 is constant"),
        (np.ones((1, 5)), {}, r"path = .*: the array has shape \(1, 5\); give at least 2 points"),
        (np.ones(5), {"points": 6}, r"points = \[6\]: axis 1 of the file has only 5 points"),
        (np.ones(5), {"points": [2, 2]}, r"points = \[2, 2\]: a.npy has 1 axes; give one number, or one for each axis"),
        (np.ones(5), {"extent": [2.0, 2.0]}, r"extent = \[2.0, 2.0\]: a.npy has 1 axes"),
        (np.ones(5), {"dimension": 2}, "dimension = 2: the array in a.npy"),
    ],
)
def test_messages_name_the_key(tmp_path, values, keys, message):
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(InputError, match=rf"^\[data\] {message}"):
        build(written(tmp_path, {"kind": "file", "path": "a.npy", **keys}))


def test_waves_that_vanish():
    with pytest.raises(InputError, match=r"^\[data\] frequencies = \[\[0.0\]\]: .* every value is 0"):
        build(parse(table(data={"frequencies": [[0.0]]})))


def test_more_samples_than_memory_holds(monkeypatch):
    def too_many(*arguments, **options):
        raise MemoryError("unable to allocate 6 TiB")

    monkeypatch.setattr(sys.modules["freqbias.problem.builder"], "waves", too_many)
    with pytest.raises(InputError, match=r"^\[data\] points = 64: unable to allocate 6 TiB; use fewer points"):
        build(parse(table()))


def written(folder, data):
    """The run file with this [data] section, written to the folder and loaded."""
    import tomli_w

    path = folder / "run.toml"
    path.write_text(tomli_w.dumps(table(data=data, replace=True)))
    return load(path)


def test_samples_of_a_file_in_python(tmp_path):
    """`load_samples` reads what the run file reads, and its messages name the keys."""
    values = np.random.default_rng(0).normal(size=(9, 10))
    np.savez(tmp_path / "a.npz", a=values, b=2 * values)
    keys = {"key": "b", "points": [3, 5], "spacing": 0.5}
    samples = load_samples(tmp_path / "a.npz", **keys)
    assert samples.sites == build(written(tmp_path, {"kind": "file", "path": "a.npz", **keys})).grid
    np.testing.assert_allclose(samples.values[0].reshape(3, 5), 2 * area_average(values[..., None], (3, 5))[..., 0])
    with pytest.raises(InputError, match=r"^\[data\] spacing = -1.0; expected a positive number"):
        load_samples(tmp_path / "a.npz", spacing=-1.0)
    with pytest.raises(InputError, match=r"^\[data\] spacing = 1.0 contradicts extent = 2.0; give only one of them"):
        load_samples(tmp_path / "a.npz", spacing=1.0, extent=2.0)
    methods = {"center": True, "standardize": True, "held_out": 0.5, "noise": 1.0}
    for name, value in (methods | {"noise_level": 1.0, "predict_at": "b.csv", "predict_points": 5}).items():
        use = rf"{'Samples' if name in methods else 'Problem'}[.(]"
        with pytest.raises(InputError, match=rf"^\[data\] {name} = {value}: load_samples only reads; use {use}"):
            load_samples(tmp_path / "a.npz", **keys, **{name: value})


def test_a_file_for_which_the_memory_is_too_small(tmp_path, monkeypatch):
    def too_large(*arguments):
        raise MemoryError("unable to allocate 6 TiB")

    np.save(tmp_path / "a.npy", np.ones(5))
    monkeypatch.setattr(sys.modules["freqbias.problem.files"], "_read_array", too_large)
    with pytest.raises(InputError, match=r"^\[data\] path = .*: the memory is too small .*; crop or average the data"):
        load_samples(tmp_path / "a.npy")
