"""Settings of all tests."""

import os

import pytest
from hypothesis import settings

# The same examples every time, and no deadline: machines are shared, and a first call may import.
settings.register_profile("freqbias", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("freqbias")


def pytest_configure(config: pytest.Config) -> None:
    """Where there is a GPU, device = "auto" is the CPU all the same, also in the processes that tests start, unless the
    tests that need a GPU are asked for."""
    if config.option.markexpr != "cuda":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
