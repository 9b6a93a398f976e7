"""A finished sweep that several files share."""

import pytest

from tests.compare.sweeps import AXES, sweep_in
from tests.launch import undrawn


@pytest.fixture(scope="session")
def finished_sweep(tmp_path_factory):
    """A finished sweep in 1-D with all stages, and its dataset. Tests may add files, and change none."""
    from freqbias.compare.sweep import collect_sweep

    sweep = sweep_in(tmp_path_factory.mktemp("sweep") / "out", AXES)
    with undrawn():
        return sweep, collect_sweep(sweep)
