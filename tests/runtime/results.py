"""Small results, whole and unfinished, for tests of the store."""

import numpy as np

KEYS = {"density": {"kind": "gaussian", "sigma": 10.0}, "seed": 0}
OTHER = {"density": {"kind": "gaussian", "sigma": 12.0}, "seed": 0}


def compute(store, content="result", keys=KEYS, **how):
    """A whole stage."""
    with store.open("pde", keys=keys, **how) as stage:
        stage.save_checkpoint("step-1", {"v": np.arange(3)})
        with stage.writing("spectrum.txt") as path:
            path.write_text(content)
        return stage.finish()


def interrupted(store, keys=KEYS, **how):
    """A stage that ends with one part."""
    with store.open("pde", keys=keys, **how) as stage:
        stage.save_checkpoint("step-1", {"v": np.arange(3)}, time=0.5)


def content(root):
    """Everything below root: names, and bytes of files."""
    return {path: path.read_bytes() if path.is_file() else None for path in sorted(root.rglob("*"))}
