"""The tests of one file run on one worker, and all tests that need several ranks run on the same worker."""

import pytest

from tests.conftest import group_of


def test_workers_know_the_groups(request):
    """pytest-xdist appends the group of a test to its node id, from which it schedules the test."""
    if not hasattr(request.config, "workerinput"):
        pytest.skip("there are no workers")
    for item in request.session.items:
        assert item.nodeid.endswith(f"@{group_of(item)}") and group_of(item), item.nodeid


def test_files_that_start_resident_ranks_share_a_worker(request):
    """Otherwise each worker would start ranks of its own."""
    group = {item.path: group_of(item) for item in request.session.items if item.path != request.path}
    for path, name in group.items():
        text = path.read_text("utf-8")
        assert name == "ranks" or ("launch.run_all(" not in text and "launch.run_together(" not in text), path
