"""The stage `kappa`: its measurements, their sources, and its refusals."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from freqbias.compare import compare
from freqbias.compare.kappa import FLOOR, comparison_rates
from freqbias.compare.stages import Options, run_kappa
from freqbias.errors import InputError, UsageError
from freqbias.problem import build, parse, stage_keys
from freqbias.runtime import Store
from tests.compare.build import fabricated
from tests.compare.test_rates import decaying

TABLES = {
    "name": "test",
    "density": {"kind": "gaussian", "sigma": 10.0},
    "data": {"kind": "waves", "dimension": 1, "points": 64, "frequencies": [[3.0]], "window": 0.1},
    "network": {"width": 100, "sigma_a": 1.0},
    "time": {"times": [1.0, 2.0, 5.0]},
}
RUN = parse(TABLES)


@pytest.fixture
def store(tmp_path):
    """A result folder in which only pde is finished."""
    store = Store(tmp_path / "out")
    spectrum, _ = fabricated(build(RUN), cells=(32,))
    put(store, "pde", "spectrum.nc", replace(spectrum, attributes={"tolerance": 1e-3}))
    return store


def put(store, stage, name, record, **flags):
    with store.open(stage, keys=stage_keys(RUN, stage), **flags) as opened:
        with opened.writing(name) as path:
            record.save(path)
        opened.finish()


def kappa_stage(store, *, resume=False, overwrite=False, **how):
    options = Options(**{key: how.pop(key) for key in list(how) if key != "error_file"})
    run_kappa(RUN, build(RUN), store, resume=resume, overwrite=overwrite, options=options, **how)


def test_stage_measures_finished_results(store, undrawn):
    kappa_stage(store, bands=4, start=1.0)
    names = {path.name for path in (store.root / "kappa").iterdir()}
    assert {"kappa.nc", "kappa.csv", "bands.csv", "kappa.png", "kappa.pdf", "manifest.json"} <= names
    with xr.open_dataset(store.root / "kappa" / "kappa.nc") as data:
        assert data["kappa_pde"].dims == ("time", "node") and "kappa_nn" not in data
        np.testing.assert_array_equal(data["time"], [1.5, 3.5])
        assert [data.attrs[key] for key in ("window_start", "window_end", "noise")] == [1.0, 5.0, 1e-3]
        np.testing.assert_allclose(data["kappa_pde_fit"].dropna("node"), 0.3, rtol=1e-9)
    kappa_stage(store, bands=4, start=1.0, resume=True)
    with pytest.raises(UsageError, match=r"kappa\.bands: 4 -> 5.*--overwrite"):
        kappa_stage(store, bands=5, start=1.0, resume=True)

    problem = build(RUN)
    _, history = fabricated(problem, cells=(32,))
    put(store, "nn", "error.nc", decaying(problem, history, 0.1))
    put(store, "ntk", "empirical.nc", decaying(problem, history, 0.2))
    with pytest.raises(UsageError, match=r"sources\.nn.*--overwrite"):
        kappa_stage(store, bands=4, start=1.0, resume=True)
    kappa_stage(store, bands=4, overwrite=True)
    table = np.genfromtxt(store.root / "kappa" / "bands.csv", delimiter=",", names=True, dtype=None, deletechars="")
    assert list(table["region"]) == ["band"] * 4
    for name, rate in {"pde": 0.3, "nn": 0.1, "empirical": 0.2}.items():
        np.testing.assert_allclose(table[f"{name}_fit"], rate, rtol=1e-6)
        assert (table[f"{name}_standard_error"] < 1e-6).all()


def test_own_errors_at_other_times(store, tmp_path, undrawn):
    problem = build(RUN)
    _, history = fabricated(problem, cells=(32,))
    own = decaying(problem, replace(history, time=np.array([0.0, 1.0, 1.5, 5.0])), 0.15)
    own.save(tmp_path / "mine.nc")
    kappa_stage(store, error_file=tmp_path / "mine.nc")
    with xr.open_dataset(store.root / "kappa" / "kappa.nc") as data:
        np.testing.assert_array_equal(data["time"], [0.5, 3.0])
        for name, rate in {"nn": 0.15, "pde": 0.3}.items():
            np.testing.assert_allclose(data[f"kappa_{name}"].dropna("node"), rate, rtol=1e-9)


def test_floor_is_that_of_the_start(store, tmp_path, undrawn):
    """The floor is relative to |v(0)|, even if the errors begin later, when little is left."""
    problem = build(RUN)
    spectrum, history = fabricated(problem, cells=(32,), decay=1.0)
    put(store, "pde", "spectrum.nc", replace(spectrum, attributes={"tolerance": 1e-3}), overwrite=True)
    late = replace(history, time=history.time[1:], error=history.error[1:], loss=history.loss[1:])
    late.save(tmp_path / "late.nc")
    history.save(tmp_path / "all.nc")
    kappa_stage(store, error_file=tmp_path / "all.nc", start=1.0)
    with xr.open_dataset(store.root / "kappa" / "kappa.nc") as data:
        expected = data.load().drop_attrs(deep=False)
    kappa_stage(store, error_file=tmp_path / "late.nc", overwrite=True)
    with xr.open_dataset(store.root / "kappa" / "kappa.nc") as data:
        xr.testing.assert_equal(data.drop_attrs(deep=False), expected)
    rates = comparison_rates(compare(spectrum, late, problem), problem)
    start = np.abs(spectrum.error[:2, 0])
    shown = start[1] >= FLOOR * start[0].max()
    assert (shown != (start[1] >= FLOOR * start[1].max())).any()
    np.testing.assert_array_equal(np.isfinite(rates.measured["pde"].mean), shown)

    once = replace(late, time=late.time[:1], error=late.error[:1], loss=late.loss[:1])
    once.save(tmp_path / "once.nc")
    with pytest.raises(
        InputError, match=r"only one output time, t = 1, .*at least two.*more of the run file's output times"
    ):
        kappa_stage(store, error_file=tmp_path / "once.nc", overwrite=True)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"start": 3.0}, "--from 3.*contains 1 output time, .*0, 1, 2, 5"),
        ({"start": 4.0, "end": 2.0}, "contains 0 output times"),
        ({"end": float("nan")}, "--to nan"),
        ({"floor": 0.0}, "--floor 0"),
        ({"floor": 0.99, "start": 2.0}, "--floor 0.99.*earlier --from"),
        ({"bands": 0}, "--bands 0"),
        ({"directions": 4}, "--directions 4 is not allowed in 1-D; leave out --directions"),
    ],
)
def test_bad_options_are_refused(store, how, message):
    with pytest.raises(InputError, match=message):
        kappa_stage(store, **how)
    assert not list(store.root.glob("kappa*"))
