"""A finished sweep and a small run that several files share."""

import logging

import pytest

from tests.compare.small_run import RUN
from tests.compare.sweeps import AXES, sweep_in
from tests.launch import undrawn


@pytest.fixture(scope="session")
def finished_sweep(tmp_path_factory):
    """A finished sweep in 1-D with all stages, and its dataset. Tests may add files, and change none."""
    from freqbias.compare.sweep import collect_sweep

    sweep = sweep_in(tmp_path_factory.mktemp("sweep") / "out", AXES)
    with undrawn():
        return sweep, collect_sweep(sweep)


@pytest.fixture
def small(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(RUN)
    log = logging.getLogger("freqbias")
    handlers, level, propagate = log.handlers[:], log.level, log.propagate
    yield tmp_path
    log.handlers[:], log.propagate = handlers, propagate
    log.setLevel(level)
