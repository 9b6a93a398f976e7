"""After a kill at any instant, the store has intact checkpoints and results, and the run can continue."""

import logging
import random
import time
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from freqbias.errors import UsageError
from freqbias.runtime import Store
from tests.launch import run, start_code
from tests.runtime.killed_stages import KEYS, compute, contents

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


def test_kill_at_every_step():
    """In a process of its own: a fork takes long in a process that has loaded all libraries."""
    done = run("-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", Path(__file__).with_name("killed_stages.py"))
    assert done.returncode == 0, done.stdout + done.stderr


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
