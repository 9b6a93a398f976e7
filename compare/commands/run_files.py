"""The run files that freqbias ships."""

from pathlib import Path


def shipped_run_files() -> Path:
    """The folder `runs`, beside `compare` in the checkout and in the wheel."""
    return Path(__file__).resolve().parents[2] / "runs"


def shipped_run_file() -> Path:
    """The run file of figure 4 of the paper."""
    return shipped_run_files() / "figure4.toml"
