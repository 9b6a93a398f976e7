"""`freqbias sweep`: stages that runs share, --resume and --overwrite."""

import json
import shutil

import numpy as np
import pytest

import freqbias
from freqbias.compare.sweep import SweepFolder, collect_sweep
from freqbias.errors import UsageError
from freqbias.problem import load_sweep
from tests.compare.sweeps import AXES, RUN, metrics, sweep_in

pytestmark = [  # one worker, for the sweep that these files share
    pytest.mark.xdist_group("sweeps"),
    pytest.mark.usefixtures("undrawn"),
]


@pytest.fixture(scope="module")
def finished(finished_sweep):
    return finished_sweep[0]


def changed_files(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file() and path.name != "sweep.log"}


def test_a_stage_that_the_swept_keys_do_not_affect_runs_once(finished):
    sweep = finished
    assert len(sweep.tasks) == 2 + 3 * 4  # pde depends on sigma only
    folders = [sweep.runs / name for name in sweep.ids]
    assert sum(not (folder / "pde").is_symlink() for folder in folders) == 2
    assert {(folder / "pde").resolve().parent.name for folder in folders} == {
        f"density.sigma={sigma},seed=0" for sigma in (3, 6)
    }
    for folder in folders:
        assert not any((folder / stage).is_symlink() for stage in ("nn", "ntk", "compare"))


def test_each_run_is_a_result_folder_like_that_of_a_single_run(finished, tmp_path):
    sweep = finished
    name = "density.sigma=6,seed=1"
    alone = freqbias.run(
        sweep.root.parent / "my.toml",
        {"density.sigma": 6, "seed": 1, "compare.figures": False, "pde.fields": False},
        out=tmp_path / "alone",
    )
    assert (tmp_path / "alone" / "run.toml").read_text() == (sweep.runs / name / "run.toml").read_text()
    tree = freqbias.open(sweep.runs / name)
    assert np.array_equal(tree["nn"].error, alone["nn"].error) and np.array_equal(tree["pde"].v, alone["pde"].v)
    for column, values in metrics(tmp_path / "alone").items():
        np.testing.assert_array_equal(metrics(sweep.runs / name)[column], values, err_msg=column)


def test_resume_computes_nothing_again_and_new_values_only_what_is_new(tmp_path):
    root, stages = tmp_path / "out", ["pde", "nn"]
    sweep_in(root, AXES, stages=stages)
    before = changed_files(root / "runs")
    with pytest.raises(UsageError, match="has results of 6 of 6 stages: continue or extend the sweep with --resume"):
        sweep_in(root, AXES, stages=stages)
    sweep_in(root, AXES, resume=True, stages=stages)
    assert changed_files(root / "runs") == before
    sweep = sweep_in(root, ["density.sigma=3,6", "seed=0,1,2"], resume=True, stages=stages)
    assert changed_files(root / "runs").items() >= before.items()
    new = [path for path in changed_files(root / "runs") if path not in before and path.name == "manifest.json"]
    assert len(new) == 2  # nn of two runs with the new seed
    assert collect_sweep(sweep).sizes["seed"] == 3
    sweep = sweep_in(root, ["density.sigma=3", "seed=5,0"], resume=True, stages=stages)
    assert (sweep.runs / "seed=0" / "nn").is_symlink()  # the same run as before under another name
    data = collect_sweep(sweep)
    assert dict(data.sizes) | {"seed": 4, "density.sigma": 2} == dict(data.sizes)  # earlier runs are in the table too


def test_a_changed_run_file_is_refused_and_overwrite_computes_again(tmp_path):
    root, stages = tmp_path / "out", ["pde", "nn"]
    words = ["seed=0,1"]  # which share pde
    first = collect_sweep(sweep_in(root, words, stages=stages))
    changed = RUN.replace("sigma_a = 1.0", "sigma_a = 2.0")
    before = changed_files(root)
    with pytest.raises(UsageError, match=r"network.sigma_a: 1 -> 2"):
        sweep_in(root, words, text=changed, resume=True, stages=stages)
    assert changed_files(root) == before
    sweep = sweep_in(root, words, text=changed, overwrite=True, stages=stages)
    assert all(path.stat().st_mtime_ns != before.get(path) for path in root.glob("runs/*/*/manifest.json"))
    assert not np.isclose(collect_sweep(sweep).loss_nn, first.loss_nn)[..., 1:].any()


def test_a_deleted_run_that_owned_a_shared_stage_is_computed_again(tmp_path):
    root = tmp_path / "out"
    words = ["seed=0,1,2"]
    sweep = sweep_in(root, words, stages=["pde", "nn"])
    before = (sweep.runs / "seed=0" / "pde" / "spectrum.nc").read_bytes()
    shutil.rmtree(sweep.runs / "seed=0")
    assert (sweep.runs / "seed=1" / "pde").is_symlink() and not (sweep.runs / "seed=1" / "pde").exists()
    sweep = sweep_in(root, words, resume=True, stages=["pde", "nn"])
    assert sweep.is_complete
    assert all((sweep.runs / name / "pde" / "spectrum.nc").read_bytes() == before for name in sweep.ids)
    shutil.rmtree(sweep.runs / "seed=0")
    sweep = sweep_in(root, ["seed=1,2"], resume=True, stages=["pde", "nn"])
    assert sweep.is_complete and not (sweep.runs / "seed=1" / "pde").is_symlink()


def test_a_comparison_is_renewed_when_its_sources_change(tmp_path):
    words, stages = ["seed=0"], ["pde", "nn", "compare"]
    sweep = sweep_in(tmp_path / "out", words, stages=stages)
    assert "finite_width" not in metrics(sweep.runs / "run")
    sweep = sweep_in(tmp_path / "out", words, stages=["pde", "nn", "ntk", "compare"], resume=True)
    assert "finite_width" in metrics(sweep.runs / "run") and sweep.is_complete


def test_the_prediction_waits_for_the_training_whose_steps_it_predicts(tmp_path):
    path = tmp_path / "my.toml"
    path.write_text(RUN)
    sweep = SweepFolder(tmp_path / "out", load_sweep(path, stages=["nn", "ntk"]))
    sweep.prepare(overwrite=False)
    assert [(task.stage, sweep.state(index)) for index, task in enumerate(sweep.tasks)] == [
        ("nn", "ready"),
        ("ntk", "waiting"),
    ]
    sweep.record_failure(sweep.tasks[0], ValueError("on purpose"))
    assert sweep.state(1) == "ready"  # it then predicts the steps that were planned


def test_overwrite_leaves_the_results_of_other_commands_alone(tmp_path):
    root, stages = tmp_path / "out", ["pde"]
    sweep_in(root, ["seed=0,1"], stages=stages)
    before = changed_files(root / "runs")
    with pytest.raises(UsageError, match="--overwrite would also replace pde of the run seed=1"):
        sweep_in(root, ["seed=0,2"], stages=stages, overwrite=True)
    assert changed_files(root / "runs") == before


def test_overwrite_leaves_stages_in_the_folders_of_other_commands_alone(tmp_path):
    root, stages = tmp_path / "out", ["pde"]
    sweep_in(root, ["seed=0,1"], stages=stages)  # `pde` lies in the folder of seed=0
    before = changed_files(root / "runs")
    with pytest.raises(UsageError, match="--overwrite would also replace pde of the run seed=0"):
        sweep_in(root, ["seed=1,2"], stages=stages, overwrite=True)
    assert changed_files(root / "runs") == before


def test_results_with_other_keys_are_not_finished(tmp_path):
    sweep = sweep_in(tmp_path / "out", ["seed=0"], stages=["nn"])
    path = sweep.runs / sweep.ids[0] / "nn" / "manifest.json"
    manifest = json.loads(path.read_text())
    assert sweep.has_result(0)
    path.write_text(json.dumps(manifest | {"key_hash": "that of an older version"}))
    assert sweep.has_result(0), "the keys are the same"
    other = manifest["keys"] | {"seed": 5}
    path.write_text(json.dumps(manifest | {"keys": other, "key_hash": "another"}))
    assert not sweep.has_result(0)
