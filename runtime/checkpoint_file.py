"""Checkpoints as bytes: safetensors files with a SHA-256, readable by any safetensors reader. No pickle.

The metadata has two entries. `content` is JSON, {"names": [...], "complex": [...], "meta": {...}}: the arrays in order,
those of complex double precision, and the caller's own values. Safetensors has no complex numbers: such arrays are
stored as pairs of numbers along one more axis. `sha256` is the SHA-256 of the whole file with zeros in place of that
hash.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

_LENGTH = 8  # bytes at the start of a safetensors file that hold the length of its header
_HASH_ENTRY = b'"sha256":"'  # precedes the hash; within JSON text its quotes would be escaped
_ZEROS = b"0" * 64


class DamagedCheckpointError(ValueError):
    """The bytes differ from those that were written."""


def pack(arrays: "Mapping[str, np.ndarray]", meta: Mapping[str, Any]) -> bytes:
    """The bytes of a checkpoint.

    Raises ValueError for arrays that are not numeric and for NaN in `meta`, TypeError for values that JSON cannot hold.
    """
    import numpy as np
    from safetensors import SafetensorError
    from safetensors.numpy import save

    tensors, pairs = {}, []
    for name, given in arrays.items():
        array = np.asarray(given, order="C")  # safetensors writes the memory in its own order
        if array.dtype == np.complex128:
            array = array[..., None].view(np.float64)
            pairs.append(name)
        tensors[name] = array
    content = {"names": list(arrays), "complex": pairs, "meta": dict(meta)}
    texts = {"sha256": _ZEROS.decode(), "content": json.dumps(content, allow_nan=False, default=_plain_value)}
    try:
        packed = bytearray(save(tensors, metadata=texts))
    except SafetensorError as error:
        raise ValueError(f"safetensors cannot hold {', '.join(arrays)}: {error}") from error
    position = _hash_position(packed)
    packed[position] = _hash(packed, position)
    return bytes(packed)


def unpack(packed: bytes) -> "tuple[dict[str, np.ndarray], dict[str, Any]]":
    """The arrays and the meta given to `pack`. Raises DamagedCheckpointError."""
    import numpy as np
    from safetensors.numpy import load

    position = _hash_position(packed)
    if _hash(packed, position) != packed[position]:
        raise DamagedCheckpointError("the SHA-256 does not match")
    content = json.loads(json.loads(packed[_header(packed)])["__metadata__"]["content"])
    tensors = load(packed)
    arrays = {
        name: tensors[name].view(np.complex128)[..., 0] if name in content["complex"] else tensors[name]
        for name in content["names"]
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
