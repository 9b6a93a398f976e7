"""The hash of the keys that a result depends on, and the list of their changes."""

import json
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freqbias.runtime import changed_keys, key_hash

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
tables = st.dictionaries(st.text(max_size=3), values, max_size=4)


def reversed_order(value):
    if isinstance(value, dict):
        return {key: reversed_order(value[key]) for key in reversed(value)}
    return [reversed_order(entry) for entry in value] if isinstance(value, list) else value


@given(tables)
def test_hash_ignores_key_order(keys):
    assert key_hash(reversed_order(keys)) == key_hash(keys)


@given(tables)
def test_hash_survives_json(keys):
    assert key_hash(json.loads(json.dumps(keys))) == key_hash(keys)


@given(tables, tables)
def test_hash_and_changed_keys_agree(old, new):
    assert (key_hash(old) == key_hash(new)) == (changed_keys(old, new) == [])


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_hash_sees_the_last_bit(a, b):
    assert (key_hash({"x": a}) == key_hash({"x": b})) == (a == b)


@given(st.integers(-(2**53), 2**53))
def test_hash_of_integer_and_float(n):
    assert key_hash({"x": n}) == key_hash({"x": float(n)})


def test_hash_sees_types():
    hashes = {key_hash({"x": value}) for value in (True, 1, "1", None, [1], {"1": 1})}
    assert len(hashes) == 6


def test_hash_of_equivalent_types():
    plain = {"extent": [1, 2.5], "path": "data/map.npz", "end": 200}
    rich = {"extent": (1.0, np.float64(2.5)), "path": Path("data/map.npz"), "end": np.int64(200)}
    assert key_hash(plain) == key_hash(rich)
    assert key_hash({"times": np.array([1.0, 2.5])}) == key_hash({"times": [1, 2.5]})


def test_changed_keys_text():
    old = {"density": {"kind": "gaussian", "sigma": 10.0}, "time": {"end": 200}, "seed": 0}
    new = {"density": {"kind": "gaussian", "sigma": 12.5}, "time": {"end": 200.0, "outputs": 20}}
    assert changed_keys(old, new) == ["density.sigma: 10 -> 12.5", "seed: 0 -> absent", "time.outputs: absent -> 20"]


class WithFiles(dict):
    files: ClassVar[dict[str, str]] = {"data.path": "pc.png", "density.parts.1.path": "rho.npz", "mesh.path": "no.vtu"}


def test_changed_files_are_named():
    def keys(data, part, weight=1, sigma=4):
        parts = [{"sigma": sigma}, {"path": part * 64, "weight": weight}]
        return WithFiles({"data": {"path": data * 64}, "density": {"parts": parts}})

    old = keys("a", "b")
    image, table = "the file pc.png ([data] path) has changed", "the file rho.npz ([density.parts 2] path) has changed"
    assert changed_keys(old, keys("a", "b")) == []
    assert changed_keys(old, keys("c", "b")) == [image]
    assert changed_keys(dict(old), keys("c", "d")) == [image, table]
    assert changed_keys(old, dict(keys("c", "b"))) == ["data.path: the content of the file has changed"]
    other = changed_keys(old, keys("a", "d", sigma=5))  # a list of parts is one key; its other changes are shown
    assert other[1] == table and other[0].startswith('density.parts: [{"sigma":4}') and '"sigma":5' in other[0]
    waves = WithFiles({**old, "data": {"kind": "waves"}})
    assert changed_keys(waves, old)[1] == "data.path: absent -> a file"  # another key, not another content


@pytest.mark.parametrize(
    ("value", "error"), [(float("nan"), ValueError), (float("inf"), ValueError), (object(), TypeError)]
)
def test_values_without_canonical_form(value, error):
    with pytest.raises(error):
        key_hash({"x": [value]})
