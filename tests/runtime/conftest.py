"""The result store of a test."""

import pytest

from runtime import Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "out")
