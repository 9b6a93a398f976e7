"""The run files that freqbias ships."""

from pathlib import Path


def shipped_run_files() -> Path:
    """Return the path of the folder `runs`. The checkout and the wheel have this folder beside `compare`."""
    return Path(__file__).resolve().parents[2] / "runs"


def shipped_run_file() -> Path:
    """Return the path of the run file for figure 4 of the paper."""
    return shipped_run_files() / "figure4.toml"
