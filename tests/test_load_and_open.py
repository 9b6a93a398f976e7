"""`freqbias.load` and `freqbias.open`: from files to Python."""

from dataclasses import replace
from shutil import copytree, rmtree

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

import freqbias
from freqbias import compare
from freqbias.compare.kappa import comparison_rates
from freqbias.compare.stages.sources import find_sources, recorded_sources
from freqbias.compare.view import view_sources
from freqbias.problem import Spectrum, build, parse, stage_keys
from freqbias.runtime import Store
from tests.compare.build import fabricated, problem_2d
from tests.compare.test_stage import RUN, TABLES, compare_stage, put
from tests.launch import undrawn


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A result folder with the stages pde, nn, ntk and compare."""
    store = Store(tmp_path_factory.mktemp("results") / "small")
    spectrum, history = fabricated(build(RUN), cells=(32,))
    put(store, "pde", "spectrum.nc", replace(spectrum, attributes={"unit": "m"}))
    put(store, "nn", "error.nc", replace(history, error=1.1 * history.error))
    put(store, "ntk", "infinite-width.nc", history)
    with undrawn():
        compare_stage(store)
    return store.root


@pytest.fixture(scope="module")
def tree(folder):
    return freqbias.open(folder)


def test_load_states_the_problem(folder):
    problem = freqbias.load(folder / "run.toml")
    np.testing.assert_array_equal(problem.times, [0.0, 1.0, 5.0])
    assert repr(problem) == "Problem('test': 64 samples in 1-D, Gaussian, depth 2, width 100, 3 times to t = 5)"


def test_tree_has_a_node_for_each_stage(tree):
    assert {node.path for node in tree.leaves} == {"/pde", "/nn", "/ntk/infinite-width", "/compare/learned"}


def test_spectrum_is_complex(tree, folder):
    v = tree["pde"].v
    assert v.dims == ("time", "channel", "node")
    np.testing.assert_array_equal(v, Spectrum.load(folder / "pde" / "spectrum.nc").error)
    np.testing.assert_allclose(tree["compare"].nn, 1.1 * v, rtol=1e-9, atol=1e-12)


def test_frequency_is_an_index_in_one_dimension(tree):
    pde = tree["pde"]
    node = int(np.abs(pde.frequency.values - 3.0).argmin())
    np.testing.assert_array_equal(pde.v.sel(frequency=3.0, method="nearest"), pde.v.isel(node=node))
    assert tree["nn"].error.sel(position=0.1, time=5.0, method="nearest").shape == (1,)


def test_metrics_are_those_of_the_table(tree):
    np.testing.assert_allclose(tree["compare"].relative_l2_error, 0.1 / 1.1, rtol=1e-9)


def test_every_variable_has_units_and_a_long_name(tree):
    variables = [(node.path, name, each) for node in tree.leaves for name, each in node.variables.items()]
    assert [(path, name) for path, name, each in variables if not each.attrs.keys() >= {"units", "long_name"}] == []
    assert tree["pde"].frequency.attrs["units"] == "cycles/m"


def test_frequencies_stay_vectors_in_two_dimensions(tmp_path):
    spectrum, _ = fabricated(problem_2d())
    put(Store(tmp_path), "pde", "spectrum.nc", spectrum)
    frequency = freqbias.open(tmp_path)["pde"].frequency
    assert frequency.dims == ("node", "axis")
    np.testing.assert_array_equal(frequency, spectrum.frequency)


def test_a_damaged_file_is_refused(tmp_path):
    spectrum, _ = fabricated(build(RUN), cells=(32,))
    put(Store(tmp_path), "pde", "spectrum.nc", spectrum)
    path = tmp_path / "pde" / "spectrum.nc"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(freqbias.UsageError, match=r"spectrum\.nc"):
        freqbias.open(tmp_path)


@pytest.mark.parametrize("stage", ["nn", "ntk", "compare"])
@pytest.mark.parametrize("target", ["self", "nowhere", "/dev/null"])
def test_a_link_in_the_place_of_a_stage_is_no_missing_stage(folder, tmp_path, stage, target):
    """Without the stage, results look complete and lack its part."""
    store = Store(tmp_path / "linked")
    copytree(folder, store.root)
    rmtree(store.root / stage)
    (store.root / stage).symlink_to(stage if target == "self" else target)
    refused = pytest.raises(freqbias.UsageError, match=f"there is no {stage} result in .*linked")
    with refused:
        freqbias.open(store.root)
    if stage == "compare":
        with store.open("pde", keys=stage_keys(RUN, "pde"), overwrite=True) as pde:
            for name in ("spectrum.nc", "fields_000000.vtu"):
                with pde.writing(name) as path:
                    path.write_text("not read")
            pde.finish()
        with refused:
            view_sources(store)
    else:
        with refused:
            find_sources(RUN, store, trained=False)


def test_the_sources_of_a_comparison_as_manifests_record_them(tmp_path):
    """A sweep asks the manifests, and `compare` the files."""
    store = Store(tmp_path)
    files = {
        "pde": ["spectrum.nc", "fields.pvd"],
        "nn": ["error.nc", "network.json"],
        "ntk": ["empirical.nc", "infinite-width.nc"],
        "draws": ["draws.nc"],
        "minibatches": ["minibatches.nc"],
    }
    for stage, names in files.items():
        with store.open(stage, keys=stage_keys(RUN, stage)) as opened:
            for name in names:
                with opened.writing(name) as path:
                    path.write_text(f"{stage} {name}")
            opened.finish()
    found = find_sources(RUN, store).hashes
    assert recorded_sources(store.manifest) == found
    assert found.keys() == {"pde", "nn", "empirical", "infinite-width", "draws", "minibatches"}


def test_a_sweep_that_is_not_collected(tmp_path):
    (tmp_path / "runs").mkdir()
    with pytest.raises(freqbias.UsageError, match=r"but no sweep\.nc; run `freqbias collect .*--resume"):
        freqbias.open(tmp_path)


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(freqbias.UsageError, match="no finished stage"):
        freqbias.open(tmp_path)
    with pytest.raises(freqbias.UsageError, match="no such folder"):
        freqbias.open(tmp_path / "absent")


def test_stages_of_different_problems_are_refused(folder, tmp_path):
    """After `pde --overwrite` with another run file, nn and compare still belong to the first."""
    copytree(folder, tmp_path / "mixed")
    other = parse({**TABLES, "density": {"kind": "gaussian", "sigma": 5.0}})
    spectrum, _ = fabricated(build(other), cells=(32,))
    store = Store(tmp_path / "mixed")
    put(store, "pde", "spectrum.nc", spectrum, run=other, overwrite=True)
    with pytest.raises(
        freqbias.UsageError, match=r"different problems: pde -> nn differ in density.sigma: 5 -> 10; .* --overwrite, or"
    ):
        freqbias.open(store.root)
    rmtree(store.root / "nn")
    rmtree(store.root / "ntk")
    with pytest.raises(freqbias.UsageError, match=r"pde -> compare differ in density.sigma: 5 -> 10"):
        freqbias.open(store.root)
    rmtree(store.root / "compare")
    assert set(freqbias.open(store.root).children) == {"pde"}


@pytest.mark.parametrize(("stage", "name"), [("pde", "spectrum.nc"), ("nn", "error.nc"), ("ntk", "infinite-width.nc")])
def test_a_comparison_of_earlier_results_is_refused(folder, tmp_path, stage, name):
    copytree(folder, tmp_path / "mixed")
    store, (spectrum, history) = Store(tmp_path / "mixed"), fabricated(build(RUN), cells=(32,), decay=0.2)
    put(store, stage, name, spectrum if stage == "pde" else history, overwrite=True)
    with pytest.raises(freqbias.UsageError, match=rf"compare was made from another result of {stage} \({name}\)"):
        freqbias.open(store.root)


def test_a_file_and_a_stage_are_named(folder):
    with pytest.raises(freqbias.UsageError, match=r"metrics.csv is a file; give the folder"):
        freqbias.open(folder / "compare" / "metrics.csv")
    with pytest.raises(freqbias.UsageError, match=r"is the folder of one stage; give the folder above"):
        freqbias.open(folder / "pde")


def test_records_have_short_reprs():
    spectrum, history = fabricated(build(RUN), cells=(32,))
    assert repr(spectrum) == "Spectrum(3 times to t = 5, 1 channel, 129 nodes in 1-D, interval cells of degree 4)"
    assert repr(history).startswith("ErrorHistory(3 times to t = 5, 1 channel, 64 samples in 1-D, loss 0.")


def test_comparison_and_rates_have_short_reprs(folder):
    spectrum, history = fabricated(build(RUN), cells=(32,))
    comparison = compare.compare(spectrum, history, build(RUN))
    assert repr(comparison).startswith(
        "Comparison('test': 3 times to t = 5, 129 nodes in 1-D, error relative to v(0) at most"
    )
    rates = comparison_rates(comparison, build(RUN))
    assert repr(rates) == "Kappa('test': pde, nn; 3 times to t = 5, 129 nodes in 1-D)"


def test_files_of_an_earlier_version_open_too(folder, tree, tmp_path):
    """They have no units."""
    with xr.open_dataset(folder / "pde" / "spectrum.nc", engine="h5netcdf") as data:
        earlier = data.load()
    for variable in earlier.variables.values():
        variable.attrs = {}
    store = Store(tmp_path / "earlier")
    with store.open("pde", keys={}) as stage:
        with stage.writing("spectrum.nc") as path:
            earlier.to_netcdf(path, engine="h5netcdf")
        stage.finish()
    xr.testing.assert_identical(freqbias.open(store.root)["pde"].to_dataset(), tree["pde"].to_dataset())


def test_plots_have_names_and_units(tree):
    """A plot by xarray labels its axes, with cycles/m and not the number of a node."""
    panel = Figure().subplots()
    abs(tree["pde"].v.isel(time=-1, channel=0)).plot(x="frequency", ax=panel)
    assert panel.get_xlabel() == "frequency of a node [cycles/m]" and "unit of the data" in label_of(panel)
    panel = Figure().subplots()
    tree["compare"].relative_l2_error.plot(ax=panel)
    assert panel.get_xlabel() == "time [gradient-flow time]" and label_of(panel).endswith("[1]")
    panel = Figure().subplots()
    tree["compare/learned"].nn.isel(time=-1, channel=0).plot(ax=panel)
    assert panel.get_xlabel().replace("\n", " ") == "position of a sample on axis 1 [unit length]"
    assert label_of(panel) == "what the network has learnt, f(x, t) [unit of the file]"


def label_of(panel):
    return panel.get_ylabel().replace("\n", " ")
