"""Sweeps: the values of each key, the combinations that are run, and the run files of the runs."""

import numpy as np
import pytest

from freqbias.errors import InputError
from freqbias.problem import in_words, load, load_sweep
from freqbias.problem.sweep_settings import axes_of_words, points, split_list
from tests.problem.test_overrides import RUN


@pytest.fixture
def path(tmp_path):
    (tmp_path / "my.toml").write_text(RUN)
    return tmp_path / "my.toml"


@pytest.mark.parametrize("text, parts", [
    ("4,8, 16", ["4", "8", "16"]),
    ("{every = 2},0.5", ["{every = 2}", "0.5"]),
    ("[[3.0], [10.0]]", ["[[3.0], [10.0]]"]),
    ("'a,b',c", ["'a,b'", "c"]),
    ('"]",[1,2]', ['"]"', "[1,2]"]),
    ("range(1, 7, 2),9", ["range(1, 7, 2)", "9"]),
])  # fmt: skip
def test_values_are_separated_by_commas_outside_brackets_and_quotes(text, parts):
    assert split_list(text) == parts


def test_the_words_of_the_command_line_give_lists_of_values():
    axes = axes_of_words([
        "density.sigma=4,8.5", "seed=range(3),7", "data.held_out={every = 2},0.5", "density.kind=gaussian,laplace",
        "time.end=linspace(1, 2, 3)", "network.sigma_a=geomspace(1,64,4)",
    ])  # fmt: skip
    assert axes == {
        "density.sigma": [4, 8.5], "seed": [0, 1, 2, 7], "data.held_out": [{"every": 2}, 0.5],
        "density.kind": ["gaussian", "laplace"], "time.end": [1.0, 1.5, 2.0], "network.sigma_a": [1.0, 4.0, 16.0, 64.0],
    }  # fmt: skip


@pytest.mark.parametrize("word, message", [
    ("seed=range(a)", "write for example range(5)"),
    ("seed=range(0)", "has 0 values; use from 1 to 100,000"),
    ("seed=range(1000000)", "has 1000000 values"),
    ("seed=linspace(1)", "write for example"),
    ("seed=1,,2", "'' is no value"),
    ("density.sigma", "sets no key"),
])  # fmt: skip
def test_a_word_that_gives_no_values_is_refused(word, message):
    with pytest.raises(InputError, match=message.replace("(", r"\(").replace(")", r"\)")):
        axes_of_words([word])


def test_a_key_is_given_once_and_the_name_is_not_swept(path):
    with pytest.raises(InputError, match="seed is given twice; write all its values in one word, seed=VALUE,VALUE"):
        axes_of_words(["seed=1,2", "seed=3"])
    with pytest.raises(InputError, match="name names the folder of the whole sweep"):
        load_sweep(path, ["name=a,b"])
    assert axes_of_words(["unit=é,ü"]) == {"unit": ["é", "ü"]}


AXES = {"a": [1, 2], "b": ["x", "y"], "c": [5, 6]}


def test_all_combinations_are_run_in_the_order_of_the_keys():
    found = points({"a": [1, 2], "b": ["x", "y"]})
    assert found == [{"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 2, "b": "x"}, {"a": 2, "b": "y"}]
    assert points({}) == [{}]


def test_zipped_keys_go_together_and_tables_add_and_remove_runs():
    found = points(
        AXES, zipped=[("a", "c")], include=[{"a": 9, "c": 9}, {"a": 1, "b": "x", "c": 5}], exclude=[{"a": 2, "b": "x"}]
    )
    assert found == [
        {"a": 1, "c": 5, "b": "x"}, {"a": 1, "c": 5, "b": "y"}, {"a": 2, "c": 6, "b": "y"}, {"a": 9, "c": 9},
    ]  # fmt: skip


@pytest.mark.parametrize("options, message", [
    ({"zipped": [("a", "d")]}, "zip: d has no values"),
    ({"zipped": [("a", "b"), ("b", "c")]}, "zip: b is in two lists"),
    ({"exclude": [{"d": 1}]}, "exclude: d is not swept"),
    ({"exclude": [{"a": 1}, {"a": 2}]}, "exclude leaves no run"),
])  # fmt: skip
def test_lists_and_tables_that_do_not_fit_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        points(AXES, **options)


def test_zipped_keys_need_equally_many_values_and_sweeps_have_a_limit():
    with pytest.raises(InputError, match="a has 2, b has 3 values"):
        points({"a": [1, 2], "b": [1, 2, 3]}, zipped=[("a", "b")])
    with pytest.raises(InputError, match="the sweep has 1,000,000 runs"):
        points({"a": list(range(1000)), "b": list(range(1000))})


def test_each_run_is_the_run_file_with_its_values(path):
    plan = load_sweep(path, ["density.sigma=4,8", "network.width=100,200", "seed=3"])
    assert [in_words(point) for point in plan.points][1] == "density.sigma=4 network.width=200"
    assert plan.axes == ("density.sigma", "network.width") and plan.stages == ("pde", "nn", "ntk", "compare")
    quiet = ["compare.figures=false", "pde.fields=false", "seed=3"]
    for point, run in zip(plan.points, plan.runs, strict=True):
        assert run == load(path, [*in_words(point).split(), *quiet])


def test_the_section_sweep_says_the_same_as_the_command_line(path):
    path.write_text(
        RUN
        + '[sweep]\nstages = ["nn"]\ndensity.sigma = [4, 8, 16]\n"network.width" = [100, 200, 400]\nseed = "range(2)"\n'
        'zip = [["density.sigma", "network.width"]]\nexclude = [{ density.sigma = 16, seed = 1 }]\n'
    )
    section = load_sweep(path)
    assert len(section.runs) == 5 and section.stages == ("nn",) and section.runs[0].sweep is None
    for seed, count in ((0, 3), (1, 2)):
        one = load_sweep(path, [f"seed={seed}"])
        assert len(one.runs) == count and list(one.runs) == [run for run in section.runs if run.seed == seed]
    assert load(path).sweep is not None  # other commands read the file too


def test_a_fixed_key_leaves_its_zip_and_its_tables(path):
    path.write_text(
        RUN + "[sweep]\ndensity.sigma = [4, 8]\nnetwork.width = [100, 200]\nseed = [1, 2]\n"
        'zip = [["density.sigma", "network.width", "seed"]]\ninclude = [{ density.sigma = 32, seed = 9 }]\n'
    )
    runs = load_sweep(path, ["seed=7"]).runs
    assert [(run.density.sigma, run.network.width, run.seed) for run in runs] == [
        (4, 100, 7),
        (8, 200, 7),
        (32, 100, 7),
    ]
    path.write_text(RUN + "[sweep]\nseed = [1, 2]\nexclude = [{ seed = 1 }]\n")
    with pytest.raises(InputError, match="exclude leaves no run"):
        load_sweep(path, ["seed=1"])
    assert len(load_sweep(path, ["seed=2", "density.sigma=4,8"]).runs) == 2


def test_equal_numbers_are_one_run_and_whole_numbers_are_integers(path):
    plan = load_sweep(path, ["density.sigma=4,linspace(2,6,3)"])
    assert [run.density.sigma for run in plan.runs] == [4, 2, 6]
    assert axes_of_words(["network.width=linspace(1000000,1000004,5)"])["network.width"] == [*range(1000000, 1000005)]
    with pytest.raises(InputError, match="has 1000000000 values"):
        axes_of_words(["seed=range(1000000000)"])
    with pytest.raises(InputError, match="has 1000000000 values"):
        axes_of_words(["seed=linspace(0,1,1000000000)"])


def test_python_gives_axes_as_lists_also_of_numpy(path):
    plan = load_sweep(
        path, axes={"density.sigma": np.array([4.0, 8.0]), "seed": range(2), "network.width": np.arange(100, 101)}
    )
    assert [run.density.sigma for run in plan.runs] == [4, 4, 8, 8] and {run.network.width for run in plan.runs} == {
        100
    }


def test_figures_and_fields_are_written_if_the_run_file_asks_for_them(path):
    path.write_text(RUN + "[compare]\nfigures = true\n")
    (run,) = load_sweep(path).runs
    assert run.compare.figures and not run.pde.fields


@pytest.mark.parametrize("more, words, message", [
    ("", ["density.sigma=4,-8"], r"my.toml with density.sigma=-8: \[density\] sigma = -8; expected a positive"),
    ("", ["density.sgma=4,8"], "with density.sgma=4: .* did you mean sigma"),
    ("[sweep]\nseed = 3\n", [], r"\[sweep\] seed = 3; expected a list of values"),
    ("[sweep]\nstages = ['pd']\n", [], r"\[sweep\] stages"),
    ("[sweep]\nstages = ['compare']\n", [], "compare needs the results of pde and nn"),
    ("sweep = 3\n", [], "expected a section"),
])  # fmt: skip
def test_a_faulty_run_is_named(path, more, words, message):
    path.write_text(more + RUN if more.startswith("sweep =") else RUN + more)
    with pytest.raises(InputError, match=message):
        load_sweep(path, words)
