"""The available memory, also in a container and in a batch job."""

import os

import pytest

from freqbias.runtime import available_memory, memory

PHYSICAL = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Control groups without a limit, and a process that is in none of them."""
    monkeypatch.setattr(memory, "CGROUP", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "MEMBERSHIP", tmp_path / "membership")
    return tmp_path


def limit(groups, file, text):
    path = groups / "cgroup" / file
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(text)


@pytest.mark.parametrize("file", ["memory.max", "memory/memory.limit_in_bytes"])
@pytest.mark.parametrize(
    ("text", "expected"), [("1048576\n", 2**20), ("max\n", PHYSICAL), (f"{2 * PHYSICAL}\n", PHYSICAL), ("", PHYSICAL)]
)
def test_container_limit(groups, file, text, expected):
    assert available_memory() == PHYSICAL
    limit(groups, file, text)
    assert available_memory() == expected


@pytest.mark.parametrize(
    ("membership", "top", "name"),
    [("0::/slurm/job_7/step_0\n", "", "memory.max"),
     ("8:pids:/other\n4:memory:/slurm/job_7/step_0\n", "memory/", "memory.limit_in_bytes")],
)  # fmt: skip
def test_limits_of_own_and_parent_groups(groups, membership, top, name):
    (groups / "membership").write_text(membership)
    limit(groups, f"{top}other/{name}", "1024\n")
    assert available_memory() == PHYSICAL, "this process is not in that group"
    (groups / "cgroup" / top / "slurm/job_7/step_0").mkdir(parents=True)
    limit(groups, f"{top}slurm/job_7/{name}", f"{2**30}\n")
    assert available_memory() == 2**30
    limit(groups, f"{top}slurm/job_7/step_0/{name}", f"{2**29}\n")
    assert available_memory() == 2**29
