"""What README.md says holds: its commands, examples and map of the code. It stays short."""

import re
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

import freqbias
from tests.test_docs import blocks

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
EXAMPLE, OPENED = [text for language, text in BLOCKS if language == "python"]
(PHOTO,) = [text for language, text in BLOCKS if language == "toml"]
(TREE,) = [text for language, text in BLOCKS if not language]


def test_the_two_commands_stand_first():
    assert [text for _, text in BLOCKS[:2]] == [
        "pip install uv && uv run freqbias run runs/figure4.toml\n",
        "pip install uv && uv run pytest\n",
    ]


def test_the_example_prints_its_numbers(capsys):
    """It is the example of docs/python.md, which tests/test_docs.py runs, but for the last line."""
    _, _, on_page, *_ = blocks("python.md", "python")
    (*lines, last), (*expected, printing) = EXAMPLE.splitlines(), on_page.rstrip().splitlines()
    assert lines == expected
    stated, on_its_page = (re.findall(r"per cent: (.*)", line)[0] for line in (last, printing))
    numbers = np.array(on_its_page.split(), float)
    comparison = SimpleNamespace(metrics={"error_over_initial": (numbers + 0.001) / 100})
    exec(last, {"comparison": comparison})  # noqa: S102  # ours
    assert capsys.readouterr().out == f"{stated}\n"
    assert len([line for line in EXAMPLE.splitlines() if line]) < 10


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
    problem = freqbias.load(photo / "photo.toml")
    assert (problem.grid.shape, problem.samples.channels, problem.name) == ((64, 48), 3, "photo")


def listed() -> list[str]:
    """The paths of the file tree, which has two levels."""
    paths, folder = [], ""
    for line in TREE.splitlines():
        name = line.split()[0]
        assert len(line.split()) > 1, f"{name} has no comment"
        inner = line.startswith("  ")
        paths.append(f"{folder}{name}" if inner else name)
        folder = folder if inner else name
    return paths


def test_the_file_tree_is_there():
    assert [path for path in listed() if not (ROOT / path).exists()] == []
    assert all((ROOT / path).is_dir() == path.endswith("/") for path in listed())


def test_the_files_in_its_comments_are_there():
    """`beside.py` in a comment is in the folder of its line."""
    folder, missing = "", []
    for line in TREE.splitlines():
        name, *words = line.split()
        folder = folder if line.startswith("  ") else name
        beside = [word.strip(",;:.") for word in words if re.search(r"\w\.(py|yml|sh)\b", word)]
        missing += [
            f"{folder}{file}" for file in beside if not ((ROOT / folder / file).exists() or (ROOT / file).exists())
        ]
    assert missing == []


def test_the_file_tree_has_every_folder():
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if files.returncode != 0:
        pytest.skip("not a git checkout")
    folders = {path.split("/")[0] for path in files.stdout.splitlines() if "/" in path}
    assert len(folders) > 10
    assert folders <= {path.split("/")[0] for path in listed()}


def test_it_is_short():
    assert len(README.splitlines()) <= 170


def test_results_open_as_shown(monkeypatch):
    spectrum = xr.Dataset(
        {"v": (("time", "channel", "node"), np.zeros((2, 1, 3)))}, {"frequency": ("node", [0.0, 3.0, 5.0])}
    )
    monkeypatch.setattr(freqbias, "open", lambda folder: {"pde": spectrum.set_xindex("frequency")})
    monkeypatch.chdir(ROOT)
    names: dict = {}
    exec(OPENED, names)  # noqa: S102  # ours
    assert names["v"].dims == ("time", "channel") and names["problem"].name == "figure4"


def test_links_lead_to_files():
    text = re.sub(r"^```.*?^```$|`[^`\n]+`", "", README, flags=re.MULTILINE | re.DOTALL)
    targets = re.findall(r"\]\(([^)#]+)\)", text)
    assert targets == [target for target in targets if (ROOT / target).is_file()] != []
