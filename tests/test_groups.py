"""The tests of one file run on one worker, and all tests that need several ranks run on the same worker."""

import pytest


def test_workers_know_the_groups(request):
    """pytest-xdist appends the group of a test to its node id."""
    if not hasattr(request.config, "workerinput"):
        pytest.skip("there are no workers")
    groups = {item.path: item.nodeid.rpartition("@")[2] for item in request.session.items}
    assert groups[request.path] == "tests/test_groups.py"
    root = request.config.rootpath
    assert groups.get(root / "tests" / "pde" / "test_parallel.py", "ranks") == "ranks"
