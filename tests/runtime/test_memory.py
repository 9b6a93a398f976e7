"""The memory that there is, in a container too."""

import os

import pytest

from runtime import available_memory, memory

PHYSICAL = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.mark.parametrize("file", ["memory.max", "memory/memory.limit_in_bytes"])
@pytest.mark.parametrize(
    ("limit", "expected"), [("1048576\n", 2**20), ("max\n", PHYSICAL), (f"{2 * PHYSICAL}\n", PHYSICAL), ("", PHYSICAL)]
)
def test_the_limit_of_the_container_counts(tmp_path, monkeypatch, file, limit, expected):
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    assert available_memory() == PHYSICAL
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(limit)
    assert available_memory() == expected
