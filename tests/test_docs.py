"""The documentation agrees with the program. Building the site checks links and references."""

import re
import runpy
import tomllib
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import freqbias
from freqbias import nn
from freqbias.compare import Comparison
from freqbias.compare.commands import build_app
from freqbias.nn.trained_module import trained_module
from freqbias.numerics import Grid
from freqbias.problem import (
    ErrorHistory,
    Gaussian,
    Network,
    Problem,
    Section,
    Spectrum,
    load,
    match_positions,
    parse,
    waves,
)
from tests.problem.run_files import models, variant

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
HOOKS = runpy.run_path(str(DOCS / "hooks.py"))


def page(name: str) -> str:
    """The Markdown of a page, with the parts that come from the program."""
    text: str = HOOKS["on_page_markdown"]((DOCS / name).read_text(encoding="utf-8"))
    return text


def blocks(name: str, language: str) -> list[str]:
    """The fenced blocks of a page in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page(name), flags=re.MULTILINE | re.DOTALL)


SECTIONS = {section for section, _ in models() if section}
MODELS = [pytest.param(*each, id=f"{each[0]}.{variant(each[1])}".strip(".") or "top") for each in models()]


@pytest.mark.parametrize(("section", "model"), MODELS)
def test_every_key_of_the_run_file_has_its_row(section, model):
    heading = f"\n## [{section}]\n" if section else "\n## Outside the sections\n"
    text = page("run-file.md").partition(heading)[2].partition("\n## ")[0]
    if kind := variant(model):
        text = text.partition(f'\n### `kind = "{kind}"`\n')[2].partition("\n### ")[0]
    rows = {row[0]: row[1:] for row in re.findall(r"^\| `(\w+)` \| (.*?) \| (.*) \|$", text, flags=re.MULTILINE)}
    fields = {name: field for name, field in model.model_fields.items() if name != "kind"}
    assert rows.keys() == fields.keys() - (set() if section else SECTIONS)
    for name, (default, _) in rows.items():
        if fields[name].is_required():
            assert default == "required"
        elif default:
            expected = fields[name].default
            expected = dict(expected) if isinstance(expected, Section) else expected
            assert tomllib.loads(f"default = {default.strip('`')}")["default"] == expected
        else:
            assert fields[name].default in (None, "")


def test_every_command_is_there():
    commands = re.findall(r"^## `freqbias (\w+)`$", page("commands.md"), flags=re.MULTILINE)
    assert commands == [command.name for command in build_app().registered_commands] != []


def test_plain_files_say_where_the_rest_is():
    """A page whose tables the hooks insert says so to readers of the file, and not on the site."""
    note = r"\A# .*\n\n(> .*\n)*> .*`uv run properdocs"
    filled = [path for path in DOCS.glob("*.md") if re.search(r"^<!-- ", path.read_text(), flags=re.MULTILINE)]
    assert {path.name for path in filled} == {"run-file.md", "commands.md", "gallery.md"}
    for path in filled:
        assert re.search(note, path.read_text()) and "plain file" not in page(path.name)
        assert re.match(r"# .*\n\n\w", page(path.name))


def test_the_result_folder_of_an_odd_name(tmp_path):
    """docs/commands.md gives this example."""
    assert "the results of `q ü.toml` are in `out/q-ü/`" in page("commands.md")
    text = (ROOT / "runs" / "figure4.toml").read_text()
    (tmp_path / "q ü.toml").write_text(text.replace('name = "figure4"', "", 1))
    assert load(tmp_path / "q ü.toml").name == "q-ü"


def test_every_example_is_in_the_gallery():
    examples = sorted((ROOT / "examples").glob("[0-9]*.py"))
    text = page("gallery.md")
    assert re.findall(r"^\?\?\? example \"examples/(.*)\"$", text, flags=re.MULTILINE) == [e.name for e in examples]
    pictures = re.findall(r"\(gallery/(.*)\.png\)", text)
    assert pictures == [example.stem for example in examples]
    assert sorted(path.stem for path in (DOCS / "gallery").iterdir()) == pictures


def test_every_variable_and_column_is_described(tmp_path):
    xi, cells, time = np.array([[-1.0], [1.0]]), np.array([[0, 1]]), np.array([0.0, 1.0])
    v, x, u = np.ones((2, 1, 2), complex), np.zeros((3, 1)), np.zeros((2, 1, 3))
    attributes = {"cell_type": "interval", "degree": 1}
    targets = {"held_out_position": x, "held_out_error": u, "point_position": x, "prediction": u}
    spectrum = Spectrum(time, xi, v, cells, **attributes, loss=time, **targets, prediction_bound=time)
    spectrum.save(tmp_path / "spectrum.nc")
    ErrorHistory(time, x, u, time, **targets, prediction_bound=time).save(tmp_path / "error.nc")
    metrics = {"error_over_initial": time}
    Comparison(time, xi, v, v, cells, **attributes, limit=np.ones(1), metrics=metrics).save(tmp_path / "spectra.nc")
    text = (DOCS / "formats.md").read_text(encoding="utf-8")
    for path in tmp_path.iterdir():
        section = text.partition(f"/{path.name}\n")[2].partition("\n## ")[0]
        with xr.open_dataset(path, engine="h5netcdf") as data:
            assert [name for name in data.variables if f"`{name}`" not in section] == []


def test_the_run_file_of_the_tutorial_is_valid():
    (text,) = blocks("tutorial.md", "toml")
    assert parse(tomllib.loads(text)).network.width == 50_000


def test_the_run_file_of_the_page_on_sigma_is_valid():
    text, purpose = blocks("choosing-sigma.md", "toml")
    tables = {"density": {"kind": "gaussian", "sigma": 1.0}, **tomllib.loads(text)}
    run = parse(tables)
    assert run.design is not None and run.data.held_out.every == 2
    assert parse({**tables, **tomllib.loads(purpose)}).design.purpose == "balanced"


def test_own_errors_have_the_format_of_compare(tmp_path, monkeypatch):
    def my_network(x, t):
        return np.exp(-t)[:, None, None] * np.stack([x[:, 0], x[:, 1], x[:, 0] * x[:, 1]])

    monkeypatch.chdir(tmp_path)
    Path("photo.toml").write_text(blocks("tutorial.md", "toml")[0], encoding="utf-8")
    recorded, written = blocks("your-own-network.md", "python")
    exec(recorded, {})  # noqa: S102  (our own text)
    problem, history = freqbias.load("photo.toml"), ErrorHistory.load(Path("mine.nc"))
    np.testing.assert_allclose(history.time, 0.01 * 2 / 3 * np.arange(0, 101, 10))
    np.testing.assert_array_equal(history.position, problem.grid.positions())
    exec(written, {"my_network": my_network})  # noqa: S102  (our own text)
    history = ErrorHistory.load(Path("mine.nc"))
    assert (match_positions(history.position, problem.grid) == np.arange(problem.grid.size)).all()
    np.testing.assert_array_equal(history.time, problem.times)
    f = my_network(problem.grid.positions(), problem.times)
    np.testing.assert_allclose(history.error, f - problem.samples.values, atol=1e-14)


def small_network() -> nn.KeptNetwork:
    samples = waves(Grid((4, 4), (1.0, 1.0)), [[1.0, 0.0]])
    plan = nn.plan_training(Problem(Gaussian(1.0), samples, Network(width=2, sigma_a=1.0), np.array([0.0, 1.0])))
    *_, last = nn.trajectory(plan)
    return trained_module(plan, last.whole_state(), 1.0)


def test_examples_on_the_python_page(capsys, tmp_path, monkeypatch):
    _, runs, example, choice, trained, several, densities, any_module, differentiated = blocks("python.md", "python")
    names: dict = {}
    compile(runs, "python.md", "exec")
    exec(example, names)  # noqa: S102  (our own text)
    printed = np.array(capsys.readouterr().out.strip(" []\n").split(), float)
    stated = np.array(re.findall(r"per cent: (.*)", example)[0].split(), float)
    np.testing.assert_allclose(printed, stated, rtol=0.02, atol=0.005)  # two decimals
    exec(choice, names)  # noqa: S102  (our own text)
    winner, loss = re.findall(r"# (gaussian sigma = .*) loss (.*)", choice)[0]
    best = names["result"].best
    assert (str(best.candidate), f"{best.held_out:.4f}") == (winner, loss) and names["chosen"].density.sigma > 1
    assert capsys.readouterr().out.strip() == f"{winner} loss {loss}"
    monkeypatch.chdir(tmp_path)
    nn.save(small_network(), "out/NAME")
    exec(trained, names)  # noqa: S102  (our own text)
    assert names["values"].shape == (1000, 1) and names["fine"].shape == (1, 1024**2)
    assert nn.load("my-network").description == nn.load("out/NAME").description
    exec(several, names)  # noqa: S102  (our own text)
    assert f"# {capsys.readouterr().out.splitlines()[-1]}" in several
    exec(densities, names)  # noqa: S102  (our own text)
    assert f"k(z) at z = 0.01: {capsys.readouterr().out.strip()}" in densities
    exec(any_module, names)  # noqa: S102  (our own text)
    assert names["history"].loss[-1] < 0.5 * names["history"].loss[0] and (tmp_path / "mine.nc").is_file()
    exec(differentiated, names)  # noqa: S102  (our own text)
    assert names["w"].grad.abs().max() > 0 and names["c"].grad.abs().max() > 0


def test_formulas_become_mathml():
    html = HOOKS["on_page_content"](r'<p><span class="arithmatex">\(a &lt; b\)</span></p>')
    assert re.fullmatch(r'<p><span class="arithmatex"><math .*<mo>&#x0003C;</mo>.*</math></span></p>', html)


@pytest.mark.parametrize("name", sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")))
def test_the_rows_of_a_table_have_the_cells_of_its_head(name):
    """A | in a formula would start a new cell."""
    for table in re.findall(r"(?:^\|.*\n)+", page(name), flags=re.MULTILINE):
        head, *rows = table.splitlines()
        assert [row for row in rows if bars(row) != bars(head)] == []


def bars(row: str) -> int:
    return len(re.findall(r"(?<!\\)\|", row))
