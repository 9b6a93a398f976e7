"""Small results, finished and unfinished, for tests of the store."""

import numpy as np

KEYS = {"density": {"kind": "gaussian", "sigma": 10.0}, "seed": 0}
OTHER = {"density": {"kind": "gaussian", "sigma": 12.0}, "seed": 0}


def compute(store, content="result", keys=KEYS, **how):
    """A finished stage."""
    with store.open("pde", keys=keys, **how) as stage:
        stage.save_checkpoint("step-1", {"v": np.arange(3)})
        with stage.writing("spectrum.txt") as path:
            path.write_text(content)
        return stage.finish()


def interrupted(store, keys=KEYS, **how):
    """An unfinished stage with one checkpoint."""
    with store.open("pde", keys=keys, **how) as stage:
        stage.save_checkpoint("step-1", {"v": np.arange(3)}, time=0.5)


def content(root):
    """All paths below root, with the bytes of files."""
    return {path: path.read_bytes() if path.is_file() else None for path in sorted(root.rglob("*"))}
