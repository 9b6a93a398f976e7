"""The stage `compare`: its files, and what it refuses before it writes any."""

from dataclasses import replace

import numpy as np
import pytest
import pyvista
import xarray as xr

from freqbias.compare import l2_project
from freqbias.compare.stages import run_compare
from freqbias.errors import InputError, UsageError
from freqbias.problem import ErrorHistory, Spectrum, build, parse, stage_keys
from freqbias.runtime import StopRequest, Store
from tests import launch
from tests.compare.build import fabricated, predicted

TABLES = {
    "name": "test",
    "density": {"kind": "gaussian", "sigma": 10.0},
    "data": {"kind": "waves", "dimension": 1, "points": 64, "frequencies": [[3.0]], "window": 0.1},
    "network": {"width": 100, "sigma_a": 1.0},
    "time": {"times": [1.0, 5.0]},
}
RUN = parse(TABLES)
PLAIN = parse({**TABLES, "compare": {"figures": False}})  # for tests that need no figures
FILES = {
    "spectra.nc", "fields.pvd", "metrics.csv", "figure4.png", "figure4.pdf", "learned.nc", "learned.png", "learned.pdf",
    "manifest.json",
}  # fmt: skip


@pytest.fixture
def store(tmp_path):
    """A result folder with finished stages pde and nn."""
    store = Store(tmp_path / "out")
    spectrum, history = fabricated(build(RUN), cells=(32,))
    put(store, "pde", "spectrum.nc", spectrum)
    put(store, "nn", "error.nc", replace(history, error=1.1 * history.error))
    return store


def put(store: Store, stage: str, name: str, record: Spectrum | ErrorHistory, *, run=RUN, **flags: bool) -> None:
    with store.open(stage, keys=stage_keys(run, stage), **flags) as opened:
        with opened.writing(name) as path:
            record.save(path)
        opened.finish()


def compare_stage(store, run=PLAIN, *, resume=False, overwrite=False, **how):
    with StopRequest() as stop:
        run_compare(run, build(run), store, resume=resume, overwrite=overwrite, stop=stop, **how)


def metrics(store):
    return np.genfromtxt(store.root / "compare" / "metrics.csv", delimiter=",", names=True)


def test_stage_writes_its_files(store, undrawn):
    compare_stage(store, RUN)
    assert {path.name for path in (store.root / "compare").iterdir()} >= FILES
    assert (store.root / "run.toml").is_file()
    np.testing.assert_allclose(metrics(store)["relative_l2_error"], 0.1 / 1.1, rtol=1e-9)
    reader = pyvista.get_reader(store.root / "compare" / "fields.pvd")
    assert list(reader.time_values) == [0.0, 1.0, 5.0]
    reader.set_active_time_value(5.0)
    fields = reader.read()[0].point_data
    np.testing.assert_allclose(fields["nn_magnitude"], 1.1 * fields["pde_magnitude"], rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(fields["difference_magnitude"], 0.1 * fields["pde_magnitude"], rtol=1e-6, atol=1e-12)


def test_sound_with_held_out_samples_is_not_written(tmp_path, undrawn, caplog):
    """A sound with gaps is none: the log says so, and file and figure exist."""
    data = TABLES["data"] | {"points": 1500, "held_out": 0.2}
    run, store = parse(TABLES | {"data": data, "unit": "s"}), Store(tmp_path / "out")
    spectrum, history = fabricated(build(run), cells=(32,), half_width=20.0)
    put(store, "pde", "spectrum.nc", spectrum, run=run)
    put(store, "nn", "error.nc", history, run=run)
    with caplog.at_level("INFO", logger="freqbias"):
        compare_stage(store, run)
    folder = store.root / "compare"
    assert {path.name for path in folder.iterdir()} >= FILES and not list(folder.glob("*.wav"))
    assert "no .wav files are written" in caplog.text
    with xr.open_dataset(folder / "learned.nc") as learned:
        assert learned["nn"].shape == (3, 1, 1500) and int(np.isnan(learned["target"]).sum()) == 300


def test_predictions_are_optional(store, undrawn, tmp_path):
    compare_stage(store, RUN)
    assert "mesh" not in metrics(store).dtype.names and not (store.root / "compare" / "split.png").exists()
    _, history = fabricated(build(RUN), cells=(32,))
    with store.open("ntk", keys=stage_keys(RUN, "ntk")) as opened:
        for name, prediction in predicted(history, 1.01, 1.03, 1.06).items():
            with opened.writing(f"{name}.nc") as path:
                prediction.save(path)
        opened.finish()
    with pytest.raises(UsageError, match=r"sources\.empirical.*--overwrite"):
        compare_stage(store, RUN, resume=True)
    compare_stage(store, RUN, resume=True, renew=True)
    assert {"split.png", "split.pdf"} <= {path.name for path in (store.root / "compare").iterdir()}
    found = metrics(store)
    for name, share in {"feature_learning": 0.04, "step_size": 0.03, "finite_width": 0.02, "mesh": 0.01}.items():
        np.testing.assert_allclose(found[name], share / 0.1 * found["error_over_initial"], rtol=1e-9)
    mended = replace(history, error=1.1 * history.error, attributes={"step": 1.0, "first_step": 5.0})
    put(store, "nn", "error.nc", mended, overwrite=True)
    compare_stage(store, RUN, resume=True, renew=True)
    assert {"feature_learning_and_step_size", "mesh"} <= set(metrics(store).dtype.names)  # other steps than predicted
    history.save(tmp_path / "mine.nc")
    compare_stage(store, overwrite=True, error_files=[tmp_path / "mine.nc"])
    assert "mesh" not in metrics(store).dtype.names  # they predict another network
    other = parse({**TABLES, "training": {"tolerance": 1e-4}})
    put(store, "nn", "error.nc", history, run=other, overwrite=True)
    with pytest.raises(UsageError, match=r"ntk.*training\.tolerance"):
        compare_stage(store, other, overwrite=True)


def test_late_errors_have_no_rates(store, undrawn, tmp_path, caplog):
    spectrum, history = fabricated(build(RUN), cells=(32,), decay=6.0)
    put(store, "pde", "spectrum.nc", spectrum, overwrite=True)
    late = replace(history, time=history.time[1:], error=1.1 * history.error[1:], loss=history.loss[1:])
    late.save(tmp_path / "late.nc")
    compare_stage(store, RUN, error_files=[tmp_path / "late.nc"])
    np.testing.assert_allclose(metrics(store)["relative_l2_error"], 0.1 / 1.1, rtol=1e-9)
    assert "no kappa.csv" in caplog.text and not list((store.root / "compare").glob("kappa*"))


def test_projection_key_is_obeyed(store, undrawn):
    """On a coarse mesh interpolation and L2 projection differ; the latter is that of `l2_project`."""
    spectrum, _ = fabricated(build(RUN), cells=(6,), degree=2)
    put(store, "pde", "spectrum.nc", spectrum, overwrite=True)
    history = ErrorHistory.load(store.root / "nn" / "error.nc")
    found = {}
    for projection in ("interpolation", "l2"):
        run = parse({**TABLES, "compare": {"projection": projection, "figures": False}})
        compare_stage(store, run, overwrite=True)
        with xr.open_dataset(store.root / "compare" / "spectra.nc") as data:
            found[projection] = (data["nn_real"] + 1j * data["nn_imag"]).values
    np.testing.assert_allclose(found["interpolation"], 1.1 * spectrum.error, atol=1e-12)
    expected = l2_project(history.error, build(RUN).sites, spectrum)
    np.testing.assert_allclose(found["l2"], expected, atol=1e-12)
    assert np.abs(found["l2"] - found["interpolation"]).max() > 0.01 * np.abs(expected).max()
    with pytest.raises(UsageError, match=r'compare\.projection: "l2" -> "interpolation"'):
        compare_stage(store, resume=True)


def test_finished_stage_is_kept_or_overwritten(store, undrawn):
    compare_stage(store)
    before = (store.root / "compare" / "manifest.json").stat().st_mtime_ns
    compare_stage(store, resume=True)
    assert (store.root / "compare" / "manifest.json").stat().st_mtime_ns == before
    with pytest.raises(UsageError, match=r"--resume.*--overwrite"):
        compare_stage(store)
    compare_stage(store, overwrite=True)
    assert (store.root / "compare" / "manifest.json").stat().st_mtime_ns > before


def test_comparison_of_old_results(store, undrawn):
    compare_stage(store)
    _, history = fabricated(build(RUN), cells=(32,))
    put(store, "nn", "error.nc", replace(history, error=1.2 * history.error), overwrite=True)
    with pytest.raises(UsageError, match=r"sources\.nn.*--overwrite"):
        compare_stage(store, resume=True)
    compare_stage(store, resume=True, renew=True)
    np.testing.assert_allclose(metrics(store)["relative_l2_error"], 0.2 / 1.2, rtol=1e-9)
    compare_stage(store, resume=True)


def test_unfinished_comparison_is_replaced(store, undrawn):
    with store.open("compare", keys=stage_keys(PLAIN, "compare")) as stage, stage.writing("fields_9.vtu") as path:
        path.write_text("of a comparison at more times")
    compare_stage(store, resume=True)
    assert not (store.root / "compare" / "fields_9.vtu").exists()


@pytest.mark.parametrize("stage", ["pde", "nn"])
def test_missing_stage_names_its_command(tmp_path, store, stage):
    (store.root / stage).rename(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match=f"no {stage} result.*freqbias {stage} RUN.toml"):
        compare_stage(store)
    assert not list(store.root.glob("compare*"))


@pytest.mark.parametrize(("section", "key", "value"), [("pde", "tolerance", 1e-2), ("training", "precision", "double")])
def test_other_run_file_is_refused(store, section, key, value):
    other = parse({**TABLES, section: {key: value}})
    with pytest.raises(UsageError, match=f"{section}.{key}"):
        compare_stage(store, other)
    assert not list(store.root.glob("compare*"))


def test_damaged_stage_is_refused(store):
    with (store.root / "pde" / "spectrum.nc").open("r+b") as file:
        file.seek(5000)
        file.write(b"\xff" * 8)
    with pytest.raises(UsageError, match=r"spectrum\.nc"):
        compare_stage(store)


def test_own_errors_in_any_order(tmp_path, store, undrawn):
    history = ErrorHistory.load(store.root / "nn" / "error.nc")
    order = np.random.default_rng(1).permutation(len(history.position))
    own = replace(history, error=1.3 / 1.1 * history.error[1:, :, order], time=history.time[1:], loss=history.loss[1:])
    attributes = {"first_step": "small", "step": 0.0, "width": "many", "depth": 2.5}  # of no meaning to us
    replace(own, position=history.position[order], attributes=attributes).save(tmp_path / "mine.nc")
    compare_stage(store, error_files=[tmp_path / "mine.nc"])
    np.testing.assert_array_equal(metrics(store)["time"], [1.0, 5.0])
    np.testing.assert_allclose(metrics(store)["relative_l2_error"], 0.3 / 1.3, rtol=1e-9)


def test_signal_after_dolfinx_stops_cleanly(store):
    """PETSc installs a handler of its own for SIGTERM when it starts."""
    code = """
        import os, signal, sys
        from pathlib import Path
        from freqbias.compare.comparison import Comparison
        from freqbias.compare.stages.compare_stage import run_compare
        from freqbias.problem import build, parse
        from freqbias.runtime import Store, StopRequest, exit_code_of

        save = Comparison.save
        def signalled(*arguments):
            save(*arguments)
            assert "petsc4py.PETSc" in sys.modules
            os.kill(os.getpid(), signal.SIGTERM)
        Comparison.save = signalled
        run = parse({tables!r})

        def main():
            with StopRequest() as stop:
                run_compare(run, build(run), Store(Path({root!r})), resume=False, overwrite=False, stop=stop)
        sys.exit(exit_code_of(main))
    """
    done = launch.run(*launch.code(code.format(tables=TABLES, root=str(store.root))))
    assert done.returncode == 75, done.stderr
    assert "SIGTERM" in done.stderr and "--resume" in done.stderr


def test_own_errors_of_other_data(tmp_path, store):
    history = ErrorHistory.load(store.root / "nn" / "error.nc")
    replace(history, position=history.position + 0.003).save(tmp_path / "shifted.nc")
    with pytest.raises(InputError, match=r"--error .*shifted.nc: .* 64 of 64 samples do not match the data"):
        compare_stage(store, error_files=[tmp_path / "shifted.nc"])
    replace(history, error=-history.error / 1.1).save(tmp_path / "negative.nc")
    with pytest.raises(InputError, match="have the opposite sign"):
        compare_stage(store, error_files=[tmp_path / "negative.nc"])
    replace(history, time=history.time * 1.01).save(tmp_path / "other.nc")
    with pytest.raises(InputError, match="only t = 0 in common"):
        compare_stage(store, error_files=[tmp_path / "other.nc"])
    (tmp_path / "text.nc").write_text("no netCDF")
    with pytest.raises(InputError, match=r"text.nc"):
        compare_stage(store, error_files=[tmp_path / "text.nc"])
    with pytest.raises(InputError, match=r"--error .*absent.nc: no such file"):
        compare_stage(store, error_files=[tmp_path / "absent.nc"])
    with pytest.raises(InputError, match=r"--error .*: this is a folder, not a file"):
        compare_stage(store, error_files=[tmp_path])
    assert not list(store.root.glob("compare*"))
