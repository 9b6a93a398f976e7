"""Settings of all tests."""

import os
import sys
from collections import Counter

import pytest
from hypothesis import settings

if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):  # before NumPy and torch start theirs, which wait spinning
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // int(workers))))

# Many tests start processes, and without bytecode each would compile torch anew: 5 s in place of 2.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# The same examples every time, and no deadline: machines are shared, and a first call may import.
settings.register_profile("freqbias", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("freqbias")

LONG = ("test_oracle.py", "test_kills.py", "test_view.py", "test_examples.py")  # measured: 20 s and more


def pytest_configure(config: pytest.Config) -> None:
    """Where there is a GPU, device = "auto" is the CPU all the same, also in the processes that tests start, unless the
    tests that need a GPU are asked for."""
    if config.option.markexpr != "cuda":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """No workers, whose start takes longer than most files, for one file; nor for the one GPU."""
    one_file = len(config.args) == 1 and ".py" in config.args[0]
    return 0 if one_file or config.option.markexpr == "cuda" else None


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in its own hook
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Each file is a group, which one worker runs; the files marked xdist_group("ranks") are one group together, since
    their processes stay (tests/launch.py). Among workers that group comes first, and then files of few tests: those are
    the long ones, and at the end one worker would wait for another."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.relative_to(config.rootpath).as_posix()))
    if hasattr(config, "workerinput"):
        tests = Counter(item.path for item in items)
        items.sort(key=lambda item: (group_of(item) != "ranks", item.path.name not in LONG, tests[item.path]))


def group_of(item: pytest.Item) -> str:
    mark = item.get_closest_marker("xdist_group")
    return mark.args[0] if mark else ""
