"""A fresh result store for each test."""

import pytest

from freqbias.runtime import Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "out")
