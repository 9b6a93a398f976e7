"""The results of a sweep: sweep.nc, sweep.csv, the table and picture at the end, and the view in ParaView."""

import csv
import json
import shutil
from itertools import product

import numpy as np
import pytest
import xarray as xr

import freqbias
from freqbias.compare.sweep import collect, collect_sweep, end_table, log_warnings, read_folders, summary
from freqbias.compare.sweep.collect import save_table
from freqbias.compare.sweep.results import write
from freqbias.compare.sweep.run_table import RunRecord
from freqbias.errors import UsageError
from freqbias.runtime import StopRequest
from tests.batch import attempt
from tests.compare.sweeps import RUN, metrics, sweep_in

pytestmark = pytest.mark.xdist_group("sweeps")  # one worker, for the sweep that these files share


def test_the_dataset_has_the_numbers_of_each_run(finished_sweep):
    sweep, data = finished_sweep
    assert data.loss_nn.dims == ("density.sigma", "seed", "time")
    assert data["density.sigma"].values.tolist() == [3, 6] and data.time.values.tolist() == [0, 1, 4]
    for sigma, seed in product((3, 6), (0, 1)):
        cell, name = data.sel({"density.sigma": sigma, "seed": seed}), f"density.sigma={sigma},seed={seed}"
        assert str(cell.run.values) == name and str(cell.failure.values) == ""
        for column, values in metrics(sweep.runs / name).items():
            if column != "time":
                np.testing.assert_array_equal(cell[column], values, err_msg=column)
        for stage in ("pde", "nn", "ntk", "compare"):
            manifest = json.loads((sweep.runs / name / stage / "manifest.json").read_text())
            assert float(cell.seconds.sel(stage=stage)) == manifest["seconds"]
    stored = freqbias.open(sweep.root)
    assert stored.equals(data) and all("long_name" in variable.attrs for variable in stored.variables.values())


def test_the_learning_rates_are_means_over_bands(finished_sweep):
    sweep, data = finished_sweep
    cell = data.sel({"density.sigma": 6, "seed": 0})
    with (sweep.runs / "density.sigma=6,seed=0" / "compare" / "kappa.csv").open() as file:
        rows = list(csv.DictReader(file))
    for band in range(data.sizes["band"]):
        low, high = float(data.band_low[band]), float(data.band_high[band])
        inside = [float(row["nn_mean"] or "nan") for row in rows if low <= abs(float(row["xi_1"])) < high]
        known = [value for value in inside if np.isfinite(value)]
        expected = sum(known) / len(known) if known else np.nan
        np.testing.assert_allclose(cell.kappa_nn[band], expected, rtol=1e-12)
    assert np.isfinite(data.kappa_nn).any() and np.isfinite(data.kappa_theory).any()


def test_the_table_is_tidy(finished_sweep):
    sweep, data = finished_sweep
    with (sweep.root / "sweep.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * 3 and list(rows[0])[:4] == ["density.sigma", "seed", "run", "time"]
    for row in rows:
        cell = data.sel({key: float(row[key]) for key in ("density.sigma", "seed", "time")})
        assert float(row["loss_nn"]) == float(cell.loss_nn)


def test_the_end_table_is_over_the_seeds_and_the_best_is_first(finished_sweep):
    _, data = finished_sweep
    table = summary(data)
    assert len(table) == 2 and list(table["last"]) == sorted(table["last"])
    mean = data.loss_nn.isel(time=-1).mean("seed").sel({"density.sigma": 6})
    (row,) = [row for _, row in table.iterrows() if row["density.sigma"] == 6]
    assert row["last"] == pytest.approx(float(mean)) and row["runs"] == 2
    assert "± over seeds" in end_table(data)


def test_a_failed_shared_stage_fails_in_each_run(tmp_path, monkeypatch, undrawn):
    from freqbias.compare.sweep import work

    def failing(name):
        def stage(*args, **kwargs):
            raise MemoryError("no space")

        return stage

    monkeypatch.setattr(work, "stage_function", failing)
    sweep = sweep_in(tmp_path / "out", ["seed=0,1"], stages=["pde"])
    expected = ["pde: MemoryError: no space"] * 2
    assert collect_sweep(sweep).failure.values.tolist() == expected
    assert collect(read_folders([sweep.root]), ["seed"]).failure.values.tolist() == expected
    assert "Traceback" in (sweep.root / "sweep.log").read_text()


def record(name: str, last: float, **keys) -> RunRecord:
    """A run with the losses 1 and `last`."""
    losses = {"loss_nn": np.array([1.0, last])}
    return RunRecord(name, {key.replace("__", "."): each for key, each in keys.items()}, np.array([0.0, 1.0]), losses)


@pytest.mark.parametrize(
    ("sigmas", "others"),
    [((4, 9), (600, 500)), ((9, 4), (500, 600)), ((9, 4), ([[3]], [[4]])), ((4, 9, 6), ("b", "c", "a"))],
)
def test_keys_that_go_together_keep_their_values(sigmas, others, tmp_path):
    """In every order: the values of the second key are in the order of the first."""
    runs = [
        record(f"run{index}", sigma / 100, density__sigma=sigma, data__other=other)
        for index, (sigma, other) in enumerate(zip(sigmas, others, strict=True))
    ]
    data = collect(runs)
    assert data.loss_nn.dims == ("density.sigma", "time") and data["data.other"].dims == ("density.sigma",)
    table = summary(data)
    save_table(data, tmp_path / "sweep.csv")
    with (tmp_path / "sweep.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for run, sigma, other in zip(runs, sigmas, others, strict=True):
        cell, text = data.sel({"density.sigma": sigma}), str(other)
        assert str(cell.run.values) == run.name and str(cell["data.other"].values) == text
        (row,) = [row for _, row in table.iterrows() if row["density.sigma"] == sigma]
        assert str(row["data.other"]) == text and row["last"] == sigma / 100
        assert {row["data.other"] for row in rows if row["run"] == run.name} == {text}


def test_the_end_table_of_many_runs_off_a_grid():
    """With a dimension of runs, it is over the seeds too."""
    runs = [
        record(
            f"{sigma}-{seed}", sigma / 100 + seed / 1000,
            density__sigma=sigma, network__width=(7 * sigma) % 50, seed=seed,
        )
        for sigma in range(1, 46) for seed in (0, 1)
    ]  # fmt: skip
    runs += [record("last", 1.0, density__sigma=45, network__width=3, seed=0)]
    data = collect(runs)
    assert data.loss_nn.dims == ("run", "time")
    table = summary(data)
    assert len(table) == 46 and table["runs"].iloc[0] == 2 and table["last"].iloc[0] == pytest.approx(0.0105)
    assert "run" not in table and "± over seeds" in end_table(data)


def test_a_stage_under_other_keys_or_damaged_is_not_collected(tmp_path, caplog, undrawn):
    """It counts as failed, and the other runs are collected."""
    sweep = sweep_in(tmp_path / "out", ["seed=0,1"], stages=["nn"])
    run_file, errors = (sweep.runs / "seed=0" / name for name in ("run.toml", "nn/error.nc"))
    text = run_file.read_text()
    run_file.write_text(text.replace("width = 100", "width = 150"))
    data = collect(read_folders([sweep.root]), ["seed"])
    assert "nn was computed with network.width = 100, but run.toml beside it has 150" in str(data.failure.values[0])
    run_file.write_text(text)
    content = bytearray(errors.read_bytes())
    content[len(content) // 2] ^= 1  # a bit of the numbers: the file can still be read
    errors.write_bytes(content)
    data = collect_sweep(sweep)
    first, second = data.failure.values
    assert "error.nc has changed since it was written: compute again with `freqbias nn" in first and second == ""
    assert f"--out {sweep.runs / 'seed=0'} --overwrite`" in first and first in caplog.text
    assert np.isnan(data.loss_nn.values[0]).all() and np.isfinite(data.loss_nn.values[1]).all()


def test_a_folder_that_cannot_be_written(finished_sweep, tmp_path):
    (tmp_path / "file").write_text("")
    answer = attempt("collect", finished_sweep[0].root, "--out", tmp_path / "file" / "all")
    assert answer.returncode == 2 and "Traceback" not in answer.stderr and "all" in answer.stderr


def test_files_of_others_are_not_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_file = tmp_path / "small.toml"
    run_file.write_text(RUN)
    out = tmp_path / "out"
    out.mkdir()
    (out / "sweep.csv").write_text("mine")
    answer = attempt("sweep", run_file, "seed=0,1", "--stages", "nn", "--out", out)
    assert answer.returncode == 2 and "sweep.csv exists already, but no sweep in this folder" in answer.stderr
    assert [path.name for path in out.iterdir()] == ["sweep.csv"] and (out / "sweep.csv").read_text() == "mine"


def test_tables_are_texts_on_an_axis_and_one_run_has_a_dimension(tmp_path, undrawn):
    sweep = sweep_in(tmp_path / "out", ["data.held_out={every = 2},0.5"], stages=["nn"])
    data = collect_sweep(sweep)
    assert data["data.held_out"].values.tolist() == ["{every=2}", "0.5"] and data.loss_held_out.shape == (2, 3)
    one = collect_sweep(sweep_in(tmp_path / "one", [], stages=["nn"]))
    assert one.loss_nn.dims == ("run", "time") and "loss" in end_table(one)


def test_the_view_of_a_sweep_has_the_fields_of_its_best_runs(finished_sweep, tmp_path):
    import pyvista

    from freqbias.compare.sweep import view_sweep

    root = tmp_path / "out"
    shutil.copytree(finished_sweep[0].root, root, symlinks=True)
    with StopRequest() as stop:
        view_sweep(root, resume=False, overwrite=False, stop=stop)
        with pytest.raises(UsageError, match="--run seed=9: there is no such run"):
            view_sweep(root, ["seed=9"], resume=False, overwrite=True, stop=stop)
    shown = sorted(path.stem for path in (root / "view").glob("*.pvd"))
    ends = finished_sweep[1].loss_nn.isel(time=-1).values.ravel()
    names = finished_sweep[1].run.values.ravel()
    assert shown == sorted(names[np.argsort(ends)])
    reader = pyvista.get_reader(root / "view" / f"{shown[0]}.pvd")
    assert reader.time_values == [0.0, 1.0, 4.0]
    reader.set_active_time_point(2)
    grid = reader.read()[0]
    spectrum = freqbias.open(root / "runs" / shown[0])["pde"].v.isel(time=2, channel=0)
    nearest = spectrum.sel(frequency=grid.points[:, 0], method="nearest")
    on_nodes = np.abs(nearest.frequency.values - grid.points[:, 0]) < 1e-5
    assert on_nodes.sum() > 20
    np.testing.assert_allclose(grid["pde_magnitude"][on_nodes], np.abs(nearest.values)[on_nodes], rtol=1e-6, atol=1e-9)
    script = (root / "view" / "open_in_paraview.py").read_text()
    compile(script, "open_in_paraview.py", "exec")
    assert all(f"{name}.pvd" in script for name in shown)


def test_the_picture_shows_the_keys_that_were_swept(finished_sweep, tmp_path):
    from freqbias.compare.sweep.figure import draw_sweep

    _, data = finished_sweep
    curve = draw_sweep(data, tmp_path / "a.png")
    panel, over_time = curve.axes
    assert panel.get_xlabel() == "density.sigma" and len(over_time.lines) == 2 and (tmp_path / "a.png").is_file()
    ends = data.loss_nn.isel(time=-1)
    np.testing.assert_array_equal(panel.lines[0].get_ydata(), ends.median("seed"))
    best = int(ends.median("seed").values.argmin())
    assert panel.lines[1].get_xdata().tolist() == [float(data["density.sigma"][best])]
    second = data.assign_coords({"network.width": 200}).expand_dims("network.width", axis=1)
    wide = second.copy(deep=True).assign_coords({"network.width": [400]})
    wide["loss_nn"] = 2 * wide["loss_nn"]
    mapped = draw_sweep(xr.concat([second, wide], "network.width"))
    image = mapped.axes[0].images[0].get_array()
    np.testing.assert_allclose(image, np.stack([ends.mean("seed"), 2 * ends.mean("seed")], axis=1))
    assert draw_sweep(data.drop_vars(["loss_nn", "loss_pde", "loss_empirical", "loss_infinite_width"])) is None


def test_warnings_of_the_runs_are_said_once_a_kind(tmp_path):
    log = tmp_path / "sweep.log"
    log.write_text("2026-01-01 10:00:00,000 seed=0/nn WARNING an old one\n")
    begin = log.stat().st_size
    with log.open("a") as file:
        for seed in (1, 2):
            file.write(f"2026-01-01 10:00:00,000 seed={seed}/nn WARNING the loss rises at t = {seed}\n")
            file.write(f"2026-01-01 10:00:00,000 seed={seed}/nn WARNING the loss rises at t = {seed}e-05\n")
            file.write(f"2026-01-01 10:00:00,000 seed={seed}/nn INFO wrote something\n")
        for kind in "abc":
            file.write(f"2026-01-01 10:00:00,000 seed=3/nn WARNING {kind}\n")
    assert log_warnings(log, begin) == [
        "the loss rises at t = 1 (2 stages)", "a (1 stage)", "b (1 stage)", f"1 more kind of warnings in {log}",
    ]  # fmt: skip
    assert log_warnings(tmp_path / "none.log") == []


def test_without_any_loss_no_picture_of_earlier_runs_is_left(tmp_path, finished_sweep):
    _, data = finished_sweep
    (tmp_path / "sweep.png").write_bytes(b"of earlier runs")
    write(data.drop_vars([name for name in data if str(name).startswith("loss")]), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sweep.csv", "sweep.nc"]


def test_a_dry_run_refuses_what_the_sweep_would(tmp_path):
    sweep_in(tmp_path / "out", ["seed=0,1"], stages=["nn"])
    words = ["sweep", tmp_path / "my.toml", "--stages", "nn", "--out", tmp_path / "out", "--dry-run"]
    other = attempt(*words, "seed=0,1", "network.sigma_a=0.5")
    assert other.returncode == 2 and "network.sigma_a: 1 -> 0.5" in other.stderr
    more = attempt(*words, "seed=0,1,2")
    assert more.returncode == 0 and "3 runs, 1 stage left" in more.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--dry-run", "--submit", "4"], "--dry-run contradicts --submit"),
        (["--task", "1/2", "--submit", "4"], "--task 1/2 contradicts --submit"),
        (["--stages", ""], "stages"),
        (["seed=range(abc)"], "seed = range(abc): range cannot take these arguments; write for example range(5)"),
        (["density.sigma=geomspace(-1,9,3)"], "geomspace cannot take these arguments"),
    ],
)
def test_options_that_contradict(words, message, tmp_path):
    (tmp_path / "my.toml").write_text(RUN)
    answer = attempt("sweep", tmp_path / "my.toml", *words, "--out", tmp_path / "out")
    assert answer.returncode == 2 and message in answer.stderr and not (tmp_path / "out").exists()
