"""Kills at every change of the file system.

tests/runtime/test_crashes.py runs these tests in a process of their own.
"""

import os
import shutil
import signal
from itertools import count

import numpy as np

from freqbias.errors import UsageError
from freqbias.runtime import Store

KEYS = {"seed": 0}


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


def test_kill_at_every_step_of_an_overwrite(tmp_path):
    before = Store(tmp_path / "before")
    compute(before, "old")
    interrupted(before, overwrite=True)
    seen = []
    for call in count():
        store = Store(tmp_path / str(call))
        shutil.copytree(before.root, store.root)
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


def test_kill_at_every_step_of_a_first_run(tmp_path):
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


def test_kill_at_every_step_of_begin_overwrite(tmp_path):
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
