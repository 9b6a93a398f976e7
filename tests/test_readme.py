"""What README.md says holds: its commands, examples, table of keys and file tree."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from freqbias.compare.spectra import match_positions
from freqbias.problem import ErrorHistory, build, load
from tests.launch import environment
from tests.problem.run_files import every_key, models, variant

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
VIEWED, OWN_ERRORS, EXAMPLE, DIFFERENTIATED = [text for language, text in BLOCKS if language == "python"]
(PHOTO,) = [text for language, text in BLOCKS if language == "toml"]
(TREE,) = [text for language, text in BLOCKS if not language]


def test_the_two_commands_stand_first():
    assert [text for _, text in BLOCKS[:2]] == [
        "pip install uv && uv run freqbias run runs/figure4.toml\n",
        "pip install uv && uv run pytest\n",
    ]


def test_the_example_prints_what_it_says():
    done = subprocess.run(
        [sys.executable, "-c", EXAMPLE], cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    printed, said = np.array(done.stdout.strip(" []\n").split(), float), re.findall(r"per cent: (.*)", EXAMPLE)[0]
    np.testing.assert_allclose(printed, np.array(said.split(), float), rtol=0.02, atol=0.005)  # two decimals are said
    assert len([line for line in EXAMPLE.splitlines() if line]) == 8


def test_the_sum_is_differentiated_as_said():
    names: dict = {}
    exec(DIFFERENTIATED, names)  # noqa: S102  # ours
    assert names["w"].grad.abs().max() > 0 and names["c"].grad.abs().max() > 0


@pytest.fixture
def photo(tmp_path, monkeypatch):
    """photo.toml, and a picture 80 x 64 in colour beside it; the current folder."""
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, size=(64, 80, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    (tmp_path / "photo.toml").write_text(PHOTO, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_run_file_for_an_image_is_valid(photo):
    problem = build(load(photo / "photo.toml"))
    assert (problem.grid.shape, problem.samples.channels, problem.name) == ((64, 64), 3, "photo")


def test_own_errors_are_written_in_the_format_that_compare_reads(photo):
    def my_network(x, t):
        return np.exp(-t)[:, None, None] * np.stack([x[:, 0], x[:, 1], x[:, 0] * x[:, 1]])

    exec(OWN_ERRORS, {"my_network": my_network})  # noqa: S102  (our own text)
    problem, history = build(load(photo / "photo.toml")), ErrorHistory.load(photo / "mine.nc")
    assert (match_positions(history.position, problem.grid) == np.arange(problem.grid.size)).all()
    np.testing.assert_array_equal(history.time, problem.times)
    f = my_network(problem.grid.positions(), problem.times)
    np.testing.assert_allclose(history.error, f - problem.samples.values, atol=1e-14)


def rows() -> list[list[str]]:
    """The cells of the table of keys."""
    table = README.partition("| section | key |")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_the_table_has_every_key_and_its_default():
    there = [f"{section}.{key}".lstrip(".") for section, keys, *_ in rows() for key in words(keys)]
    variants = {variant(model) for _, model in models()} - {""}
    assert len(there) == len(set(there))
    assert set(there) == {".".join(part for part in key.split(".") if part not in variants) for key in every_key()}
    said = {
        (section, name): value
        for section, _, default, _ in rows()
        for text in words(default)
        for name, value in tomllib.loads(text).items()
    }
    real = {
        (section, name): field.get_default()
        for section, model in models()
        for name, field in model.model_fields.items()
        if section
    }
    assert said == {key: value for key, value in real.items() if isinstance(value, bool | int | float | str)}


def listed() -> list[str]:
    """The paths of the file tree."""
    paths, folder = [], ""
    for line in TREE.splitlines():
        name = line.split()[0]
        assert len(line.split()) > 1, f"{name} has no comment"
        folder = folder if line.startswith("  ") else ""
        paths.append(folder + name)
        folder = name if name.endswith("/") else folder
    return paths


def test_the_file_tree_is_there():
    assert [path for path in listed() if not (ROOT / path).exists()] == []
    assert all((ROOT / path).is_dir() == path.endswith("/") for path in listed())


def test_the_file_tree_has_every_top_level_entry():
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if files.returncode != 0:
        pytest.skip("not a git checkout")
    tracked = {path.split("/")[0] for path in files.stdout.splitlines()}
    assert len(tracked) > 15
    assert tracked <= {path.split("/")[0] for path in listed()}


def test_links_lead_to_files():
    text = re.sub(r"^```.*?^```$|`[^`\n]+`", "", README, flags=re.MULTILINE | re.DOTALL)
    targets = re.findall(r"\]\(([^)#]+)\)", text)
    assert targets == [target for target in targets if (ROOT / target).is_file()] != []
