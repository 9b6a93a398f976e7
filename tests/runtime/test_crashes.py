"""After a kill at any instant, the store has intact checkpoints and results, and the run can continue."""

import logging
import os
import random
import signal
import time
from itertools import count

import numpy as np
import pytest

from freqbias.errors import UsageError
from freqbias.runtime import Store
from tests.launch import start_code

KEYS = {"seed": 0}
STEPS = """
    import sys
    import numpy as np
    from pathlib import Path
    from freqbias.runtime import Store

    stage = Store(Path(sys.argv[1])).open("pde", keys={"seed": 0}, resume=True)
    first = len(stage.checkpoints()) - ("checkpoint" in stage.checkpoints())
    print("begun", flush=True)
    for step in range(first, 1_000_000):
        stage.save_checkpoint("checkpoint", {"w": np.full(30_000, step)}, step=step)
        stage.save_checkpoint(f"step-{step:06d}", {"v": np.full(30_000, step)}, step=step)
"""


def test_sigkill_leaves_intact_checkpoints(tmp_path, caplog):
    generator = random.Random(0)
    steps = 0
    for kills in count():
        if kills >= 5 and steps > 5:  # a busy machine writes little in 0.1 s
            break
        assert kills < 50, "the processes were killed before they wrote anything"
        process = start_code(STEPS, tmp_path)
        time.sleep(generator.uniform(0.0, 0.1))
        process.kill()
        process.communicate()
        with Store(tmp_path).open("pde", keys=KEYS, resume=True) as stage, caplog.at_level(logging.WARNING, "freqbias"):
            names = [name for name in stage.checkpoints() if name != "checkpoint"]
            assert names == [f"step-{step:06d}" for step in range(len(names))]
            for step, name in enumerate(names):
                arrays, meta = stage.load_checkpoint(name)
                assert meta == {"step": step} and np.all(arrays["v"] == step)
            if names:
                assert stage.load_checkpoint("checkpoint")[1]["step"] in (len(names) - 1, len(names))
            assert len(names) >= steps
            steps = len(names)
            assert not list(stage.folder.rglob(".*-*.safetensors"))
    assert not caplog.records, "a checkpoint was damaged, although its write was atomic"


def die_at(call):
    """From now on SIGKILL ends this process at its `call`-th change of the file system."""
    calls = count()

    def dying(change):
        def changed(*args, **kwargs):
            if next(calls) == call:
                os.kill(os.getpid(), signal.SIGKILL)
            return change(*args, **kwargs)

        return changed

    for name in ("replace", "rename", "mkdir", "rmdir", "unlink", "fsync"):
        setattr(os, name, dying(getattr(os, name)))


def compute(store, content, **how):
    with store.open("pde", keys=KEYS, **how) as stage:
        stage.save_checkpoint("step-1", {"v": np.arange(3)})
        with stage.writing("a.txt") as path:
            path.write_text(content)
        with stage.writing("sub/b.txt") as path:
            path.write_text(content)
        stage.finish()


def interrupted(store, **how):
    with store.open("pde", keys=KEYS, **how) as stage:
        stage.save_checkpoint("step-1", {"v": np.arange(3)})
        with stage.writing("a.txt") as path:
            path.write_text("half")


def killed(call, work):
    """Run `work` in a child process that dies at its `call`-th change. True if it died."""
    child = os.fork()
    if child == 0:
        try:
            die_at(call)
            work()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def killed_computing(store, call, **how):
    """Compute a new result in such a child process."""
    return killed(call, lambda: compute(store, "new", **how))


def contents(folder):
    return {(folder / name).read_text() for name in ("a.txt", "sub/b.txt")}


def checked(store):
    """True if `check` finds the stage finished; asserts that it writes nothing."""
    before = sorted(store.root.rglob("*"))
    assert not store.check("pde", keys=KEYS, overwrite=True)
    finished = store.check("pde", keys=KEYS, resume=True)
    assert sorted(store.root.rglob("*")) == before
    return finished


@pytest.fixture
def quick_disk(monkeypatch):
    """fsync does nothing: only a power cut, not the death of a process, loses data that the kernel holds."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_kill_at_every_step_of_an_overwrite(tmp_path, quick_disk):
    seen = []
    for call in count():
        store = Store(tmp_path / str(call))
        compute(store, "old")
        interrupted(store, overwrite=True)
        if not killed_computing(store, call, overwrite=True):
            break
        finished = checked(store)
        result = contents(store.verify("pde", keys=KEYS))
        assert finished or result == {"old"}, "only a finished result replaces the old one"
        assert result in ({"old"}, {"new"})
        seen.append(result)
        compute(store, "newer", overwrite=True)
        assert contents(store.verify("pde", keys=KEYS)) == {"newer"}
        assert [path.name for path in store.root.iterdir()] == ["pde"]
    assert {"old"} in seen and {"new"} in seen
    assert seen == sorted(seen, key=lambda result: result == {"new"}), "once complete, the new result remains"


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_kill_at_every_step_of_a_first_run(tmp_path, quick_disk):
    for call in count():
        store = Store(tmp_path / str(call))
        if not killed_computing(store, call):
            break
        finished = checked(store)
        try:
            assert contents(store.verify("pde", keys=KEYS)) == {"new"}
            assert finished
        except UsageError:
            assert not finished
            with store.open("pde", keys=KEYS, resume=True) as stage:
                assert stage.checkpoints() in ([], ["step-1"])
            compute(store, "new", resume=True)
        assert store.open("pde", keys=KEYS, resume=True).finished
        assert contents(store.verify("pde", keys=KEYS)) == {"new"}
        assert [path.name for path in store.root.iterdir()] == ["pde"]
    assert call > 20


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_kill_at_every_step_of_begin_overwrite(tmp_path, quick_disk):
    stages, markers = {"pde": KEYS, "nn": KEYS}, 0
    for call in count():
        store = Store(tmp_path / str(call))
        for stage in stages:
            store.open(stage, keys=KEYS).finish()
        if not killed(call, lambda store=store: store.begin_overwrite(stages)):
            break
        unfinished = [(store.root / f"{stage}.partial" / "unfinished.json").exists() for stage in stages]
        marked = store.overwrite_interrupted(stages)
        assert marked or len(set(unfinished)) == 1
        assert not store.overwrite_interrupted({"pde": KEYS, "nn": {"seed": 1}}), "the marker of another run file"
        markers += marked
        store.begin_overwrite(stages)
        assert not store.overwrite_interrupted(stages)
        assert not any(store.check(stage, keys=KEYS, resume=True) for stage in stages)
    assert markers > 5 and call > 8


def test_displaced_result_comes_back(tmp_path):
    store = Store(tmp_path)
    compute(store, "old")
    (tmp_path / "pde").rename(tmp_path / ".pde.old")
    assert contents(store.verify("pde")) == {"old"}
    assert [path.name for path in tmp_path.iterdir()] == ["pde"]


HOLDER = """
    import time
    from pathlib import Path
    from freqbias.runtime import Store

    stage = Store(Path({root!r})).open("pde", keys={{"seed": 0}}, resume=True)
    print("open", flush=True)
    time.sleep(60)
"""


def test_second_process_is_refused(tmp_path):
    store = Store(tmp_path)
    holder = start_code(HOLDER.format(root=str(tmp_path)))
    try:
        before = sorted(tmp_path.rglob("*"))
        for how in ({}, {"resume": True}, {"overwrite": True}):
            with pytest.raises(UsageError, match=rf"process {holder.pid} is working on .*pde"):
                store.open("pde", keys=KEYS, **how)
            with pytest.raises(UsageError, match=rf"process {holder.pid} is working on .*pde"):
                store.check("pde", keys=KEYS, **how)
        assert sorted(tmp_path.rglob("*")) == before
        with store.open("nn", keys=KEYS):
            pass
    finally:
        holder.kill()
        holder.communicate()
    assert not store.check("pde", keys=KEYS, resume=True), "a dead process holds no lock"
    with store.open("pde", keys=KEYS, resume=True) as stage:
        assert stage.resumed
