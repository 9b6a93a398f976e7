"""Parts of an unfinished result as bytes: a SHA-256, a line of JSON, and the arrays in NumPy's own format. No pickle.

<sha256 of all that follows, in hexadecimal>\\n
{"names": [...], "meta": {...}}\\n
<.npy><.npy>...
"""

import hashlib
import io
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


class DamagedPartError(ValueError):
    """The bytes are not those that were written."""


def pack(arrays: "Mapping[str, np.ndarray]", meta: Mapping[str, Any]) -> bytes:
    """Raises ValueError for arrays of Python objects and NaN in `meta`, TypeError for `meta` that JSON cannot hold."""
    import numpy as np

    body = io.BytesIO()
    header = {"names": list(arrays), "meta": dict(meta)}
    body.write(json.dumps(header, allow_nan=False, default=_plain).encode() + b"\n")
    for array in arrays.values():
        np.lib.format.write_array(body, np.asarray(array), allow_pickle=False)
    content = body.getvalue()
    return hashlib.sha256(content).hexdigest().encode() + b"\n" + content


def unpack(packed: bytes) -> "tuple[dict[str, np.ndarray], dict[str, Any]]":
    """The arrays and the meta that `pack` was given. Raises DamagedPartError."""
    import numpy as np

    digest, _, content = packed.partition(b"\n")
    if hashlib.sha256(content).hexdigest().encode() != digest:
        raise DamagedPartError("the SHA-256 does not match")
    body = io.BytesIO(content)
    header = json.loads(body.readline())
    return {name: np.lib.format.read_array(body, allow_pickle=False) for name in header["names"]}, header["meta"]


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):  # NumPy's scalars and arrays
        return value.tolist()
    raise TypeError(f"meta cannot hold {value!r} of type {type(value).__name__}")
