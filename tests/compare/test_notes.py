"""The commands print the notes that the program makes while it reads the data."""

import numpy as np
import soundfile
import tomli_w

from tests.batch import attempt
from tests.problem.run_files import table


def run_file(folder, name):
    path = folder / f"{name}.toml"
    data = {"kind": "file", "path": name}
    path.write_text(tomli_w.dumps(table(unit=None, data=data, replace=True)))
    return path


def test_notes_and_warnings_are_printed(tmp_path):
    """`check` prints both in its report. With -q, other commands print only warnings."""
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "a.wav", rng.uniform(-0.9, 0.9, 64), 8000)
    np.save(tmp_path / "a.npy", rng.normal(size=(8, 6)))
    warning = "warning: [data] a.npy has 8 x 6 points, but all sides"
    note = "a.wav: extent = 0.008 s, from the spacing in the file"
    grid, sound = run_file(tmp_path, "a.npy"), run_file(tmp_path, "a.wav")
    checked = [attempt("check", path) for path in (grid, sound)]
    assert [answer.stderr for answer in checked] == ["", ""]
    assert warning in checked[0].stdout
    assert note in checked[1].stdout
    assert "64 points over 0.008 s" in checked[1].stdout
    assert warning in attempt("mesh", grid, "--out", tmp_path / "grid", "-q").stderr
    assert note in attempt("mesh", sound, "--out", tmp_path / "sound").stderr
    assert note not in attempt("mesh", sound, "--out", tmp_path / "quiet", "-q").stderr
