"""Settings of all tests."""

import gc
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests import launch
from tests.forked_reader import forked_reader

# This must precede the imports of NumPy and torch, whose threads spin while they wait.
if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // int(workers))))

# Many tests start processes. Without cached bytecode, each process compiles torch again and needs 5 s instead of 2 s.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Run the same examples every time. Set no deadline: machines are shared, and a first call may import libraries.
settings.register_profile("freqbias", deadline=None, derandomize=True, max_examples=30)
settings.load_profile("freqbias")

gc.disable()  # until all tests are collected: the imports make many objects, and no garbage

LONG = (
    "test_sweep.py",
    "test_oracle.py",
    "test_view.py",
    "test_examples.py",
    "test_densities.py",
    "test_gradients.py",
)  # measured


def pytest_configure(config: pytest.Config) -> None:
    """Hide the GPU from all tests, and from the processes that they start, unless the CUDA tests are selected."""
    if config.option.markexpr != "cuda":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Use no workers for a single file: their start takes longer than most files. Use none for the one GPU."""
    one_file = len(config.args) == 1 and ".py" in config.args[0]
    return 0 if one_file or config.option.markexpr == "cuda" else None


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in its own hook
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give each file to one worker, and all files marked xdist_group("ranks") to one worker, for its resident ranks.

    Long files run first. Otherwise one worker would wait for the other at the end.
    """
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
    if hasattr(config, "workerinput"):
        tests = Counter(item.path for item in items)
        items.sort(key=lambda item: (group_of(item) != "ranks", item.path.name not in LONG, tests[item.path]))


def pytest_collection_finish() -> None:
    """Exclude the imported libraries from garbage collection: scanning them took a sixth of the suite's time."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True, scope="session")
def quick_disk() -> Iterator[None]:
    with launch.quick_disk():
        yield


@pytest.fixture(autouse=True, scope="session")
def quick_reader() -> Iterator[None]:
    with forked_reader():
        yield


@pytest.fixture
def new_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read each mesh file in a new process, as users do."""
    monkeypatch.setattr("freqbias.meshes.mesh_readers.subprocess", subprocess)


@pytest.fixture
def undrawn() -> Iterator[None]:
    """Save figures as placeholder files, for tests that do not look at them."""
    with launch.undrawn():
        yield


@pytest.fixture
def small_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Render the images of `freqbias view` with few pixels."""
    monkeypatch.setattr("freqbias.compare.view.scene.PIXELS", 160)


def group_of(item: pytest.Item) -> str:
    mark = item.get_closest_marker("xdist_group")
    return mark.args[0] if mark else ""
