"""Checkpoints as bytes: safetensors files with a SHA-256, readable by any safetensors reader. No pickle.

The metadata has two entries, `content` and `sha256`. `content` is JSON, {"checkpoint": "pde/output-000001",
"names": [...], "complex": [...], "meta": {...}}: the stage and name of the checkpoint, the names of all arrays in
order, the names of the arrays of complex double precision, and the caller's own values. Safetensors has no complex
numbers, so a complex array is stored as pairs of real numbers along an additional last axis. `sha256` is the SHA-256 of
the whole file, computed with zeros in place of the hash.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

_LENGTH = 8  # a safetensors file begins with the length of the header, in this number of bytes
_HASH_ENTRY = b'"sha256":"'  # precedes the hash; JSON text cannot contain these bytes, because it escapes quotes
_ZEROS = b"0" * 64


class DamagedCheckpointError(ValueError):
    """The bytes differ from those that were written, or belong to another checkpoint."""


def pack(arrays: "Mapping[str, np.ndarray]", meta: Mapping[str, Any], *, name: str) -> bytes:
    """Return the bytes of the checkpoint `name`.

    Raises ValueError if an array is not numeric or `meta` contains NaN, and TypeError if JSON cannot represent a value.
    """
    import numpy as np
    from safetensors import SafetensorError
    from safetensors.numpy import save

    tensors, pairs = {}, []
    for key, given in arrays.items():
        array = np.asarray(given, order="C")  # safetensors writes the memory in its own order
        if array.dtype == np.complex128:
            array = array[..., None].view(np.float64)
            pairs.append(key)
        tensors[key] = array
    content = {"checkpoint": name, "names": list(arrays), "complex": pairs, "meta": dict(meta)}
    texts = {"sha256": _ZEROS.decode(), "content": json.dumps(content, allow_nan=False, default=_plain_value)}
    try:
        packed = bytearray(save(tensors, metadata=texts))
    except SafetensorError as error:
        raise ValueError(f"safetensors cannot hold {', '.join(arrays)}: {error}") from error
    position = _hash_position(packed)
    packed[position] = _hash(packed, position)
    return bytes(packed)


def unpack(packed: bytes, *, name: str) -> "tuple[dict[str, np.ndarray], dict[str, Any]]":
    """Return the arrays and the meta given to `pack`.

    Raises DamagedCheckpointError if the bytes have changed, or if they are those of another checkpoint than `name`.
    """
    import numpy as np
    from safetensors.numpy import load

    position = _hash_position(packed)
    if _hash(packed, position) != packed[position]:
        raise DamagedCheckpointError("the SHA-256 does not match")
    content = json.loads(json.loads(packed[_header(packed)])["__metadata__"]["content"])
    if content.get("checkpoint", name) != name:  # an earlier version did not write the name
        raise DamagedCheckpointError(f"it is the checkpoint {content['checkpoint']}")
    tensors = load(packed)
    arrays = {
        key: tensors[key].view(np.complex128)[..., 0] if key in content["complex"] else tensors[key]
        for key in content["names"]
    }
    return arrays, content["meta"]


def _header(packed: bytes | bytearray) -> slice:
    return slice(_LENGTH, _LENGTH + int.from_bytes(packed[:_LENGTH], "little"))


def _hash_position(packed: bytes | bytearray) -> slice:
    header = _header(packed)
    start = packed.find(_HASH_ENTRY, header.start, header.stop) + len(_HASH_ENTRY)
    return slice(start, start + len(_ZEROS))


def _hash(packed: bytes | bytearray, position: slice) -> bytes:
    view = memoryview(packed)
    digest = hashlib.sha256(view[: position.start])
    digest.update(_ZEROS)
    digest.update(view[position.stop :])
    return digest.hexdigest().encode()


def _plain_value(value: Any) -> Any:
    if hasattr(value, "tolist"):  # NumPy scalars and arrays
        return value.tolist()
    raise TypeError(f"meta cannot hold {value!r} of type {type(value).__name__}")
